// What mouse, touch and wheel do in a pane.
import { bindGestures, type Drag } from "../input/gestures";
import type { Viewport } from "../render/viewport";
import { stepSeries } from "../state/reading";
import { fingerTool, toolFor } from "./tools";

const SHIFT_WHEEL = 5;
const WHEEL_ZOOM = 1.15;
/** A quick way across with one finger, this far and flatter than 1:2, is a swipe to the next series. */
const SWIPE_PX = 90;
/** Nearer than this to 1 the whole picture is shown. */
const FITTED = 0.01;

/** Binds the gestures of a pane to its viewport. Returns what unbinds them. */
export function bindPane(element: HTMLElement, viewport: Viewport, activate: () => void): () => void {
  let move: ((drag: Drag) => void) | null = null;
  return bindGestures(element, {
    dragStart(drag) {
      activate();
      move = toolFor(drag).start(viewport);
    },
    drag(drag) {
      move?.(drag);
    },
    dragEnd(drag) {
      move = null;
      if (isSwipe(drag, viewport)) stepSeries(drag.at.x < drag.from.x ? 1 : -1);
    },
    pinch({ factor, at, deltaXPx, deltaYPx }) {
      viewport.zoomBy(factor, at);
      viewport.panBy(deltaXPx, deltaYPx);
    },
    wheel({ steps, at, shift, ctrl }) {
      activate();
      if (ctrl) viewport.zoomBy(WHEEL_ZOOM ** -steps, at);
      else viewport.scroll(steps * (shift ? SHIFT_WHEEL : 1));
    },
    tap: activate,
    doubleTap() {
      if (isFitted(viewport)) viewport.actualSize();
      else viewport.fit();
    },
  });
}

function isFitted(viewport: Viewport): boolean {
  return Math.abs(viewport.zoom.peek() - 1) < FITTED;
}

function isSwipe({ pointer, at, from }: Drag, viewport: Viewport): boolean {
  const across = Math.abs(at.x - from.x);
  return pointer === "touch" && fingerTool.peek() === "scroll" && isFitted(viewport) && across > SWIPE_PX && across > 2 * Math.abs(at.y - from.y);
}
