// Look-up tables: stored values to modality values (PS3.3 C.11.1), those to grey (C.11.2), palettes to colour (C.7.9).
import type { DecodedFrame, StoredValues } from "./pixels";
import { grey, type VoiFunction, type Window } from "./window";

/** The value of input `first + i` is `values[i]`; inputs beyond an end take that end's value. */
export interface Lut {
  readonly first: number;
  /** Outputs are 0 to 2^bits - 1. */
  readonly bits: number;
  readonly values: Uint16Array;
}

/** Red, green and blue, 8 bits each, of stored value `first + i`. */
export interface Palette {
  readonly first: number;
  readonly red: Uint8Array;
  readonly green: Uint8Array;
  readonly blue: Uint8Array;
}

/** How stored values become modality values: a table in place of slope and intercept. */
export interface Modality {
  readonly slope: number;
  readonly intercept: number;
  readonly lut: Lut | null;
}

/** How modality values become grey: a table in place of the window. */
export interface Voi {
  readonly window: Window;
  readonly function: VoiFunction;
  readonly lut: Lut | null;
}

export function lookUp({ first, values }: Lut, input: number): number {
  return values[Math.min(values.length - 1, Math.max(0, Math.round(input) - first))]!;
}

export function modalityValue(stored: number, { slope, intercept, lut }: Modality): number {
  return lut ? lookUp(lut, stored) : stored * slope + intercept;
}

/** Grey 0 to 255, not rounded, of a modality value. */
export function voiGrey(value: number, { window, function: voi, lut }: Voi): number {
  return lut ? (lookUp(lut, value) / (2 ** lut.bits - 1)) * 255 : grey(value, window, voi);
}

/** The frame with a modality table applied, so that what follows need know none. */
export function throughLut(frame: DecodedFrame, lut: Lut): DecodedFrame {
  const values = new Uint16Array(frame.values.length);
  for (let i = 0; i < values.length; i++) values[i] = lookUp(lut, frame.values[i]!);
  return { ...frame, values };
}

/** A palette frame in its colours. */
export function coloured(frame: DecodedFrame, { first, red, green, blue }: Palette): DecodedFrame {
  const values = new Uint8Array(frame.values.length * 3);
  const last = red.length - 1;
  for (let i = 0, o = 0; i < frame.values.length; i++, o += 3) {
    const entry = Math.min(last, Math.max(0, frame.values[i]! - first));
    values[o] = red[entry]!;
    values[o + 1] = green[entry]!;
    values[o + 2] = blue[entry]!;
  }
  return { ...frame, samples: 3, values };
}

/** Stored values from the first to the second, both included. */
export type Padding = readonly [number, number];

/** The lowest and highest stored value, padding left out; null when there is nothing else. */
export function rangeOf(values: StoredValues, padding: Padding | null): readonly [number, number] | null {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  // Not by an iterator: this is done for every frame that comes on screen.
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (padding && value >= padding[0] && value <= padding[1]) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : null;
}

/** How a grey picture is shown. */
export interface Greys {
  readonly modality: Modality;
  readonly voi: Voi;
  /** The lowest value is white. */
  readonly inverse: boolean;
  /** Black, whatever the window. */
  readonly padding: Padding | null;
}

/** Grey of one stored value, 0 to 255, rounded. */
export function greyOf(stored: number, { modality, voi, inverse, padding }: Greys): number {
  if (padding && stored >= padding[0] && stored <= padding[1]) return 0;
  const value = voiGrey(modalityValue(stored, modality), voi);
  return Math.round(inverse ? 255 - value : value);
}

/** Greys of every stored value an integer array can hold, by value - `first`. */
export interface GreyTable {
  readonly first: number;
  readonly greys: Uint8Array;
}

export function greyTable(values: Exclude<StoredValues, Float32Array>, greys: Greys): GreyTable {
  const bits = values.BYTES_PER_ELEMENT * 8;
  const signed = values instanceof Int8Array || values instanceof Int16Array;
  const first = signed ? -(2 ** (bits - 1)) : 0;
  const table = new Uint8Array(2 ** bits);
  for (let i = 0; i < table.length; i++) table[i] = greyOf(first + i, greys);
  return { first, greys: table };
}
