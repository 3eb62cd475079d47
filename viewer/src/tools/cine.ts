// The film: runs at the recorded rate, or slower and faster by steps.
import { computed, signal } from "@preact/signals-core";
import { activeViewport } from "./viewports";

/** Parts and multiples of the recorded rate. */
const SPEEDS = [0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4];
const AS_RECORDED = SPEEDS.indexOf(1);

const step = signal(AS_RECORDED);

/** Frames a second of the series in the active pane before any change of speed; kept while it runs. */
const recordedRate = computed(() => activeViewport.value?.document.value?.recommended_rate ?? 15);

/** Frames a second the film runs at, or would. */
export const filmRate = computed(() => recordedRate.value * SPEEDS[step.value]!);

export const playing = computed(() => activeViewport.value?.playing.value ?? false);

/** Whether the series in the active pane was recorded as a film. */
export const isFilm = computed(() => typeof activeViewport.value?.document.value?.recommended_rate === "number");

export function togglePlay(): void {
  const viewport = activeViewport.peek();
  if (playing.peek()) viewport?.stop();
  else viewport?.play(filmRate.peek());
}

/** By `steps` of speed: negative slower, positive faster. */
export function changeSpeed(steps: number): void {
  step.value = Math.min(SPEEDS.length - 1, Math.max(0, step.peek() + steps));
  if (playing.peek()) activeViewport.peek()?.play(filmRate.peek());
}
