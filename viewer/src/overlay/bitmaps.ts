// Masks and planes made into pictures, in colour: each once, the last ones kept.
import type { Plane, Segmentation } from "../net/objects";

export type Bitmap = HTMLCanvasElement;
type Rgb = readonly [number, number, number];

const MOST_KEPT = 32;

const made = new Map<string, { readonly of: unknown; readonly look: string; readonly bitmap: Bitmap }>();

/** A frame of a segmentation: where a segment is, its colour, as dense as it says. colours: of the segments that are seen. */
export function maskBitmap(key: string, segmentation: Segmentation, own: number | null, mask: Uint8Array, colours: ReadonlyMap<number, string>): Bitmap {
  const look = own === null ? [...colours].join(" ") : colours.get(own)!;
  return kept(key, mask, look, () => {
    const { rows, columns, bits, most } = segmentation;
    const values = valuesOf(mask, rows * columns, bits);
    const colour = rgbaBy(own, most, colours);
    return bitmapOf(rows, columns, (index) => colour(values[index]!));
  });
}

export function planeBitmap(plane: Plane, colour: string): Bitmap {
  return kept(`${plane.group}/${plane.bits.length}/${plane.bits.slice(0, 64)}`, plane, colour, () => {
    const bytes = Uint8Array.from(atob(plane.bits), (letter) => letter.charCodeAt(0));
    const values = valuesOf(bytes, plane.rows * plane.columns, 1);
    const [r, g, b] = rgbOf(colour);
    return bitmapOf(plane.rows, plane.columns, (index) => (values[index] ? [r, g, b, 255] : null));
  });
}

/** Bits from the lowest of a byte, bytes, or words in little endian. */
export function valuesOf(bytes: Uint8Array, count: number, bits: 1 | 8 | 16): Uint8Array | Uint16Array {
  if (bits === 8) return bytes;
  if (bits === 16) return new Uint16Array(bytes.buffer, bytes.byteOffset, Math.min(count, bytes.byteLength >> 1));
  const values = new Uint8Array(count);
  for (let index = 0; index < count; index++) values[index] = (bytes[index >> 3]! >> (index & 7)) & 1;
  return values;
}

type Rgba = readonly [number, number, number, number];

/** What a value is drawn as; null: nothing. Without a segment of its own a frame's values are numbers of segments. */
function rgbaBy(own: number | null, most: number, colours: ReadonlyMap<number, string>): (value: number) => Rgba | null {
  if (own !== null) {
    const [r, g, b] = rgbOf(colours.get(own)!);
    return (value) => (value ? [r, g, b, Math.min(255, Math.round((value / most) * 255))] : null);
  }
  // 0 is what belongs to no segment (PS3.3 C.8.20.2.3.3).
  const byValue = new Map([...colours].filter(([number]) => number !== 0).map(([number, colour]): [number, Rgba] => [number, [...rgbOf(colour), 255]]));
  return (value) => byValue.get(value) ?? null;
}

export function rgbOf(colour: string): Rgb {
  const value = Number.parseInt(colour.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

function bitmapOf(rows: number, columns: number, colourAt: (index: number) => Rgba | null): Bitmap {
  const canvas = document.createElement("canvas");
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d")!;
  const image = context.createImageData(columns, rows);
  for (let index = 0; index < rows * columns; index++) {
    const colour = colourAt(index);
    if (colour) image.data.set(colour, 4 * index);
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

function kept(key: string, of: unknown, look: string, make: () => Bitmap): Bitmap {
  const known = made.get(key);
  const bitmap = known && known.of === of && known.look === look ? known.bitmap : make();
  made.delete(key);
  made.set(key, { of, look, bitmap });
  if (made.size > MOST_KEPT) made.delete([...made.keys()][0]!);
  return bitmap;
}
