// What a renderer draws: one frame's stored values, how they become grey or colour, and how they lie in the pane.
import type { DecodedFrame } from "../geom/pixels";
import type { View } from "../geom/plane";
import type { VoiFunction, Window } from "../geom/window";

/** A table of PS3.3 C.11.1 or C.11.2: the value of input `first + i` is `values[i]`; inputs beyond an end take that end's value. */
export interface Lut {
  readonly first: number;
  readonly bits: number;
  readonly values: Uint16Array;
}

/** Red, green and blue of a palette, 8 bits each, for stored value `first + i`. */
export interface Palette {
  readonly first: number;
  readonly red: Uint8Array;
  readonly green: Uint8Array;
  readonly blue: Uint8Array;
}

/** A frame that is ready to be drawn. */
export interface Picture {
  /** Two pictures with one key have the same pixels: nothing is sent to the graphics card again. */
  readonly key: string;
  readonly frame: DecodedFrame;
  /** Stored values to modality units: a table if there is one, else slope and intercept. */
  readonly slope: number;
  readonly intercept: number;
  readonly modalityLut: Lut | null;
  readonly palette: Palette | null;
  /** MONOCHROME1: the lowest value is white. */
  readonly inverse: boolean;
  /** Height of a pixel divided by its width. */
  readonly aspect: number;
}

/** How a picture is shown. */
export interface Appearance extends View {
  readonly window: Window;
  readonly voi: VoiFunction;
  /** A VOI LUT in place of the window. */
  readonly voiLut: Lut | null;
  readonly invert: boolean;
  /** Bilinear between pixels, or pixels as squares. */
  readonly interpolate: boolean;
}

export interface Renderer {
  readonly kind: "webgl2" | "canvas2d";
  /** Draws at once. The canvas has the size last given to `resize`. */
  draw(picture: Picture, appearance: Appearance): void;
  clear(): void;
  /** CSS px of the pane and device px per CSS px. */
  resize(width: number, height: number, pixelRatio: number): void;
  dispose(): void;
}
