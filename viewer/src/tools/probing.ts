// The value under the pointer, and a larger view of what lies there.
import type { Viewport } from "../render/viewport";
import { loupe, probed } from "../state/loupe";
import { drawing } from "./drawing";
import type { PaneHook } from "./hooks";
import { mouseTool, type Tool } from "./tools";

export const magnify: Tool = {
  name: "magnify",
  cursor: "zoom-in",
  start: ({ canvas }) => ({
    move({ at, pointer }) {
      loupe.value = { canvas, at, beside: pointer === "touch" };
    },
    end: putDown,
    cancel: putDown,
  }),
};

/** Leaves a mark with the value where it is pressed. */
export const probe = drawing("probe", "probe");

/** The value beside the mouse while the probe is in hand, and under a finger that rests. */
export const probing: PaneHook = {
  hover(viewport, at) {
    show(mouseTool.peek() === "probe" ? viewport : null, at);
    return null;
  },
  longPress(viewport, at) {
    show(viewport, at);
    return true;
  },
  tap() {
    probed.value = null;
    return false;
  },
  grab() {
    probed.value = null;
    return null;
  },
};

function show(viewport: Viewport | null, at: { readonly x: number; readonly y: number } | null): void {
  probed.value = viewport && at && { canvas: viewport.canvas, at };
}

function putDown(): void {
  loupe.value = null;
}
