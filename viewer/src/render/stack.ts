// What a renderer draws: one frame's values, how they become grey, and how they lie in the pane.
import type { Greys } from "../geom/lut";
import type { DecodedFrame } from "../geom/pixels";
import type { Affine } from "../geom/plane";

/** A frame that is ready to be drawn: modality tables and palettes are applied already. */
export interface Picture {
  /** Two pictures with one key have the same pixels: nothing is sent to the graphics card again. */
  readonly key: string;
  readonly frame: DecodedFrame;
}

/** How a picture is shown. */
export interface Appearance {
  /** Null for colour. */
  readonly greys: Greys | null;
  /** Colours, or greys after everything else, are turned round. */
  readonly negative: boolean;
  /** Image points (the first pixel's corner is 0, 0) to CSS px of the pane. */
  readonly toPane: Affine;
  /** Between pixels: bilinear, or pixels as squares. */
  readonly interpolate: boolean;
}

export interface Renderer {
  /** Draws at once. */
  draw(picture: Picture, appearance: Appearance): void;
  clear(): void;
  /** CSS px of the pane, and device px for each. */
  resize(width: number, height: number, pixelRatio: number): void;
  dispose(): void;
}

/** Called when a canvas has lost what was on it, and can be drawn on again. */
export type OnRestored = () => void;
