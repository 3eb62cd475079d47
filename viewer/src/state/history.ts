// What the reader did, step by step: undone and done again.
import { batch, computed, signal } from "@preact/signals-core";

export interface Step {
  readonly undo: () => void;
  readonly redo: () => void;
}

/** So many are remembered. */
const MOST = 200;

const done = signal<readonly Step[]>([]);
const undone = signal<readonly Step[]>([]);

export const canUndo = computed(() => done.value.length > 0);
export const canRedo = computed(() => undone.value.length > 0);

/** Does it, and remembers how it is undone. */
export function perform(step: Step): void {
  batch(() => {
    step.redo();
    done.value = [...done.peek(), step].slice(-MOST);
    undone.value = [];
  });
}

export function undo(): void {
  const step = done.peek().at(-1);
  if (!step) return;
  batch(() => {
    step.undo();
    done.value = done.peek().slice(0, -1);
    undone.value = [...undone.peek(), step];
  });
}

export function redo(): void {
  const step = undone.peek().at(-1);
  if (!step) return;
  batch(() => {
    step.redo();
    undone.value = undone.peek().slice(0, -1);
    done.value = [...done.peek(), step];
  });
}

export function forgetSteps(): void {
  batch(() => {
    done.value = [];
    undone.value = [];
  });
}
