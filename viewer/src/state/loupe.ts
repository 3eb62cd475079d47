// What is seen larger, and what is said of the pixel under the pointer, over the canvas of one pane.
import { signal } from "@preact/signals-core";
import type { Point } from "../geom/plane";

export interface Loupe {
  readonly canvas: HTMLCanvasElement;
  /** CSS px of the pane: what stands in its middle. */
  readonly at: Point;
  /** It stands beside the finger, that would hide it. */
  readonly beside: boolean;
}

export const loupe = signal<Loupe | null>(null);

export interface Probed {
  readonly canvas: HTMLCanvasElement;
  /** CSS px of the pane. */
  readonly at: Point;
}

export const probed = signal<Probed | null>(null);
