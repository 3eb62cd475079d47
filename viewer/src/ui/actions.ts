// Everything a reader can do, once: the toolbar, the menus, the keys, the touch sheet and the help come from this list.
import { computed } from "@preact/signals-core";
import type { Key } from "../i18n";
import type { Viewport } from "../render/viewport";
import { cornerTexts, ownKeys, sideList } from "../state/prefs";
import { allSeries, stepSeries, stepStudy, studies } from "../state/reading";
import { go, listAddress } from "../state/route";
import { touchFirst } from "../state/screen";
import { toggleSheet } from "../state/sheets";
import { changeSpeed, playing, togglePlay } from "../tools/cine";
import { chooseTool, fingerTool, mouseTool, type ToolName } from "../tools/tools";
import { activeViewport } from "../tools/viewports";
import type { IconName } from "./icons";
import { parts } from "./parts";

export type Group = "tools" | "measure" | "images" | "view" | "layout" | "page";

type NameIn<Label> = Label extends `action.${infer Name}` ? Name : never;
export type ActionName = NameIn<Key>;

export interface Action {
  readonly name: ActionName;
  readonly label: Key;
  readonly icon: IconName;
  readonly group: Group;
  /** As `keyName` writes it. */
  readonly key: string;
  readonly run: () => void;
  /** For what can be on or off: whether it is on. */
  readonly isOn?: () => boolean;
  /** Whether there is something for it to do now; unless told, there is. */
  readonly isOffered?: () => boolean;
}

type Rest = Partial<Pick<Action, "isOn" | "isOffered">>;

const ZOOM_STEP = 1.25;
const MANY_IMAGES = 10;

const FIRST: readonly Action[] = [
  tool("scroll", "scroll", "s"),
  tool("window", "window", "w"),
  tool("zoom", "zoom", "z"),
  tool("pan", "pan", "p"),

  image("next_image", "down", "arrowdown", (viewport) => viewport.scroll(1)),
  image("previous_image", "up", "arrowup", (viewport) => viewport.scroll(-1)),
  image("next_images", "down", "shift+arrowdown", (viewport) => viewport.scroll(MANY_IMAGES)),
  image("previous_images", "up", "shift+arrowup", (viewport) => viewport.scroll(-MANY_IMAGES)),
  image("first_image", "first", "home", (viewport) => viewport.setFrame(0)),
  image("last_image", "last", "end", (viewport) => viewport.setFrame(viewport.count.peek() - 1)),
  action("images", "next_series", "forward", "pagedown", () => stepSeries(1), { isOffered: hasSeries }),
  action("images", "previous_series", "back", "pageup", () => stepSeries(-1), { isOffered: hasSeries }),
  action("images", "next_study", "forward", "n", () => stepStudy(1), { isOffered: hasStudies }),
  action("images", "previous_study", "back", "shift+n", () => stepStudy(-1), { isOffered: hasStudies }),
  action("images", "play", "play", "c", togglePlay, { isOn: () => playing.value, isOffered: hasStack }),
  action("images", "slower", "slower", "[", () => changeSpeed(-1), { isOffered: hasStack }),
  action("images", "faster", "faster", "]", () => changeSpeed(1), { isOffered: hasStack }),

  view("zoom_in", "zoom", "+", (viewport) => viewport.zoomBy(ZOOM_STEP)),
  view("zoom_out", "zoomOut", "-", (viewport) => viewport.zoomBy(1 / ZOOM_STEP)),
  view("fit", "fit", "=", (viewport) => viewport.fit()),
  view("invert", "invert", "i", (viewport) => viewport.setInvert(!viewport.invert.peek()), { isOn: isInverted }),
  view("rotate_right", "rotateRight", "r", (viewport) => viewport.rotate(1)),
  view("rotate_left", "rotateLeft", "l", (viewport) => viewport.rotate(-1)),
  view("flip_horizontal", "flipHorizontal", "h", (viewport) => viewport.flip("horizontal")),
  view("flip_vertical", "flipVertical", "v", (viewport) => viewport.flip("vertical")),
  view("reset", "reset", "space", (viewport) => viewport.reset()),

  action("page", "side_list", "sideList", "b", () => (sideList.value = !sideList.peek()), { isOn: () => sideList.value }),
  action("page", "corners", "corners", "g", () => (cornerTexts.value = !cornerTexts.peek()), { isOn: () => cornerTexts.value }),
  action("page", "full_screen", "fullScreen", "f", toggleFullScreen, { isOffered: () => document.fullscreenEnabled }),
  action("page", "help", "keyboard", "?", () => toggleSheet("help")),
  action("page", "list", "list", "u", () => go(listAddress.peek())),
];

/** All there are now: those of every reading page, then those that parts have brought. */
export const recordedActions = computed<readonly Action[]>(() => [...FIRST, ...parts.value.flatMap((part) => part.actions ?? [])]);

/** The same, with the keys that the reader has given them. */
export const actions = computed<readonly Action[]>(() => recordedActions.value.map((each) => ({ ...each, key: ownKeys.value[each.name] ?? each.key })));

/** The action of a name; nothing while its part has not come. */
export function actionOf(name: ActionName): Action | undefined {
  return actions.value.find((each) => each.name === name);
}

export function actionsOf(names: readonly ActionName[]): readonly Action[] {
  return names.map(actionOf).filter((each) => each !== undefined);
}

export function isOffered(wanted: Action): boolean {
  return wanted.isOffered?.() ?? true;
}

export function action(group: Group, name: ActionName, icon: IconName, key: string, run: () => void, rest: Rest = {}): Action {
  return { name, label: `action.${name}`, icon, group, key, run, ...rest };
}

export function tool(name: ToolName & ActionName, icon: IconName, key: string): Action {
  return action("tools", name, icon, key, () => chooseTool(name), { isOn: () => isToolOn(name) });
}

export function image(name: ActionName, icon: IconName, key: string, run: (viewport: Viewport) => void): Action {
  return action("images", name, icon, key, () => onViewport(run), { isOffered: hasStack });
}

export function view(name: ActionName, icon: IconName, key: string, run: (viewport: Viewport) => void, rest: Rest = {}): Action {
  return action("view", name, icon, key, () => onViewport(run), rest);
}

function onViewport(run: (viewport: Viewport) => void): void {
  const viewport = activeViewport.peek();
  if (viewport) run(viewport);
}

function isToolOn(name: ToolName): boolean {
  return (touchFirst.value ? fingerTool : mouseTool).value === name;
}

function isInverted(): boolean {
  return activeViewport.value?.invert.value ?? false;
}

export function hasStack(): boolean {
  return (activeViewport.value?.count.value ?? 0) > 1;
}

function hasSeries(): boolean {
  return allSeries.value.length > 1;
}

function hasStudies(): boolean {
  return studies.value.length > 1;
}

function toggleFullScreen(): void {
  if (document.fullscreenElement) void document.exitFullscreen();
  else void document.documentElement.requestFullscreen();
}
