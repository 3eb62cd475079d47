// Frames that are not compressed: little endian samples as PS3.5 8.2 writes them; and big endian ones (retired).
import type { PixelDescription } from "../geom/pixels";
import type { Raw, RawSamples } from "./samples";

const BIG_ENDIAN = "1.2.840.10008.1.2.2";

export function decodeNative(bytes: Uint8Array, description: PixelDescription): Raw {
  const { rows, columns, samplesPerPixel, bitsAllocated, bitsStored, highBit, photometric } = description;
  const shape = { rows, columns, samples: samplesPerPixel, rgb: false };
  const bits = { stored: bitsStored, high: highBit };
  if (bitsAllocated === 1) return { ...shape, values: unpacked(bytes, rows * columns), planar: false, bits: null };
  if (/_42[02]$/.test(photometric) && bitsAllocated === 8) return { ...shape, values: from422(bytes), planar: false, bits };
  return { ...shape, values: samplesOf(bytes, description), planar: description.planarConfiguration === 1, bits };
}

/** The first pixel is the lowest bit of the first byte (PS3.5 8.1.1, annex D). */
function unpacked(bytes: Uint8Array, pixels: number): Uint8Array {
  if (bytes.length * 8 < pixels) throw new Error("the frame ends too early");
  const out = new Uint8Array(pixels);
  for (let i = 0; i < pixels; i++) out[i] = (bytes[i >> 3]! >> (i & 7)) & 1;
  return out;
}

/** Y1 Y2 Cb Cr for two pixels becomes Y Cb Cr for each (PS3.3 C.7.6.3.1.2). */
function from422(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array((bytes.length >> 2) * 6);
  for (let i = 0, o = 0; i + 3 < bytes.length; i += 4, o += 6) {
    out[o] = bytes[i]!;
    out[o + 3] = bytes[i + 1]!;
    out[o + 1] = out[o + 4] = bytes[i + 2]!;
    out[o + 2] = out[o + 5] = bytes[i + 3]!;
  }
  return out;
}

function samplesOf(bytes: Uint8Array, description: PixelDescription): RawSamples | Float32Array | Float64Array {
  const { rows, columns, samplesPerPixel, bitsAllocated, float, transferSyntaxUid } = description;
  const width = bitsAllocated / 8;
  const length = rows * columns * samplesPerPixel;
  if (bytes.length < length * width) throw new Error("the frame ends too early");
  const own = alignedCopy(bytes, length * width, width);
  if (transferSyntaxUid === BIG_ENDIAN) swap(new Uint8Array(own), width);
  if (float) return width === 8 ? new Float64Array(own) : new Float32Array(own);
  if (width === 1) return new Uint8Array(own);
  if (width === 2) return new Uint16Array(own);
  if (width === 4) return new Uint32Array(own);
  throw new Error(`${bitsAllocated} bits allocated`);
}

/** The bytes in a buffer of their own: the typed array's start must be a multiple of its width. */
function alignedCopy(bytes: Uint8Array, length: number, width: number): ArrayBuffer {
  const whole = bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength && bytes.byteLength === length;
  if (whole && length % width === 0) return bytes.buffer as ArrayBuffer;
  return bytes.slice(0, length).buffer as ArrayBuffer;
}

function swap(bytes: Uint8Array, width: number): void {
  for (let start = 0; start < bytes.length; start += width) bytes.subarray(start, start + width).reverse();
}
