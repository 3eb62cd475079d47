// From the series document and a decoded frame to what a renderer draws.
import { coloured, type Greys, type Modality, modalityValue, rangeOf, throughLut } from "../geom/lut";
import type { DecodedFrame } from "../geom/pixels";
import { CT_PRESETS, type WindowPreset, windowOver } from "../geom/window";
import type { ReducedFrame } from "../net/queue";
import { type FrameAttributes, lutAt, paletteAt, type SeriesDocument } from "../net/series";
import type { Picture } from "./stack";

/** A frame ready to be drawn, and what is needed to show and measure it. */
export interface Prepared {
  readonly picture: Picture;
  readonly modality: Modality;
  readonly padding: Greys["padding"];
  /** Lowest and highest modality value; null for colour. */
  readonly range: readonly [number, number] | null;
}

/** Applies a modality table or a palette, so that renderers need know none. under: what is said in place of the document. */
export function prepare(document: SeriesDocument, index: number, attributes: FrameAttributes, { frame, reduce }: ReducedFrame, under = ""): Prepared {
  const key = `${document.series_instance_uid}/${document.revision}/${index}/${reduce}/${under}`;
  const palette = paletteAt(document, attributes.palette);
  if (palette && frame.samples === 1) return inColour(key, coloured(frame, palette));
  if (frame.samples === 3) return inColour(key, frame);
  const table = lutAt(document, attributes.modality_lut);
  const shown = table ? throughLut(frame, table) : frame;
  const modality = table ? IDENTITY : { slope: attributes.rescale_slope, intercept: attributes.rescale_intercept, lut: null };
  const padding = table ? null : attributes.padding;
  // Single bits are black or white also where they are all alike.
  const range = attributes.bits_stored === 1 ? ([0, 1] as const) : (rangeOf(shown.values, padding) ?? ([0, 0] as const));
  const [one, other] = range.map((stored) => modalityValue(stored, modality)) as [number, number];
  return { picture: { key, frame: shown }, modality, padding, range: [Math.min(one, other), Math.max(one, other)] };
}

const IDENTITY: Modality = { slope: 1, intercept: 0, lut: null };

function inColour(key: string, frame: DecodedFrame): Prepared {
  return { picture: { key, frame }, modality: IDENTITY, padding: null, range: null };
}

/** The windows that can be chosen for a frame; the first is the one it opens with. None for colour. */
export function presetsOf(document: SeriesDocument, attributes: FrameAttributes, range: readonly [number, number] | null): WindowPreset[] {
  if (!range) return [];
  const recorded = attributes.windows.map(([center, width, name]): WindowPreset => ({ center, width, name, kind: "recorded" }));
  const table = lutAt(document, attributes.voi_lut);
  const ofTable: WindowPreset[] = table ? [{ ...windowOver(table.first, table.first + table.values.length - 1), name: "", kind: "table" }] : [];
  const whole: WindowPreset = { ...windowOver(...range, attributes.voi_lut_function), name: "full range", kind: "range" };
  return [...recorded, ...ofTable, whole, ...(document.modality === "CT" ? CT_PRESETS : [])];
}
