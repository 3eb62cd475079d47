// Frames that are not compressed: little endian samples as PS3.5 8.2 writes them. Single bits, subsampled colours and
// big endian samples are none of these: the server writes them out (pacs/dicom/delivery.py).
import type { PixelDescription } from "../geom/pixels";
import type { Raw, RawSamples } from "./samples";

/** Explicit VR Little Endian: how the server sends samples that are not compressed. */
export const NATIVE = "1.2.840.10008.1.2.1";

export function decodeNative(bytes: Uint8Array, description: PixelDescription): Raw {
  const { rows, columns, samplesPerPixel, bitsStored, highBit, planarConfiguration } = description;
  const bits = { stored: bitsStored, high: highBit };
  return { rows, columns, samples: samplesPerPixel, values: samplesOf(bytes, description), planar: planarConfiguration === 1, bits, rgb: false };
}

function samplesOf(bytes: Uint8Array, description: PixelDescription): RawSamples | Float32Array | Float64Array {
  const { rows, columns, samplesPerPixel, bitsAllocated, float } = description;
  const width = bitsAllocated / 8;
  const length = rows * columns * samplesPerPixel;
  if (bytes.length < length * width) throw new Error("the frame ends too early");
  const own = alignedCopy(bytes, length * width);
  if (float) return width === 8 ? new Float64Array(own) : new Float32Array(own);
  if (width === 1) return new Uint8Array(own);
  if (width === 2) return new Uint16Array(own);
  if (width === 4) return new Uint32Array(own);
  throw new Error(`${bitsAllocated} bits allocated`);
}

/** The bytes in a buffer of their own: a typed array cannot start at any byte. */
function alignedCopy(bytes: Uint8Array, length: number): ArrayBuffer {
  const whole = bytes.byteOffset === 0 && bytes.buffer.byteLength === length;
  return (whole ? bytes.buffer : bytes.slice(0, length).buffer) as ArrayBuffer;
}
