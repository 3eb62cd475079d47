// Measuring: tools that draw, numbers with unit and source, the list of them, undo.
import { bindKeys } from "../input/keymap";
import { draft, selected, selectedId } from "../state/annotations";
import { canRedo, canUndo, redo, undo } from "../state/history";
import { openPanel, togglePanel } from "../state/panel";
import { toggleSheet } from "../state/sheets";
import { calibrating } from "../tools/calibrating";
import { addWritten, cancelDrawing, drawing, following } from "../tools/drawing";
import { editing, removeSelected } from "../tools/editing";
import { windowOfRegion } from "../tools/regionwindow";
import { magnify, probe, probing } from "../tools/probing";
import type { Tool } from "../tools/tools";
import { activeViewport } from "../tools/viewports";
import { action, tool, type Action } from "../ui/actions";
import { DrawnLayer } from "../ui/drawnlayer";
import { Measurements } from "../ui/measurements";
import { PanelPlace } from "../ui/panelplace";
import type { Part } from "../ui/parts";
import { QuestionPlace } from "../ui/question";
import { WindowsPlace } from "../ui/windowsheet";

const TOOLS: readonly Tool[] = [
  magnify,
  drawing("length", "length"),
  drawing("angle", "angle"),
  drawing("cobb", "cobb"),
  drawing("ellipse", "ellipse"),
  drawing("rectangle", "rectangle"),
  drawing("freehand", "freehand"),
  probe,
  drawing("arrow", "arrow"),
  drawing("text", "text", addWritten),
  calibrating,
];

const ACTIONS: readonly Action[] = [
  tool("magnify", "zoom", "shift+z"),
  measuring("length", "length", "d"),
  measuring("angle", "angle", "a"),
  measuring("cobb", "cobb", "shift+a"),
  measuring("ellipse", "ellipse", "o"),
  measuring("rectangle", "rectangle", "shift+o"),
  measuring("freehand", "freehand", "shift+f"),
  measuring("probe", "probe", "q"),
  measuring("arrow", "arrow", "shift+t"),
  measuring("text", "text", "t"),
  measuring("calibrate", "calibrate", "shift+d"),
  action("view", "edit_windows", "presets", "", () => toggleSheet("windows"), { isOffered: () => activeViewport.value?.window.value !== null }),
  action("view", "window_of_region", "window", "shift+r", windowOfRegion, { isOffered: () => selected.value !== null }),
  action("measure", "undo", "undo", "ctrl+z", undo, { isOffered: () => canUndo.value }),
  action("measure", "redo", "redo", "ctrl+y", redo, { isOffered: () => canRedo.value }),
  action("measure", "delete_measurement", "remove", "delete", removeSelected, { isOffered: () => selected.value !== null }),
  action("measure", "measurements", "measurements", "shift+m", () => togglePanel("measurements"), { isOn: () => openPanel.value === "measurements" }),
];

function measuring(name: Parameters<typeof tool>[0], icon: Parameters<typeof tool>[1], key: string): Action {
  return { ...tool(name, icon, key), group: "measure" };
}

/** What Escape ends here; before it is anybody else's. */
function keys(): ReadonlyMap<string, () => void> {
  const always = [
    ["ctrl+shift+z", redo],
    ["backspace", removeSelected],
  ] as const;
  if (draft.peek()) return new Map([...always, ["escape", cancelDrawing]]);
  return new Map(selectedId.peek() === null ? always : [...always, ["escape", letGo]]);
}

function letGo(): void {
  selectedId.value = null;
}

export const measure: Part = {
  texts: {
    vi: () => import("../i18n/measure.vi.json"),
    en: () => import("../i18n/measure.en.json"),
    fr: () => import("../i18n/measure.fr.json"),
  },
  tools: TOOLS,
  actions: ACTIONS,
  hooks: [probing, editing, following],
  layers: [DrawnLayer],
  places: [PanelPlace, QuestionPlace, WindowsPlace],
  panels: [{ name: "measurements", label: "measure.panel", icon: "measurements", Body: Measurements }],
  start: () => void bindKeys(document, keys),
};
