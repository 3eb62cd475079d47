// The loader of a series' frames: the wanted one alone first, then the rest in one stream, nearest first.
import { type ReadonlySignal, signal } from "@preact/signals-core";
import { type DecodedFrame, type PixelDescription, sizeOf } from "../geom/pixels";
import { createLru, createNearStore } from "./cache";
import { frameAttributes, pixelDescription, type SeriesDocument } from "./series";
import { FramesRefused, streamFrames } from "./stream";

/** Frames asked for in one stream: it bounds the length of the address. */
const BATCH = 500;
/** A wanted frame that comes within so many is waited for; else the stream is asked for anew. */
const SOON = 4;
/** Frames decoded beforehand, in the direction of the last move and against it. */
const AHEAD = 6;
const BEHIND = 2;
/** Not signed in, not allowed, and not there: the series is gone, or has changed since its document was made. */
const FINAL = new Set([401, 403, 404]);
const RETRIES_MS = [500, 1000, 2000, 4000];

export interface LoaderOptions {
  decode(bytes: Uint8Array, description: PixelDescription, urgent: boolean): Promise<DecodedFrame>;
  /** A frame can be shown now. */
  onDecoded(index: number): void;
  /** A frame cannot be shown. */
  onFailed(index: number, reason: string): void;
  /** No frame comes any more. `status` is that of the answer; 0 when the server is not reached. */
  onEnded(status: number, reason: string): void;
  /** Frames that are here already, by index, as they came. */
  readonly known?: ReadonlyMap<number, Uint8Array>;
  /** Bytes of frames as they came, and of decoded ones. */
  readonly encodedBudget: number;
  readonly decodedBudget: number;
}

export interface FrameLoader {
  /** How many frames are here. */
  readonly loaded: ReadonlySignal<number>;
  /** All are here, or all that the budget holds. */
  readonly full: ReadonlySignal<boolean>;
  /** Tells which frame is looked at. */
  want(index: number): void;
  /** Begins to fetch the rest. Called once the first picture is drawn: sooner would delay it. */
  fill(): void;
  /** The frame as it came, if it is here. */
  encoded(index: number): Uint8Array | undefined;
  /** The frame, if it is decoded. */
  decoded(index: number): DecodedFrame | undefined;
  /** The decoded frame nearest to an index; -1: there is none. */
  nearest(index: number): number;
  dispose(): void;
}

/** Indices by distance from `center`, the one above before the one below. */
export function nearestFirst(center: number, count: number): number[] {
  const order = [center];
  for (let distance = 1; order.length < count; distance++) {
    if (center + distance < count) order.push(center + distance);
    if (center - distance >= 0) order.push(center - distance);
  }
  return order;
}

