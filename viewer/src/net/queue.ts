// The loader of a series' frames: the wanted one alone first, then a low resolution of all, then the rest, nearest first.
import { type ReadonlySignal, signal } from "@preact/signals-core";
import { type DecodedFrame, type PixelDescription, sizeOf } from "../geom/pixels";
import { createLru, createNearStore } from "./cache";
import { firstLevels, type Levels, lowLevels, resolutionEnds } from "./passes";
import { frameAttributes, pixelDescription, type SeriesDocument } from "./series";
import { FramesRefused, streamFrames } from "./stream";

/** Frames asked for in one stream: it bounds the length of the address. */
const BATCH = 500;
/** Low resolutions in one stream: after it comes the rest of the wanted frame. */
const LOW_BATCH = 100;
/** Of the budgets for whole frames, what low resolutions may have besides. */
const LOW_SHARE = 1 / 8;
/** A wanted frame that comes within so many is waited for; else the stream is asked for anew. */
const SOON = 4;
/** Frames decoded beforehand, in the direction of the last move and against it. */
const AHEAD = 6;
const BEHIND = 2;
/** Not signed in, not allowed, and not there: the series is gone, or has changed since its document was made. */
const FINAL = new Set([401, 403, 404]);
const RETRIES_MS = [500, 1000, 2000, 4000];

export interface LoaderOptions {
  decode(bytes: Uint8Array, description: PixelDescription, urgent: boolean, reduce: number): Promise<DecodedFrame>;
  /** A frame can be shown now, or better than before. */
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
  /** How many frames are here, whole. */
  readonly loaded: ReadonlySignal<number>;
  /** All are here, or all that the budget holds. */
  readonly full: ReadonlySignal<boolean>;
  /** All are here at least in a low resolution, or all that the budget holds. */
  readonly scrollable: ReadonlySignal<boolean>;
  /** Tells which frame is looked at. */
  want(index: number): void;
  /** Begins to fetch the rest. Called once the first picture is drawn: sooner would delay it. */
  fill(): void;
  /** The whole frame as it came, if it is here. */
  encoded(index: number): Uint8Array | undefined;
  /** The whole frame, if it is decoded. */
  decoded(index: number): DecodedFrame | undefined;
  /** The frame in its low resolution, if that is decoded. */
  low(index: number): ReducedFrame | undefined;
  /** The decoded frame nearest to an index, whole or not; -1: there is none. */
  nearest(index: number): number;
  dispose(): void;
}

/** A frame, whole or in a lower resolution. */
export interface ReducedFrame {
  readonly frame: DecodedFrame;
  /** How often it is halved; 0: it is whole. */
  readonly reduce: number;
}

/** What is asked for at once: the same resolutions of some frames. */
interface Pass {
  readonly order: readonly number[];
  readonly levels: Levels;
  readonly isLow: boolean;
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
  const prefixes = createNearStore(options.encodedBudget * LOW_SHARE);
  const decoded = createLru(options.decodedBudget, sizeOf);
  const lows = createLru<ReducedFrame>(options.decodedBudget * LOW_SHARE, ({ frame }) => sizeOf(frame));
  const decoding = new Set<string>();
  const broken = new Set<number>();
  const loaded = signal(0);
  const full = signal(false);
  const scrollable = signal(false);
  let current = 0;
  let direction = 1;
  let filling = false;
  let disposed = false;
  let stream: { readonly abort: AbortController; readonly pass: Pass; readonly waiting: number[]; delivered: boolean } | null = null;
  let lastWasLow = false;
  let failures = 0;
  let retry: ReturnType<typeof setTimeout> | undefined;

  for (const [index, bytes] of options.known ?? []) encoded.add(index, bytes, current);
  loaded.value = encoded.count();

  const needsWhole = (index: number): boolean => !encoded.has(index) && !broken.has(index);
  const isBlank = (index: number): boolean => needsWhole(index) && !prefixes.has(index);
  const needsLow = (index: number): boolean => isBlank(index) && lowLevels(document, index) > 0;
  const within = (capacity: number, needs: (index: number) => boolean): number[] =>
    nearestFirst(current, count).slice(0, Math.min(count, capacity)).filter(needs);
  const breakOff = (index: number, reason: string): void => {
    broken.add(index);
    options.onFailed(index, reason);
  };

