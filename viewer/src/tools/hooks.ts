// What lies over a picture may take a gesture before the tool in use: a handle, a measurement, a line.
import { signal } from "@preact/signals-core";
import type { Point } from "../geom/plane";
import type { Drag, Press } from "../input/gestures";
import type { Viewport } from "../render/viewport";
import type { ToolDrag } from "./tools";

/** Each is asked in turn until one takes the gesture; points are CSS px of the pane. */
export interface PaneHook {
  /** Takes a drag of the left button or of a finger that begins here; null: not mine. */
  grab?(viewport: Viewport, drag: Drag): ToolDrag | null;
  /** Takes a press and release without a move; false: not mine. */
  tap?(viewport: Viewport, at: Point, press: Press): boolean;
  doubleTap?(viewport: Viewport, at: Point, press: Press): boolean;
  longPress?(viewport: Viewport, at: Point): boolean;
  /** The mouse moves with no button down; null: it has left. The cursor that says what is there; null: nothing of mine. */
  hover?(viewport: Viewport, at: Point | null): string | null;
}

const hooks = signal<readonly PaneHook[]>([]);

/** Later ones are asked first. Returns what takes it away. */
export function addHook(hook: PaneHook): () => void {
  hooks.value = [hook, ...hooks.peek()];
  return () => {
    hooks.value = hooks.peek().filter((each) => each !== hook);
  };
}

/** The first answer that is not `nothing`. */
export function askHooks<Answer>(ask: (hook: PaneHook) => Answer | undefined, nothing: Answer): Answer {
  for (const hook of hooks.peek()) {
    const answer = ask(hook);
    if (answer !== undefined && answer !== nothing) return answer;
  }
  return nothing;
}
