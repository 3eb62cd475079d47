// Mean, deviation and extremes of the pixels inside an outline.
import { modalityValue, type Modality, type Padding } from "../geom/lut";
import type { DecodedFrame } from "../geom/pixels";
import { spansIn, type Outline } from "../geom/shapes";

export interface Statistics {
  readonly count: number;
  readonly mean: number;
  /** Of the population: divided by the count. */
  readonly sd: number;
  readonly min: number;
  readonly max: number;
}

/** Grey values as they are counted. */
export interface Values {
  readonly frame: DecodedFrame;
  readonly modality: Modality;
  readonly padding: Padding | null;
}

/** Of the pixels whose middles lie inside, padding left out; null where there are none, and of colour. */
export function statisticsOf({ frame, modality, padding }: Values, outline: Outline): Statistics | null {
  if (frame.samples !== 1) return null;
  let count = 0;
  let mean = 0;
  let squares = 0;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const { row, from, to } of spansIn(outline, frame.rows, frame.columns)) {
    for (let at = row * frame.columns + from; at < row * frame.columns + to; at++) {
      const stored = frame.values[at]!;
      if ((padding && stored >= padding[0] && stored <= padding[1]) || Number.isNaN(stored)) continue;
      const value = modalityValue(stored, modality);
      // Welford: exact also where values are large and differ little.
      count += 1;
      const before = value - mean;
      mean += before / count;
      squares += before * (value - mean);
      if (value < min) min = value;
      if (value > max) max = value;
    }
  }
  return count === 0 ? null : { count, mean, sd: Math.sqrt(squares / count), min, max };
}
