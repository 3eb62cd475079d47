// A piece of a frame drawn larger, as bytes of RGBA.
import { greyOf, type Greys } from "./lut";
import { apply, type Affine } from "./plane";
import type { DecodedFrame } from "./pixels";

/** `size` × `size` px, each the pixel of the frame that `toPicture` brings it to; black outside. */
export function lensOf(frame: DecodedFrame, greys: Greys | null, negative: boolean, toPicture: Affine, size: number): Uint8ClampedArray<ArrayBuffer> {
  const bytes = new Uint8ClampedArray(size * size * 4);
  for (let y = 0, out = 0; y < size; y++) {
    for (let x = 0; x < size; x++, out += 4) {
      const { x: column, y: row } = apply(toPicture, { x: x + 0.5, y: y + 0.5 });
      bytes[out + 3] = 255;
      if (column < 0 || row < 0 || column >= frame.columns || row >= frame.rows) continue;
      const at = Math.floor(row) * frame.columns + Math.floor(column);
      for (let channel = 0; channel < 3; channel++) {
        const value = frame.samples === 3 ? frame.values[at * 3 + channel]! : greys ? greyOf(frame.values[at]!, greys) : 0;
        bytes[out + channel] = negative ? 255 - value : value;
      }
    }
  }
  return bytes;
}
