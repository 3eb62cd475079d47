// RLE Lossless: PackBits by byte plane (PS3.5 annex G).
import type { PixelDescription } from "../geom/pixels";
import type { Raw } from "./samples";

const HEADER_BYTES = 64;

export function decodeRle(bytes: Uint8Array, description: PixelDescription): Raw {
  const { rows, columns, samplesPerPixel, bitsAllocated, bitsStored, highBit } = description;
  const values = samplesOf(bytes, rows * columns, samplesPerPixel, bitsAllocated / 8);
  return { rows, columns, samples: samplesPerPixel, values, planar: true, bits: { stored: bitsStored, high: highBit }, rgb: false };
}

/** Samples by plane: first all of the first sample, then all of the second. The most significant byte comes first. */
function samplesOf(bytes: Uint8Array, pixels: number, samples: number, width: number): Uint8Array | Uint16Array | Uint32Array {
  const planes = new Uint8Array(pixels * samples * width);
  segmentsOf(bytes, samples * width).forEach((segment, index) => {
    const sample = Math.floor(index / width);
    const byte = width - 1 - (index % width);
    unpack(segment, planes, sample * pixels * width + byte, width, pixels);
  });
  if (width === 1) return planes;
  return width === 2 ? new Uint16Array(planes.buffer) : new Uint32Array(planes.buffer);
}

function segmentsOf(bytes: Uint8Array, expected: number): Uint8Array[] {
  if (bytes.length < HEADER_BYTES) throw new Error("the RLE header is cut off");
  const header = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  const count = header.getUint32(0, true);
  if (count !== expected) throw new Error(`${count} RLE segments where ${expected} are needed`);
  const offsets = Array.from({ length: count }, (_, i) => header.getUint32(4 + 4 * i, true));
  return offsets.map((offset, i) => bytes.subarray(offset, offsets[i + 1] ?? bytes.length));
}

/** Writes `count` bytes of a segment into every `step`th byte of `out` from `start`. */
function unpack(segment: Uint8Array, out: Uint8Array, start: number, step: number, count: number): void {
  const end = start + count * step;
  let to = start;
  for (let from = 0; from < segment.length - 1 && to < end; ) {
    const control = segment[from++]!;
    if (control < 128) {
      for (let n = control + 1; n > 0 && to < end; n--, to += step) out[to] = segment[from++]!;
    } else if (control > 128) {
      const value = segment[from++]!;
      for (let n = 257 - control; n > 0 && to < end; n--, to += step) out[to] = value;
    }
  }
  if (to < end) throw new Error("an RLE segment ends too early");
}
