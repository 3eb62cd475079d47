// Pointer and wheel events made into gestures. Knows no component and no viewport: it calls what it was given.
import type { Point } from "../geom/plane";

export type Button = "left" | "middle" | "right";
export type PointerKind = "mouse" | "touch" | "pen";

export interface Drag {
  readonly button: Button;
  readonly pointer: PointerKind;
  readonly shift: boolean;
  readonly ctrl: boolean;
  /** CSS px from the element's corner. */
  readonly at: Point;
  /** Where it began. */
  readonly from: Point;
  /** Since the last call. */
  readonly deltaXPx: number;
  readonly deltaYPx: number;
}

/** What pressed, and with which keys held. */
export type Press = Pick<Drag, "pointer" | "shift" | "ctrl">;

export interface Wheel {
  /** Whole steps, down positive: a notch of a mouse wheel is one, a touch pad adds up to them. */
  readonly steps: number;
  readonly at: Point;
  readonly shift: boolean;
  readonly ctrl: boolean;
}

export interface Pinch {
  /** Spread now by spread at the last call. */
  readonly factor: number;
  readonly at: Point;
  readonly deltaXPx: number;
  readonly deltaYPx: number;
}

export interface GestureHandlers {
  dragStart?(drag: Drag): void;
  drag?(drag: Drag): void;
  dragEnd?(drag: Drag): void;
  /** The drag came to nothing: a second finger came, or the browser took the pointer. */
  dragCancel?(): void;
  /** Two fingers. */
  pinch?(pinch: Pinch): void;
  pinchEnd?(): void;
  /** Two fingers rest for a moment and then move together: a drag of what lies between them, told when the rest is over. */
  heldStart?(drag: Drag): void;
  held?(drag: Drag): void;
  heldEnd?(drag: Drag): void;
  wheel?(wheel: Wheel): void;
  /** A press and release without a move. */
  tap?(at: Point, press: Press): void;
  doubleTap?(at: Point, press: Press): void;
  /** Held without a move for half a second. */
  longPress?(at: Point): void;
  /** A mouse moves over the element with no button down; null when it leaves. */
  hover?(at: Point | null): void;
}

/** A finger or mouse has moved when it is so far from where it came down. */
const STILL_PX = 5;
const DOUBLE_TAP_MS = 350;
const DOUBLE_TAP_PX = 30;
const LONG_PRESS_MS = 500;
/** So long two fingers rest before they move together. */
const HELD_MS = 500;
/** A notch of a mouse wheel, in the units of WheelEvent.deltaMode: pixels, lines, pages. */
const NOTCH = [100, 3, 1] as const;
const BUTTONS: Readonly<Record<number, Button>> = { 0: "left", 1: "middle", 2: "right" };

interface Down {
  readonly from: Point;
  readonly button: Button;
  at: Point;
  /** A long press was told: its release is no tap. */
  held: boolean;
}