  const decode = (index: number, urgent: boolean, reduce: number): void => {
    const bytes = reduce > 0 ? prefixes.get(index) : encoded.get(index);
    const key = `${index}/${reduce}`;
    if (!bytes || decoding.has(key) || broken.has(index) || (reduce > 0 ? lows : decoded).has(index)) return;
    decoding.add(key);
    const description = pixelDescription(frameAttributes(document, index));
    options.decode(bytes, description, urgent, reduce).then(
      (frame) => {
        decoding.delete(key);
        if (disposed) return;
        if (reduce > 0) lows.set(index, { frame, reduce });
        else decoded.set(index, frame);
        options.onDecoded(index);
        decodeNear();
      },
      (error: unknown) => {
        decoding.delete(key);
        if (!disposed) breakOff(index, reasonOf(error));
      },
    );
  };
  /** The whole frame if it is here, else its low resolution. */
  const decodeBest = (index: number, urgent: boolean): void => {
    if (encoded.has(index)) decode(index, urgent, 0);
    else decode(index, urgent, resolutionEnds(document, index).length - lowLevels(document, index));
  };
  /** The wanted frame before all others; then those that will be wanted next. */
  const decodeNear = (): void => {
    decodeBest(current, true);
    const low = lows.get(current);
    const size = sizeOfWhole(decoded.get(current), encoded.has(current) ? undefined : low);
    if (size === 0) return;
    // More than half the budget would push out what was decoded just before.
    const room = Math.floor(options.decodedBudget / size / 2) - 1;
    for (let step = 1; step <= Math.min(AHEAD, room); step++) decodeBest(current + step * direction, false);
    for (let step = 1; step <= Math.min(BEHIND, room - AHEAD); step++) decodeBest(current - step * direction, false);
  };

  const take = (index: number, bytes: Uint8Array<ArrayBuffer>, { levels, isLow }: Pass): void => {
    if (isLow) prefixes.add(index, bytes, current);
    else if (!levels || levels[0] === 0) encoded.add(index, bytes, current);
    else {
      const prefix = prefixes.get(index);
      if (prefix) encoded.add(index, joined(prefix, bytes), current);
    }
    loaded.value = encoded.count();
    if (Math.abs(index - current) <= AHEAD) decodeNear();
  };
  const read = async (pass: Pass): Promise<void> => {
    const own = { abort: new AbortController(), pass, waiting: [...pass.order], delivered: false };
    stream = own;
    try {
      for await (const { index, bytes } of streamFrames(document, pass.order, pass.levels, own.abort.signal)) {
        if (stream !== own) return;
        failures = 0;
        own.delivered = true;
        own.waiting.splice(0, own.waiting.indexOf(index) + 1);
        take(index, bytes, pass);
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
    if (!stream?.delivered || stream.waiting.slice(0, SOON).includes(current)) return;
    if (!(stream.pass.isLow ? isBlank : needsWhole)(current)) return;
    stop();
    pump();
  };
  const pump = (): void => {
    clearTimeout(retry);
    if (disposed || stream) return;
    const pass = filling ? nextPass() : firstPass();
    if (!pass) return;
    lastWasLow = pass.isLow;
    void read(pass);
  };
  const firstPass = (): Pass | null => {
    if (!isBlank(current)) return null;
    const levels = firstLevels(document, current);
    return { order: [current], levels, isLow: levels !== null && levels[1] < resolutionEnds(document, current).length };
  };
  /** A wanted frame of which nothing is here, low resolutions of those around it, what is missing of it, and of the others. */
  const nextPass = (): Pass | null => {
    const blank = within(prefixes.capacity(), needsLow);
    const wanting = within(encoded.capacity(), needsWhole);
    scrollable.value = blank.length === 0;
    full.value = wanting.length === 0 && blank.length === 0;
    if (blank.length > 0 && (needsLow(current) || !needsWhole(current) || (prefixes.has(current) && !lastWasLow))) {
      const low = lowLevels(document, blank[0]!);
      return { order: blank.filter((index) => lowLevels(document, index) === low).slice(0, LOW_BATCH), levels: [0, low], isLow: true };
    }
    if (wanting.length === 0) return null;
    const levels = wholeLevels(wanting[0]!);
    const order = blank.length > 0 ? [wanting[0]!] : wanting.slice(0, BATCH).filter((index) => isSame(wholeLevels(index), levels));
    return { order, levels, isLow: false };
  };
  /** What is missing of a frame. */
  const wholeLevels = (index: number): Levels => {
    const { length } = resolutionEnds(document, index);
    return length === 0 ? null : [prefixes.has(index) ? lowLevels(document, index) : 0, length];
  };

  return {
    loaded,
    full,
    scrollable,
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
    low: (index) => lows.get(index),
    nearest(index) {
      let nearest = -1;
      for (const held of [...decoded.indices(), ...lows.indices()]) if (nearest < 0 || Math.abs(held - index) < Math.abs(nearest - index)) nearest = held;
      return nearest;
    },
    dispose() {
      disposed = true;
      clearTimeout(retry);
      stop();
      encoded.clear();
      prefixes.clear();
      decoded.clear();
      lows.clear();
    },
  };
}

/** Bytes that a frame takes once it is decoded as a whole, by what is decoded of it; 0: nothing is. */
function sizeOfWhole(whole: DecodedFrame | undefined, low: ReducedFrame | undefined): number {
  if (whole) return sizeOf(whole);
  return low ? sizeOf(low.frame) * 4 ** low.reduce : 0;
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(one.length + other.length);
  whole.set(one);
  whole.set(other, one.length);
  return whole;
}

function isSame(one: Levels, other: Levels): boolean {
  return one?.[0] === other?.[0] && one?.[1] === other?.[1];
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
