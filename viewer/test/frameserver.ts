// A server of frames for tests: it sends the resolutions asked for, when the test lets it.
import { vi } from "vitest";
import type { SeriesDocument } from "../src/net/series";

/** Frames as the server writes them. */
export function written(frames: readonly (readonly [index: number, length: number])[]): Uint8Array {
  const out = new Uint8Array(frames.reduce((sum, [, length]) => sum + 8 + length, 0));
  const view = new DataView(out.buffer);
  let at = 0;
  for (const [index, length] of frames) {
    view.setUint32(at, index, true);
    view.setUint32(at + 4, length, true);
    out.fill(index, at + 8, at + 8 + length);
    at += 8 + length;
  }
  return out;
}

export function documentOf(frames: number, more: Partial<SeriesDocument> = {}): SeriesDocument {
  const known = { study_instance_uid: "1", series_instance_uid: "2", revision: 3, number_of_frames: frames, shared: {}, per_frame: {} };
  return { ...known, ...more } as SeriesDocument;
}

/** Frames of 10 bytes in three resolutions. */
export function inPasses(frames: number, more: Partial<SeriesDocument> = {}): SeriesDocument {
  return documentOf(frames, { shared: { resolution_ends: [1, 3, 10], rows: 512, columns: 512, transfer_syntax_uid: "1.2.840.10008.1.2.4.202" }, ...more });
}

export interface FrameServer {
  readonly orders: number[][];
  /** Series Instance UIDs. */
  readonly series: string[];
  readonly levels: string[];
  answer(request: number, frames?: number): void;
  end(request: number): void;
  aborted(request: number): boolean;
}

/** A server of frames of 10 bytes, of which it sends the resolutions asked for: it answers a request when the test lets it. */
export function frameServer(): FrameServer {
  const orders: number[][] = [];
  const levels: string[] = [];
  const series: string[] = [];
  const ENDS = [0, 1, 3, 10];
  const requests: { controller?: ReadableStreamDefaultController<Uint8Array>; signal: AbortSignal; sent: number }[] = [];
  vi.stubGlobal("fetch", async (path: string, { signal }: { signal: AbortSignal }) => {
    const asked = new URL(path, "http://server").searchParams;
    series.push(path.split("/series/")[1]!.split("/")[0]!);
    orders.push(asked.get("order")!.split(",").map(Number));
    levels.push(asked.has("from") ? `${asked.get("from")}-${asked.get("to")}` : "");
    const request: (typeof requests)[number] = { signal, sent: 0 };
    requests.push(request);
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        request.controller = controller;
        signal.addEventListener("abort", () => controller.error(new DOMException("aborted", "AbortError")));
      },
    });
    return new Response(body);
  });
  return {
    orders,
    levels,
    series,
    answer(number, frames = Number.POSITIVE_INFINITY) {
      const request = requests[number]!;
      const order = orders[number]!.slice(request.sent, request.sent + frames);
      request.sent += order.length;
      const [from, to] = levels[number] ? levels[number]!.split("-").map(Number) : [0, 3];
      const length = ENDS[to!]! - ENDS[from!]!;
      if (order.length > 0) request.controller!.enqueue(written(order.map((index) => [index, length])));
    },
    end: (number) => requests[number]!.controller!.close(),
    aborted: (number) => requests[number]!.signal.aborted,
  };
}
