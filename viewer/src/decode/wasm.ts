// What the codecs compiled to WebAssembly have in common.
import type { Raw, RawSamples } from "./samples";

/** Options of an Emscripten module, one object for each module: Emscripten writes into it. */
export function optionsFor(wasmUrl: string): EmscriptenOptions {
  return { locateFile: () => wasmUrl, print: () => {}, printErr: () => {} };
}

type Decoded = Pick<Raw, "rows" | "columns" | "samples" | "values"> & { readonly precision: number };

/** Runs a decoder over one frame and copies the samples out of its memory. */
export function run(decoder: WasmDecoder, bytes: Uint8Array): Decoded {
  decoder.getEncodedBuffer(bytes.length).set(bytes);
  decoder.decode();
  return decodedBy(decoder, decoder.getFrameInfo());
}

/** What a decoder has just made, of that size, copied out of its memory. */
export function decodedBy(decoder: WasmDecoder, { width, height }: { readonly width: number; readonly height: number }): Decoded {
  const { bitsPerSample, componentCount, isSigned } = decoder.getFrameInfo();
  const own = decoder.getDecodedBuffer().slice().buffer as ArrayBuffer;
  const values = viewOf(own, width * height * componentCount, bitsPerSample, isSigned === true);
  return { rows: height, columns: width, samples: componentCount, values, precision: bitsPerSample };
}

function viewOf(buffer: ArrayBuffer, length: number, bits: number, signed: boolean): RawSamples {
  if (bits <= 8) return signed ? new Int8Array(buffer, 0, length) : new Uint8Array(buffer, 0, length);
  if (bits <= 16) return signed ? new Int16Array(buffer, 0, length) : new Uint16Array(buffer, 0, length);
  return signed ? new Int32Array(buffer, 0, length) : new Uint32Array(buffer, 0, length);
}
