// Many frames in one response: [u32 index][u32 length][bytes], little endian, in the order asked for.
import { reasonOf, takeBooted, tellSignedOut } from "./api";
import type { Levels } from "./passes";
import { framesPath } from "./paths";
import type { SeriesDocument } from "./series";

export interface FrameBytes {
  readonly index: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** What the server said in place of frames. */
export class FramesRefused extends Error {
  readonly status: number;

  constructor(status: number, reason: string) {
    super(reason);
    this.status = status;
  }
}

const HEADER_BYTES = 8;
/** No frame is larger: what claims to be is a broken stream. */
const MOST_BYTES = 1 << 30;

/** The frames of a series as they arrive. Throws FramesRefused, or what fetch throws when it is aborted or cut off. */
export async function* streamFrames(document: SeriesDocument, order: readonly number[], levels: Levels, signal: AbortSignal): AsyncGenerator<FrameBytes> {
  const path = framesPath(document, order, levels);
  const response = await (takeBooted(path) ?? fetch(path, { signal }));
  if (!response.ok || !response.body) {
    if (response.status === 401) tellSignedOut();
    throw new FramesRefused(response.status, await reasonOf(response));
  }
  yield* framesIn(response.body);
}

/** Takes a byte stream apart. Throws when it ends within a frame. */
export async function* framesIn(body: ReadableStream<Uint8Array>): AsyncGenerator<FrameBytes> {
  const reader = body.getReader();
  const read = fillerOf(reader);
  try {
    for (;;) {
      const header = new Uint8Array(HEADER_BYTES);
      if (!(await read(header))) return;
      const numbers = new DataView(header.buffer);
      const length = numbers.getUint32(4, true);
      if (length > MOST_BYTES) throw new Error(`a frame of ${length} bytes`);
      const bytes = new Uint8Array(length);
      if (length > 0 && !(await read(bytes))) throw new Error("the stream ends within a frame");
      yield { index: numbers.getUint32(0, true), bytes };
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

/** A function that fills an array from the stream; false at a clean end, before the first byte. */
function fillerOf(reader: ReadableStreamDefaultReader<Uint8Array>): (target: Uint8Array) => Promise<boolean> {
  let left = new Uint8Array(0) as Uint8Array;
  return async (target) => {
    for (let filled = 0; filled < target.length; ) {
      if (left.length === 0) {
        const { done, value } = await reader.read();
        if (done && filled === 0) return false;
        if (done) throw new Error("the stream ends within a frame");
        left = value;
      }
      const part = left.subarray(0, target.length - filled);
      target.set(part, filled);
      filled += part.length;
      left = left.subarray(part.length);
    }
    return true;
  };
}
