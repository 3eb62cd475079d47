// High-Throughput JPEG 2000, by OpenJPH.
import make from "@cornerstonejs/codec-openjph/wasmjs";
import wasmUrl from "@cornerstonejs/codec-openjph/wasm?url";
import type { Raw } from "./samples";
import { optionsFor, run } from "./wasm";

const decoder = make(optionsFor(wasmUrl)).then(({ HTJ2KDecoder }) => new HTJ2KDecoder());

export async function decodeHtj2k(bytes: Uint8Array): Promise<Raw> {
  const { rows, columns, samples, values } = run(await decoder, bytes);
  return { rows, columns, samples, values, planar: false, bits: null, rgb: false };
}
