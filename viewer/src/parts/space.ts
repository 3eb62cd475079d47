// Space: panes that scroll together, lines of reference, the crosshair, and planes through volumes.
import { bindKeys } from "../input/keymap";
import { createPlanesViewport } from "../render/planes";
import { crosshair, referenceLines, scrollLinked, viewLinked } from "../state/link";
import { panes } from "../state/reading";
import { crosshairTool, isTurned, planeGrips, shiftJump, startCrosshair, straighten, turnPlanes } from "../tools/crosshair";
import { startLinks } from "../tools/link";
import { arePlanesOpen, nextProjection, refusal, togglePlanes } from "../tools/planes";
import { volumeViewport } from "../tools/viewports";
import { action, type Action, hasStack, tool } from "../ui/actions";
import type { Part } from "../ui/parts";
import { PlanesLayer, RefusalPlace, SpaceLines, SpaceMark } from "../ui/spacelayers";

const ACTIONS: readonly Action[] = [
  tool("crosshair", "crosshair", "x"),
  action("layout", "planes", "planes", "m", togglePlanes, { isOn: arePlanesOpen, isOffered: () => arePlanesOpen() || hasStack() }),
  action("layout", "link", "link", "y", () => (scrollLinked.value = !scrollLinked.peek()), { isOn: () => scrollLinked.value, isOffered: hasPanes }),
  action("layout", "link_view", "link", "shift+y", () => (viewLinked.value = !viewLinked.peek()), { isOn: () => viewLinked.value, isOffered: hasPanes }),
  action("layout", "reference_lines", "lines", "shift+x", () => (referenceLines.value = !referenceLines.peek()), {
    isOn: () => referenceLines.value,
    isOffered: hasPanes,
  }),
  action("view", "projection", "planes", "shift+p", nextProjection, { isOffered: arePlanesOpen }),
  action("view", "turn_planes_left", "rotateLeft", "shift+arrowleft", () => turnPlanes(-1), { isOffered: arePlanesOpen }),
  action("view", "turn_planes_right", "rotateRight", "shift+arrowright", () => turnPlanes(1), { isOffered: arePlanesOpen }),
  action("view", "straighten", "reset", "shift+s", straighten, { isOffered: isTurned }),
];

function hasPanes(): boolean {
  return panes.value.length > 1;
}

function escape(): void {
  refusal.value = null;
  if (!arePlanesOpen()) crosshair.value = null;
}

export const space: Part = {
  texts: {
    vi: () => import("../i18n/space.vi.json"),
    en: () => import("../i18n/space.en.json"),
    fr: () => import("../i18n/space.fr.json"),
  },
  tools: [crosshairTool],
  actions: ACTIONS,
  hooks: [shiftJump, planeGrips],
  layers: [SpaceLines, PlanesLayer],
  marks: [SpaceMark],
  places: [RefusalPlace],
  start() {
    volumeViewport.value = createPlanesViewport;
    startLinks();
    startCrosshair();
    bindKeys(window, () => new Map(refusal.peek() || crosshair.peek() ? [["escape", escape]] : []));
  },
};
