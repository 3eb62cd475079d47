// The film: runs in each pane at its recorded rate, or slower and faster by steps.
import { computed, signal, type Signal } from "@preact/signals-core";
import type { Viewport } from "../render/viewport";
import { panesInSight } from "../state/reading";
import { activeViewport, viewports } from "./viewports";

/** Parts and multiples of the recorded rate. */
const SPEEDS = [0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4];
const AS_RECORDED = SPEEDS.indexOf(1);

/** Index of the speed of each. */
const steps = new WeakMap<Viewport, Signal<number>>();

function stepOf(viewport: Viewport): Signal<number> {
  const step = steps.get(viewport) ?? signal(AS_RECORDED);
  steps.set(viewport, step);
  return step;
}

/** Frames a second the film runs at, or would. */
export function filmRate(viewport: Viewport): number {
  return viewport.rate.value * SPEEDS[stepOf(viewport).value]!;
}

/** Whether the film of the active pane runs. */
export const playing = computed(() => activeViewport.value?.playing.value ?? false);

/** Whether a series was recorded as a film. */
export function isFilm(viewport: Viewport): boolean {
  return typeof viewport.document.value?.recommended_rate === "number";
}

export function togglePlay(): void {
  const viewport = activeViewport.peek();
  if (viewport?.playing.peek()) viewport.stop();
  else viewport?.play(filmRate(viewport));
}

/** All films in sight at once: they stop if one of them runs. */
export function toggleAll(): void {
  const inSight = panesInSight.peek().flatMap(({ id }) => viewports.peek().get(id) ?? []);
  const stacks = inSight.filter(({ count }) => count.peek() > 1);
  if (stacks.some((viewport) => viewport.playing.peek())) for (const viewport of stacks) viewport.stop();
  else for (const viewport of stacks) viewport.play(filmRate(viewport));
}

/** By `by` steps of speed: negative slower, positive faster. */
export function changeSpeed(by: number): void {
  const viewport = activeViewport.peek();
  if (viewport) setSpeed(viewport, by);
}

export function setSpeed(viewport: Viewport, by: number): void {
  const step = stepOf(viewport);
  step.value = Math.min(SPEEDS.length - 1, Math.max(0, step.peek() + by));
  if (viewport.playing.peek()) viewport.play(filmRate(viewport));
}
