// What is drawn is kept: saved while one works, key images, publishing as DICOM.
import { openPanel, togglePanel } from "../state/panel";
import { startKeeping } from "../state/kept";
import { toggleStar } from "../state/keyimages";
import { frameShown } from "../tools/framesshown";
import { activeViewport } from "../tools/viewports";
import { action, type Action } from "../ui/actions";
import { KeyImages } from "../ui/keyimages";
import type { Part } from "../ui/parts";
import { SavePlace } from "../ui/savestate";
import { isStarred, StarLayer } from "../ui/starlayer";

const ACTIONS: readonly Action[] = [
  action("images", "key_image", "star", "k", star, { isOn: isStarred, isOffered: () => activeFrame() !== null }),
  action("page", "key_images", "star", "shift+k", () => togglePanel("key_images"), { isOn: () => openPanel.value === "key_images" }),
];

function activeFrame(): ReturnType<typeof frameShown> {
  return activeViewport.value && frameShown(activeViewport.value);
}

function star(): void {
  const frame = activeFrame();
  if (frame) toggleStar(frame);
}

export const kept: Part = {
  texts: {
    vi: () => import("../i18n/kept.vi.json"),
    en: () => import("../i18n/kept.en.json"),
    fr: () => import("../i18n/kept.fr.json"),
  },
  actions: ACTIONS,
  layers: [StarLayer],
  places: [SavePlace],
  panels: [{ name: "key_images", label: "kept.key_images", icon: "star", Body: KeyImages }],
  start: startKeeping,
};
