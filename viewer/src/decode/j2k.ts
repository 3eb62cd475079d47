// JPEG 2000, by OpenJPEG.
import make from "@cornerstonejs/codec-openjpeg/decodewasmjs";
import wasmUrl from "@cornerstonejs/codec-openjpeg/decodewasm?url";
import type { Raw } from "./samples";
import { optionsFor, run } from "./wasm";

const decoder = make(optionsFor(wasmUrl)).then(({ J2KDecoder }) => new J2KDecoder());

export async function decodeJ2k(bytes: Uint8Array): Promise<Raw> {
  const { rows, columns, samples, values } = run(await decoder, bytes);
  return { rows, columns, samples, values, planar: false, bits: null, rgb: false };
}
