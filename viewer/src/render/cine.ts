// The cine: one frame after the other at a given rate, round and round; it waits for a frame that is not there yet.
import { type ReadonlySignal, signal } from "@preact/signals-core";

export interface CineOf {
  isReady(index: number): boolean;
  frame(): number;
  count(): number;
  setFrame(index: number): void;
  /** How long a frame stays, as a part of the mean: frames may be recorded at unequal times. */
  share(index: number): number;
}

export interface Cine {
  readonly playing: ReadonlySignal<boolean>;
  play(framesPerSecond: number): void;
  stop(): void;
}

export function createCine(of: CineOf): Cine {
  const playing = signal(false);
  let request = 0;

  const stop = (): void => {
    cancelAnimationFrame(request);
    playing.value = false;
  };
  const run = (intervalMs: number, dueMs: number): void => {
    request = requestAnimationFrame((nowMs) => {
      // A late picture is not made up for: the next one is due a whole interval later.
      const due = nowMs >= dueMs && of.isReady(of.frame());
      if (!due) return run(intervalMs, dueMs);
      const next = (of.frame() + 1) % of.count();
      of.setFrame(next);
      run(intervalMs, Math.max(dueMs + intervalMs * of.share(next), nowMs));
    });
  };
  return {
    playing,
    play(framesPerSecond) {
      stop();
      if (of.count() < 2 || framesPerSecond <= 0) return;
      playing.value = true;
      run(1000 / framesPerSecond, performance.now());
    },
    stop,
  };
}
