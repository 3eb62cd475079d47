// From what a codec gives to stored values: bits masked, signs extended, colours made RGB of 8 bits.
import type { DecodedFrame, PixelDescription, StoredValues } from "../geom/pixels";

/** Integer samples as a codec leaves them, before masking. */
export type RawSamples = Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array;

/** What a codec gives. */
export interface Raw {
  readonly rows: number;
  readonly columns: number;
  readonly samples: number;
  /** Interleaved, unless `planar`. */
  readonly values: RawSamples | Float32Array | Float64Array;
  readonly planar: boolean;
  /** The bits that count within each sample; null: the codec gives exact values, signs and all. */
  readonly bits: { readonly stored: number; readonly high: number } | null;
  /** Red, green and blue already, whatever the data set calls it. */
  readonly rgb: boolean;
}

/** One codec: takes the bytes of one frame, `reduce` times halved where it can. Throws when they are not what the description says. */
export type Decode = (bytes: Uint8Array, description: PixelDescription, reduce: number) => Raw | Promise<Raw>;

export function frameOf(raw: Raw, description: PixelDescription): DecodedFrame {
  const { rows, columns } = raw;
  if (raw.values.length < rows * columns * raw.samples) throw new Error("the frame ends too early");
  if (raw.samples === 1) return { rows, columns, samples: 1, values: greyValues(raw, description) };
  return { rows, columns, samples: 3, values: colours(raw, description) };
}

function greyValues(raw: Raw, { bitsStored, signed }: PixelDescription): StoredValues {
  const { values, bits } = raw;
  if (values instanceof Float32Array) return values;
  if (values instanceof Float64Array) return Float32Array.from(values);
  if (!bits) return narrowed(values, bitsStored, signed);
  return masked(values, bits.stored, bits.high, signed);
}

/** Values that are right already, in an array of the width they need. */
function narrowed(values: RawSamples, bitsStored: number, signed: boolean): StoredValues {
  if (values instanceof Uint32Array || values instanceof Int32Array) {
    return bitsStored > 16 ? Float32Array.from(values) : emptyFor(bitsStored, signed, values);
  }
  return values;
}

function emptyFor(bitsStored: number, signed: boolean, values: ArrayLike<number>): StoredValues {
  if (bitsStored > 8) return signed ? Int16Array.from(values) : Uint16Array.from(values);
  return signed ? Int8Array.from(values) : Uint8Array.from(values);
}

/** Takes the stored bits out of each sample: what lies above them may be an overlay (PS3.5 8.1.1). */
function masked(values: RawSamples, stored: number, high: number, signed: boolean): StoredValues {
  const allocated = values.BYTES_PER_ELEMENT * 8;
  const whole = stored === allocated;
  if (whole && allocated <= 16) return reinterpreted(values, signed);
  const left = 31 - high;
  const right = 32 - stored;
  const out = allocated > 16 && stored > 16 ? new Float32Array(values.length) : emptyFor(stored, signed, values);
  if (signed) for (let i = 0; i < values.length; i++) out[i] = (values[i]! << left) >> right;
  else for (let i = 0; i < values.length; i++) out[i] = (values[i]! << left) >>> right;
  return out;
}

function reinterpreted(values: RawSamples, signed: boolean): StoredValues {
  const { buffer, byteOffset, length } = values;
  if (values.BYTES_PER_ELEMENT === 1) return signed ? new Int8Array(buffer, byteOffset, length) : new Uint8Array(buffer, byteOffset, length);
  return signed ? new Int16Array(buffer, byteOffset, length) : new Uint16Array(buffer, byteOffset, length);
}

function colours(raw: Raw, { photometric }: PixelDescription): Uint8Array {
  const interleaved = raw.planar ? interleave(bytesOfSamples(raw), raw.rows * raw.columns) : bytesOfSamples(raw);
  if (raw.rgb || !photometric.startsWith("YBR")) return interleaved;
  if (photometric === "YBR_RCT" || photometric === "YBR_ICT") return interleaved;
  return photometric.startsWith("YBR_PARTIAL") ? partialYbrToRgb(interleaved) : ybrToRgb(interleaved);
}

/** Samples of any width as bytes, the most significant bits kept. */
function bytesOfSamples({ values, bits, samples, rows, columns }: Raw): Uint8Array {
  const length = rows * columns * samples;
  const usable = samples === 3 ? values : (values as RawSamples);
  if (usable instanceof Uint8Array) return usable.length === length ? usable : usable.subarray(0, length);
  const width = usable.BYTES_PER_ELEMENT * 8;
  const shift = (bits?.high ?? width - 1) - 7;
  const mask = 255;
  const out = new Uint8Array(length);
  for (let i = 0; i < length; i++) out[i] = shift >= 0 ? (usable[i]! >>> shift) & mask : usable[i]! << -shift;
  return out;
}

function interleave(planes: Uint8Array, pixels: number): Uint8Array {
  const out = new Uint8Array(pixels * 3);
  for (let sample = 0; sample < 3; sample++) {
    for (let i = 0, j = sample; i < pixels; i++, j += 3) out[j] = planes[sample * pixels + i]!;
  }
  return out;
}

/** PS3.3 C.7.6.3.1.2, YBR_FULL, solved for red, green and blue. */
export function ybrToRgb(ybr: Uint8Array): Uint8Array {
  const out = new Uint8ClampedArray(ybr.length);
  for (let i = 0; i < ybr.length; i += 3) {
    const y = ybr[i]!;
    const cb = ybr[i + 1]! - 128;
    const cr = ybr[i + 2]! - 128;
    out[i] = y + 1.402 * cr;
    out[i + 1] = y - 0.344136 * cb - 0.714136 * cr;
    out[i + 2] = y + 1.772 * cb;
  }
  return new Uint8Array(out.buffer);
}

/** PS3.3 C.7.6.3.1.2, YBR_PARTIAL: luminance 16 to 235. */
function partialYbrToRgb(ybr: Uint8Array): Uint8Array {
  const out = new Uint8ClampedArray(ybr.length);
  for (let i = 0; i < ybr.length; i += 3) {
    const y = 1.164384 * (ybr[i]! - 16);
    const cb = ybr[i + 1]! - 128;
    const cr = ybr[i + 2]! - 128;
    out[i] = y + 1.596027 * cr;
    out[i + 1] = y - 0.391762 * cb - 0.812968 * cr;
    out[i + 2] = y + 2.017232 * cb;
  }
  return new Uint8Array(out.buffer);
}
