// The last thing that was taken away, while it can still be brought back.
import { signal } from "@preact/signals-core";
import type { Answer } from "../net/api";

export interface Undoable {
  /** What was done, for a person. */
  readonly text: string;
  readonly undo: () => Promise<Answer<unknown>>;
}

export const undoable = signal<Undoable | null>(null);