/** Binds the gestures of an element. Returns what unbinds them. */
export function bindGestures(element: HTMLElement, handlers: GestureHandlers): () => void {
  const down = new Map<number, Down>();
  const bound = new AbortController();
  let dragging: number | null = null;
  let pinching = false;
  /** Where the middle of two fingers rested and last was; null while they pinch, or before it is known. */
  let heldPair: { readonly from: Point; at: Point } | null = null;
  let pairMoved = false;
  let rest: ReturnType<typeof setTimeout> | undefined;
  let lastTap: { readonly at: Point; readonly timeMs: number } | null = null;
  let longPress: ReturnType<typeof setTimeout> | undefined;

  const pointOf = (event: MouseEvent): Point => {
    const { left, top } = element.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };
  const dragOf = (event: PointerEvent, finger: Down, at: Point): Drag => ({
    button: finger.button,
    pointer: kindOf(event),
    shift: event.shiftKey,
    ctrl: event.ctrlKey || event.metaKey,
    at,
    from: finger.from,
    deltaXPx: at.x - finger.at.x,
    deltaYPx: at.y - finger.at.y,
  });
  const endDrag = (event: PointerEvent): void => {
    const finger = dragging === null ? undefined : down.get(dragging);
    dragging = null;
    if (finger) handlers.dragEnd?.(dragOf(event, finger, finger.at));
  };

  const cancelDrag = (): void => {
    if (dragging === null) return;
    dragging = null;
    handlers.dragCancel?.();
  };

  const press = (event: PointerEvent): void => {
    const button = BUTTONS[event.button];
    if (!button) return;
    event.preventDefault();
    element.focus({ preventScroll: true });
    element.setPointerCapture(event.pointerId);
    const at = pointOf(event);
    down.set(event.pointerId, { from: at, at, button, held: false });
    clearTimeout(longPress);
    if (down.size > 1) {
      cancelDrag();
      clearTimeout(rest);
      endHeld();
      pinching = down.size === 2;
      pairMoved = false;
      if (pinching && handlers.heldStart) rest = setTimeout(holdPair, HELD_MS);
    } else {
      longPress = setTimeout(() => hold(event.pointerId), LONG_PRESS_MS);
    }
  };
  const hold = (pointer: number): void => {
    const finger = down.get(pointer);
    if (!finger || dragging !== null || pinching) return;
    lastTap = null;
    finger.held = true;
    handlers.longPress?.(finger.at);
  };
  const middleDrag = (from: Point, at: Point, before: Point): Drag => ({
    button: "left",
    pointer: "touch",
    shift: false,
    ctrl: false,
    at,
    from,
    deltaXPx: at.x - before.x,
    deltaYPx: at.y - before.y,
  });
  const holdPair = (): void => {
    const [one, other] = [...down.values()];
    if (!pinching || pairMoved || !one || !other) return;
    const at = middle(one.at, other.at);
    heldPair = { from: at, at };
    handlers.heldStart?.(middleDrag(at, at, at));
  };
  const endHeld = (): void => {
    if (heldPair) handlers.heldEnd?.(middleDrag(heldPair.from, heldPair.at, heldPair.at));
    heldPair = null;
  };
  const move = (event: PointerEvent): void => {
    const finger = down.get(event.pointerId);
    const at = pointOf(event);
    if (!finger) {
      if (event.pointerType === "mouse") handlers.hover?.(at);
    } else if (pinching) {
      pinchTo(event.pointerId, finger, at);
    } else if (down.size === 1) {
      dragTo(event, finger, at);
    }
  };
  const dragTo = (event: PointerEvent, finger: Down, at: Point): void => {
    if (dragging === null) {
      if (distance(at, finger.from) < STILL_PX) return;
      clearTimeout(longPress);
      dragging = event.pointerId;
      handlers.dragStart?.(dragOf(event, finger, finger.from));
    }
    handlers.drag?.(dragOf(event, finger, at));
    finger.at = at;
  };
  const pinchTo = (pointer: number, finger: Down, at: Point): void => {
    const other = [...down].find(([id]) => id !== pointer)?.[1];
    if (!other) return;
    // A finger that only trembles leaves the rest of both as it is.
    if (!pairMoved && !heldPair && distance(at, finger.from) < STILL_PX) return;
    pairMoved = true;
    const before = { spread: distance(finger.at, other.at), middle: middle(finger.at, other.at) };
    finger.at = at;
    const now = middle(at, other.at);
    if (heldPair) {
      heldPair.at = now;
      return handlers.held?.(middleDrag(heldPair.from, now, before.middle));
    }
    const factor = before.spread > 0 ? distance(at, other.at) / before.spread : 1;
    handlers.pinch?.({ factor, at: now, deltaXPx: now.x - before.middle.x, deltaYPx: now.y - before.middle.y });
  };
  const release = (event: PointerEvent): void => {
    const finger = down.get(event.pointerId);
    if (!finger) return;
    clearTimeout(longPress);
    if (pinching) {
      pinching = false;
      clearTimeout(rest);
      endHeld();
      handlers.pinchEnd?.();
      // The finger that stays is not a drag of its own.
      down.clear();
    } else if (dragging === event.pointerId) {
      if (event.type === "pointercancel") cancelDrag();
      else endDrag(event);
    } else if (event.type === "pointerup" && finger.button === "left" && !finger.held) {
      tapped(finger.at, event);
    }
    down.delete(event.pointerId);
  };
  const tapped = (at: Point, event: PointerEvent): void => {
    const again = lastTap !== null && event.timeStamp - lastTap.timeMs < DOUBLE_TAP_MS && distance(at, lastTap.at) < DOUBLE_TAP_PX;
    lastTap = again ? null : { at, timeMs: event.timeStamp };
    if (again) handlers.doubleTap?.(at, pressOf(event));
    else handlers.tap?.(at, pressOf(event));
  };

  let turned = 0;
  const wheel = (event: WheelEvent): void => {
    event.preventDefault();
    // With shift held, browsers turn the wheel sideways.
    const delta = event.deltaY || event.deltaX;
    const notches = delta / (NOTCH[event.deltaMode] ?? NOTCH[0]);
    // Mice give whole notches of any size: each is a step. Touch pads give small parts, which add up.
    turned = Math.abs(notches) >= 0.5 ? Math.sign(notches) * Math.max(1, Math.round(Math.abs(notches))) : turned + notches;
    const steps = Math.trunc(turned);
    if (steps === 0) return;
    turned -= steps;
    handlers.wheel?.({ steps, at: pointOf(event), shift: event.shiftKey, ctrl: event.ctrlKey || event.metaKey });
  };

  const { signal } = bound;
  element.addEventListener("pointerdown", press, { signal });
  element.addEventListener("pointermove", move, { signal });
  element.addEventListener("pointerup", release, { signal });
  element.addEventListener("pointercancel", release, { signal });
  element.addEventListener("pointerleave", () => handlers.hover?.(null), { signal });
  element.addEventListener("wheel", wheel, { signal, passive: false });
  element.addEventListener("contextmenu", (event) => event.preventDefault(), { signal });
  return () => {
    clearTimeout(longPress);
    clearTimeout(rest);
    bound.abort();
  };
}

function pressOf(event: PointerEvent): Press {
  return { pointer: kindOf(event), shift: event.shiftKey, ctrl: event.ctrlKey || event.metaKey };
}

function kindOf({ pointerType }: PointerEvent): PointerKind {
  return pointerType === "touch" || pointerType === "pen" ? pointerType : "mouse";
}

function distance(one: Point, other: Point): number {
  return Math.hypot(one.x - other.x, one.y - other.y);
}

function middle(one: Point, other: Point): Point {
  return { x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 };
}
