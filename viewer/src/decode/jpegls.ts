// JPEG-LS, by CharLS.
import make from "@cornerstonejs/codec-charls/decodewasmjs";
import wasmUrl from "@cornerstonejs/codec-charls/decodewasm?url";
import type { Raw } from "./samples";
import { optionsFor, run } from "./wasm";

const decoder = make(optionsFor(wasmUrl)).then(({ JpegLSDecoder }) => new JpegLSDecoder());

export async function decodeJpegLs(bytes: Uint8Array): Promise<Raw> {
  const own = await decoder;
  const { rows, columns, samples, values, precision } = run(own, bytes);
  const planar = samples > 1 && own.getInterleaveMode() === 0;
  return { rows, columns, samples, values, planar, bits: { stored: precision, high: precision - 1 }, rgb: false };
}
