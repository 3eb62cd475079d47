// JPEG of 8 bits, decoded by the browser itself.
import type { PixelDescription } from "../geom/pixels";
import { APP14, readHeader, SOI } from "./jpegmarkers";
import type { Raw } from "./samples";

export async function decodeJpeg(bytes: Uint8Array, { photometric }: PixelDescription): Promise<Raw> {
  const { frame, saysColour } = readHeader(bytes);
  if (frame.precision !== 8) throw new Error(`JPEG of ${frame.precision} bits`);
  const plainRgb = photometric === "RGB" && frame.componentIds.length === 3 && !saysColour;
  const { width, height, data } = await pixelsOf(plainRgb ? markedAsRgb(bytes) : bytes);
  const samples = frame.componentIds.length === 1 ? 1 : 3;
  const values = withoutAlpha(data, samples);
  return { rows: height, columns: width, samples, values, planar: false, bits: { stored: 8, high: 7 }, rgb: true };
}

async function pixelsOf(bytes: Uint8Array): Promise<ImageData> {
  const blob = new Blob([bytes as Uint8Array<ArrayBuffer>], { type: "image/jpeg" });
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", imageOrientation: "none", premultiplyAlpha: "none" });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

function withoutAlpha(rgba: Uint8ClampedArray, samples: 1 | 3): Uint8Array {
  const pixels = rgba.length / 4;
  const out = new Uint8Array(pixels * samples);
  if (samples === 1) for (let i = 0; i < pixels; i++) out[i] = rgba[4 * i]!;
  else
    for (let i = 0, o = 0; i < rgba.length; i += 4, o += 3) {
      out[o] = rgba[i]!;
      out[o + 1] = rgba[i + 1]!;
      out[o + 2] = rgba[i + 2]!;
    }
  return out;
}

/**
 * The stream with an Adobe segment that says "no transform": without one, decoders take three components for YCbCr,
 * and the data set says that they are red, green and blue.
 */
function markedAsRgb(bytes: Uint8Array): Uint8Array {
  const adobe = [0xff, APP14, 0, 14, ...new TextEncoder().encode("Adobe"), 0, 100, 0, 0, 0, 0, 0];
  const out = new Uint8Array(bytes.length + adobe.length);
  out.set([0xff, SOI, ...adobe]);
  out.set(bytes.subarray(2), 2 + adobe.length);
  return out;
}