export function createFrameLoader(document: SeriesDocument, options: LoaderOptions): FrameLoader {
  const count = document.number_of_frames;
  const encoded = createNearStore(options.encodedBudget);
  const decoded = createLru(options.decodedBudget, sizeOf);
  const decoding = new Set<number>();
  const broken = new Set<number>();
  const loaded = signal(0);
  const full = signal(false);
  let current = 0;
  let direction = 1;
  let filling = false;
  let disposed = false;
  let stream: { readonly abort: AbortController; readonly waiting: number[]; delivered: boolean } | null = null;
  let failures = 0;
  let retry: ReturnType<typeof setTimeout> | undefined;

  for (const [index, bytes] of options.known ?? []) encoded.add(index, bytes, current);
  loaded.value = encoded.count();

  const missing = (): number[] => {
    const reach = Math.min(count, encoded.capacity());
    return nearestFirst(current, count).slice(0, reach).filter((index) => !encoded.has(index) && !broken.has(index));
  };
  const breakOff = (index: number, reason: string): void => {
    broken.add(index);
    options.onFailed(index, reason);
  };

  const decode = (index: number, urgent: boolean): void => {
    const bytes = encoded.get(index);
    if (!bytes || decoded.has(index) || decoding.has(index) || broken.has(index)) return;
    decoding.add(index);
    const description = pixelDescription(frameAttributes(document, index));
    options.decode(bytes, description, urgent).then(
      (frame) => {
        decoding.delete(index);
        if (disposed) return;
        decoded.set(index, frame);
        options.onDecoded(index);
        decodeNear();
      },
      (error: unknown) => {
        decoding.delete(index);
        if (!disposed) breakOff(index, reasonOf(error));
      },
    );
  };
  /** The wanted frame before all others; then those that will be wanted next. */
  const decodeNear = (): void => {
    decode(current, true);
    const shown = decoded.get(current);
    if (!shown) return;
    // More than half the budget would push out what was decoded just before.
    const room = Math.floor(options.decodedBudget / sizeOf(shown) / 2) - 1;
    for (let step = 1; step <= Math.min(AHEAD, room); step++) decode(current + step * direction, false);
    for (let step = 1; step <= Math.min(BEHIND, room - AHEAD); step++) decode(current - step * direction, false);
  };

  const take = (index: number, bytes: Uint8Array): void => {
    encoded.add(index, bytes, current);
    loaded.value = encoded.count();
    if (Math.abs(index - current) <= AHEAD) decodeNear();
  };
  const read = async (order: number[]): Promise<void> => {
    const own = { abort: new AbortController(), waiting: [...order], delivered: false };
    stream = own;
    try {
      for await (const { index, bytes } of streamFrames(document, order, own.abort.signal)) {
        if (stream !== own) return;
        failures = 0;
        own.delivered = true;
        own.waiting.splice(0, own.waiting.indexOf(index) + 1);
        take(index, bytes);
        restartIfFar();
      }
      if (stream !== own) return;
      stream = null;
      if (own.waiting.length > 0) throw new Error("the stream ended too early");
      pump();
    } catch (error) {
      if (stream !== own && stream !== null) return;
      stream = null;
      if (!disposed && !own.abort.signal.aborted) failed(error, own.waiting);
    }
  };
  const failed = (error: unknown, waiting: readonly number[]): void => {
    if (error instanceof FramesRefused && FINAL.has(error.status)) return options.onEnded(error.status, error.message);
    if (error instanceof FramesRefused && waiting[0] !== undefined) {
      // The server answers so for the first frame: it cannot be read. The others may be well.
      breakOff(waiting[0], error.message);
      return pump();
    }
    if (failures >= RETRIES_MS.length) return options.onEnded(0, reasonOf(error));
    retry = setTimeout(pump, RETRIES_MS[failures++]);
  };
  const stop = (): void => {
    const running = stream;
    stream = null;
    running?.abort.abort();
  };
  /** A jump: the stream is asked for anew from there, once the running one has given at least something. */
  const restartIfFar = (): void => {
    if (!stream?.delivered || encoded.has(current) || stream.waiting.slice(0, SOON).includes(current)) return;
    stop();
    pump();
  };
  const pump = (): void => {
    clearTimeout(retry);
    if (disposed || stream) return;
    const order = missing();
    full.value = order.length === 0;
    if (order.length === 0) return;
    if (filling) void read(order.slice(0, BATCH));
    else if (order[0] === current) void read([current]);
  };

  return {
    loaded,
    full,
    want(index) {
      if (index !== current) direction = index > current ? 1 : -1;
      current = index;
      decodeNear();
      restartIfFar();
      pump();
    },
    fill() {
      if (filling) return;
      filling = true;
      setTimeout(pump);
    },
    encoded: encoded.get,
    decoded: (index) => decoded.get(index),
    nearest(index) {
      let nearest = -1;
      for (const held of decoded.indices()) if (nearest < 0 || Math.abs(held - index) < Math.abs(nearest - index)) nearest = held;
      return nearest;
    },
    dispose() {
      disposed = true;
      clearTimeout(retry);
      stop();
      encoded.clear();
      decoded.clear();
    },
  };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
