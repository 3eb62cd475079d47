// A worker that decodes frames: one message in, one out, the bytes moved and not copied.
import type { DecodedFrame, PixelDescription } from "../geom/pixels";
import { decodeFrame, loadCodec } from "./codecs";

export interface Job {
  readonly id: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly description: PixelDescription;
  readonly reduce: number;
}

/** Asks for a codec to be fetched. */
export interface Warming {
  readonly warm: string;
}

export type Done = { readonly id: number; readonly frame: DecodedFrame } | { readonly id: number; readonly error: string };

self.addEventListener("message", ({ data }: MessageEvent<Job | Warming>) => {
  if ("warm" in data) void loadCodec(data.warm);
  else void answer(data);
});

async function answer({ id, bytes, description, reduce }: Job): Promise<void> {
  try {
    const frame = await decodeFrame(bytes, description, reduce);
    reply({ id, frame }, [frame.values.buffer]);
  } catch (error) {
    reply({ id, error: error instanceof Error ? error.message : String(error) }, []);
  }
}

function reply(done: Done, moved: Transferable[]): void {
  self.postMessage(done, { transfer: moved });
}
