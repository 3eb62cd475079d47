// High-Throughput JPEG 2000, by OpenJPH.
import make from "@cornerstonejs/codec-openjph/wasmjs";
import wasmUrl from "@cornerstonejs/codec-openjph/wasm?url";
import type { PixelDescription } from "../geom/pixels";
import type { Raw } from "./samples";
import { decodedBy, optionsFor } from "./wasm";

const decoder = make(optionsFor(wasmUrl)).then(({ HTJ2KDecoder }) => new HTJ2KDecoder());

/** The bytes may end with a resolution below the whole: `reduce` tells how often the frame is halved then. */
export async function decodeHtj2k(bytes: Uint8Array, _: PixelDescription, reduce: number): Promise<Raw> {
  const own = await decoder;
  own.getEncodedBuffer(bytes.length).set(bytes);
  own.decodeSubResolution(reduce);
  const { rows, columns, samples, values } = decodedBy(own, own.calculateSizeAtDecompositionLevel(reduce));
  return { rows, columns, samples, values, planar: false, bits: null, rgb: false };
}
