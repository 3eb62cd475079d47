// Pointer and wheel events made into gestures. Knows no component and no viewport: it calls what it was given.
import type { Point } from "../geom/plane";

export type Button = "left" | "middle" | "right";

export interface Drag {
  readonly button: Button;
  readonly pointer: "mouse" | "touch" | "pen";
  readonly shift: boolean;
  readonly ctrl: boolean;
  /** CSS px from the element's corner. */
  readonly at: Point;
  readonly from: Point;
  /** Since the last call. */
  readonly deltaXPx: number;
  readonly deltaYPx: number;
}

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
  /** Two fingers. */
  pinch?(pinch: Pinch): void;
  pinchEnd?(): void;
  wheel?(wheel: Wheel): void;
  /** A press and release without a move. */
  tap?(at: Point, pointer: Drag["pointer"]): void;
  doubleTap?(at: Point, pointer: Drag["pointer"]): void;
  /** Held without a move for half a second. */
  longPress?(at: Point): void;
  /** A mouse moves over the element with no button down; null when it leaves. */
  hover?(at: Point | null): void;
}

/** Binds the gestures of an element. Returns what unbinds them. */
export function bindGestures(element: HTMLElement, handlers: GestureHandlers): () => void {
  throw new Error(`not built yet: ${element.id} ${Object.keys(handlers)}`);
}
