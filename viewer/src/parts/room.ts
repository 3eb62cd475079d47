// The room: grids, one pane alone, priors, films.
import { HANG_TEXTS } from "../hang/texts";
import { bindKeys } from "../input/keymap";
import { stepHanging } from "../state/hangings";
import { stepPane, toggleOnly } from "../state/layout";
import { onlyPaneId, panes } from "../state/reading";
import { narrow } from "../state/screen";
import { isPaired } from "../state/secondwindow";
import { bindDrops } from "../tools/drops";
import { sendToOther, startSecondWindow } from "../tools/secondwindow";
import { toggleAll } from "../tools/cine";
import type { PaneHook } from "../tools/hooks";
import { action, type Action } from "../ui/actions";
import { FilmBar } from "../ui/filmbar";
import { chooserOpen, GridChooser, nextGrid } from "../ui/gridchooser";
import type { Part } from "../ui/parts";
import { LikeThisPlace, openLikeThis } from "../ui/likethisplace";
import { BlockedPlace, openSecond } from "../ui/secondwindow";
import { SeriesList } from "../ui/serieslist";
import "../ui/room.css";

const ACTIONS: readonly Action[] = [
  action("layout", "grid", "grid", "e", () => (chooserOpen.value = !chooserOpen.peek()), { isOn: () => chooserOpen.value }),
  action("layout", "next_grid", "grid", "shift+e", nextGrid),
  action("layout", "one_up", "onePane", "enter", toggleOnly, { isOn: () => onlyPaneId.value !== null, isOffered: hasPanes }),
  action("layout", "next_pane", "forward", "arrowright", () => stepPane(1), { isOffered: hasPanes }),
  action("layout", "previous_pane", "back", "arrowleft", () => stepPane(-1), { isOffered: hasPanes }),
  action("layout", "next_hanging", "forward", ".", () => void stepHanging(1)),
  action("layout", "previous_hanging", "back", ",", () => void stepHanging(-1)),
  action("layout", "like_this", "keep", "shift+l", openLikeThis),
  action("layout", "second_window", "secondWindow", "shift+w", openSecond, { isOn: () => isPaired.value, isOffered: () => !narrow.value }),
  action("layout", "to_other_window", "forward", "shift+enter", sendToOther, { isOffered: () => isPaired.value }),
  action("images", "play_all", "play", "shift+c", toggleAll, { isOffered: hasPanes }),
];

function hasPanes(): boolean {
  return panes.value.length > 1;
}

/** A double click shows one pane alone, and all again; of a finger it stays what fits the picture. */
const oneUp: PaneHook = {
  doubleTap(_viewport, _at, { pointer }) {
    if (pointer !== "mouse" || !hasPanes()) return false;
    toggleOnly();
    return true;
  },
};

function escape(): void {
  onlyPaneId.value = null;
}

export const room: Part = {
  texts: HANG_TEXTS,
  actions: ACTIONS,
  hooks: [oneUp],
  layers: [FilmBar],
  places: [GridChooser, LikeThisPlace, BlockedPlace],
  side: SeriesList,
  start() {
    bindDrops();
    startSecondWindow();
    bindKeys(window, () => new Map(onlyPaneId.peek() === null ? [] : [["escape", escape]]));
  },
};
