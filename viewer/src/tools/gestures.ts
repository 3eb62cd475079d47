// What mouse, touch and wheel do in a pane.
import { bindGestures, type Drag } from "../input/gestures";
import type { Viewport } from "../render/viewport";
import { stepSeries } from "../state/reading";
import { askHooks } from "./hooks";
import { fingerTool, mouseTool, toolFor, toolOf, type ToolDrag } from "./tools";

const SHIFT_WHEEL = 5;
const WHEEL_ZOOM = 1.15;
/** A quick way across with one finger, this far and flatter than 1:2, is a swipe to the next series. */
const SWIPE_PX = 90;
const HELD_VIBRATES_MS = 12;
/** Nearer than this to 1 the whole picture is shown. */
const FITTED = 0.01;

/** Binds the gestures of a pane to its viewport. Returns what unbinds them. */
export function bindPane(element: HTMLElement, viewport: Viewport, activate: () => void): () => void {
  let drag: ToolDrag | null = null;
  let taken = false;
  return bindGestures(element, {
    dragStart(begun) {
      activate();
      const grabbed = begun.button === "left" ? askHooks((hook) => hook.grab?.(viewport, begun), null) : null;
      taken = grabbed !== null;
      drag = grabbed ?? toolFor(begun).start(viewport, begun);
    },
    drag(moved) {
      drag?.move(moved);
    },
    dragEnd(ended) {
      const swiped = !taken && isSwipe(ended, viewport);
      drag?.end?.(ended);
      drag = null;
      if (swiped) stepSeries(ended.at.x < ended.from.x ? 1 : -1);
    },
    dragCancel() {
      drag?.cancel?.();
      drag = null;
    },
    pinch({ factor, at, deltaXPx, deltaYPx }) {
      viewport.zoomBy(factor, at);
      viewport.panBy(deltaXPx, deltaYPx);
    },
    heldStart(begun) {
      activate();
      // Felt, not seen: the fingers hide the picture.
      navigator.vibrate?.(HELD_VIBRATES_MS);
      drag = toolOf("window").start(viewport, begun);
    },
    held(moved) {
      drag?.move(moved);
    },
    heldEnd(ended) {
      drag?.end?.(ended);
      drag = null;
    },
    wheel({ steps, at, shift, ctrl }) {
      activate();
      if (ctrl) viewport.zoomBy(WHEEL_ZOOM ** -steps, at);
      else viewport.scroll(steps * (shift ? SHIFT_WHEEL : 1));
    },
    tap(at, press) {
      activate();
      if (askHooks((hook) => hook.tap?.(viewport, at, press), false)) return;
      toolOf((press.pointer === "mouse" ? mouseTool : fingerTool).peek()).tap?.(viewport, at);
    },
    doubleTap(at, press) {
      if (askHooks((hook) => hook.doubleTap?.(viewport, at, press), false)) return;
      if (isFitted(viewport)) viewport.actualSize();
      else viewport.fit();
    },
    longPress(at) {
      askHooks((hook) => hook.longPress?.(viewport, at), false);
    },
    hover(at) {
      element.style.cursor = askHooks((hook) => hook.hover?.(viewport, at), null) ?? toolOf(mouseTool.peek()).cursor;
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
