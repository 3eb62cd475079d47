// The loader of a series' frames: the wanted ones alone first, then a low resolution of all, then the rest, nearest first.
// Several may look at one series: `net/loaders.ts` gives them the same loader, and says whose turn on the line it is.
import { type ReadonlySignal, signal } from "@preact/signals-core";
import { type DecodedFrame, type PixelDescription, sizeOf } from "../geom/pixels";
import { type Budget, createLru, createNearStore } from "./cache";
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
/** Frames in one stream of a loader that has the line for a moment only. */
const FEW = 8;
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
  /** What it needs or holds has changed. */
  onChanged?(): void;
  /** Frames that are here already, by index, as they came. */
  readonly known?: ReadonlyMap<number, Uint8Array>;
  /** For frames as they came, and for decoded ones. */
  readonly encodedBudget: Budget;
  readonly decodedBudget: Budget;
}

/** What is missing most: a picture that is looked at, low resolutions to scroll by, whole frames. */
export type Need = "picture" | "low" | "rest" | "nothing";

/** What a loader may fetch: all it wants, a few frames, or nothing just now. */
export type Turn = "all" | "few" | "none";

export interface FrameLoader {
  /** How many frames are here, whole. */
  readonly loaded: ReadonlySignal<number>;
  /** All are here, or all that the budget holds. */
  readonly full: ReadonlySignal<boolean>;
  /** All are here at least in a low resolution, or all that the budget holds. */
  readonly scrollable: ReadonlySignal<boolean>;
  /** Tells which frame a viewer looks at. */
  want(index: number, viewer?: object): void;
  /** A viewer looks no more. */
  leave(viewer: object): void;
  /** Begins to fetch the rest. Called once the first picture is drawn: sooner would delay it. */
  fill(): void;
  /** The whole frame as it came, if it is here. */
  encoded(index: number): Uint8Array | undefined;
  /** The whole frame, if it is decoded. */
  decoded(index: number): DecodedFrame | undefined;
  /** The whole frame, decoded for the caller to keep, once it is here; it is fetched before those that nobody has asked for. */
  whole(index: number): Promise<DecodedFrame>;
  /** The frame in its low resolution, if that is decoded. */
  low(index: number): ReducedFrame | undefined;
  /** The decoded frame nearest to an index, whole or not; -1: there is none. */
  nearest(index: number): number;
  /** Why frames cannot be shown, by index. */
  broken(): ReadonlyMap<number, string>;
  need(): Need;
  /** Gives it the line, or takes it away. */
  take(turn: Turn): void;
  /** Bytes held now. */
  held(): { readonly encoded: number; readonly decoded: number };
  /** Forgets what the budgets do not hold any more. */
  trim(): void;
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

/** Who looks when nobody says who. */
const ANYBODY = {};

export function createFrameLoader(document: SeriesDocument, options: LoaderOptions): FrameLoader {
  const count = document.number_of_frames;
  const encoded = createNearStore(options.encodedBudget);
  const prefixes = createNearStore(() => options.encodedBudget() * LOW_SHARE);
  const decoded = createLru(options.decodedBudget, sizeOf);
  const lows = createLru<ReducedFrame>(() => options.decodedBudget() * LOW_SHARE, ({ frame }) => sizeOf(frame));
  const decoding = new Set<string>();
  const broken = new Map<number, string>();
  /** By viewer; the one who moved last comes last. */
  const looked = new Map<object, number>();
  /** Those who wait for a whole frame, by index. */
  const waiting = new Map<number, ((frame: Promise<DecodedFrame>) => void)[]>();
  const loaded = signal(0);
  const full = signal(false);
  const scrollable = signal(false);
  let current = 0;
  let direction = 1;
  let turn: Turn = "all";
  let filling = false;
  /** Since it was last seen what is missing. */
  let moved = false;
  let disposed = false;
  let stream: { readonly abort: AbortController; readonly pass: Pass; readonly waiting: number[]; delivered: boolean } | null = null;
  let lastWasLow = false;
  let failures = 0;
  let retry: ReturnType<typeof setTimeout> | undefined;

  /** What is looked at, by whom moved last first. */
  const wanted = (): number[] => [...new Set([current, ...[...looked.values()].reverse()])];
  for (const [index, bytes] of options.known ?? []) encoded.add(index, bytes, [current]);
  loaded.value = encoded.count();

  const needsWhole = (index: number): boolean => !encoded.has(index) && !broken.has(index);
  const isBlank = (index: number): boolean => needsWhole(index) && !prefixes.has(index);
  const needsLow = (index: number): boolean => isBlank(index) && lowLevels(document, index) > 0;
  const within = (capacity: number, needs: (index: number) => boolean, first: readonly number[] = []): number[] => {
    const order = new Set([...wanted(), ...first, ...nearestFirst(current, count)]);
    return [...order].slice(0, Math.min(count, capacity)).filter(needs);
  };
  const breakOff = (index: number, reason: string): void => {
    broken.set(index, reason);
    settle(index, Promise.reject(new Error(reason)));
    options.onFailed(index, reason);
  };
  const settle = (index: number, frame: Promise<DecodedFrame>): void => {
    // Nobody may be waiting for it.
    frame.catch(() => undefined);
    for (const hand of waiting.get(index) ?? []) hand(frame);
    waiting.delete(index);
  };
  const decodeAside = (index: number, bytes: Uint8Array): Promise<DecodedFrame> =>
    options.decode(bytes, pixelDescription(frameAttributes(document, index)), false, 0);

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
        options.onChanged?.();
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
  /** The wanted frames before all others; then those that will be wanted next. */
  const decodeNear = (): void => {
    for (const index of wanted()) decodeBest(index, true);
    const low = lows.get(current);
    const size = sizeOfWhole(decoded.get(current), encoded.has(current) ? undefined : low);
    if (size === 0) return;
    // More than half the budget would push out what was decoded just before.
    const room = Math.floor(options.decodedBudget() / size / 2) - 1;
    for (let step = 1; step <= Math.min(AHEAD, room); step++) decodeBest(current + step * direction, false);
    for (let step = 1; step <= Math.min(BEHIND, room - AHEAD); step++) decodeBest(current - step * direction, false);
  };

  const arrived = (index: number, bytes: Uint8Array<ArrayBuffer>, { levels, isLow }: Pass): void => {
    if (isLow) prefixes.add(index, bytes, wanted());
    else if (!levels || levels[0] === 0) keepWhole(index, bytes);
    else {
      const prefix = prefixes.get(index);
      if (prefix) keepWhole(index, joined(prefix, bytes));
    }
    loaded.value = encoded.count();
    if (wanted().some((each) => Math.abs(index - each) <= AHEAD)) decodeNear();
    options.onChanged?.();
  };
  const keepWhole = (index: number, bytes: Uint8Array<ArrayBuffer>): void => {
    if (waiting.has(index)) settle(index, decodeAside(index, bytes));
    encoded.add(index, bytes, wanted());
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
        arrived(index, bytes, pass);
        restartIfFar();
      }
      if (stream !== own) return;
      stream = null;
      if (own.waiting.length > 0) throw new Error("the stream ended too early");
      if (filling) missing();
      options.onChanged?.();
      // Those who share the line are heard first.
      queueMicrotask(pump);
    } catch (error) {
      if (stream !== own && stream !== null) return;
      stream = null;
      if (!disposed && !own.abort.signal.aborted) failed(error, own.waiting);
    }
  };
  const failed = (error: unknown, unanswered: readonly number[]): void => {
    if (error instanceof FramesRefused && FINAL.has(error.status)) return end(error.status, error.message);
    if (error instanceof FramesRefused && unanswered[0] !== undefined) {
      // The server answers so for the first frame: it cannot be read. The others may be well.
      breakOff(unanswered[0], error.message);
      return pump();
    }
    if (failures >= RETRIES_MS.length) return end(0, reasonOf(error));
    retry = setTimeout(pump, RETRIES_MS[failures++]);
  };
  const end = (status: number, reason: string): void => {
    giveUpWaiting(reason);
    options.onEnded(status, reason);
  };
  const giveUpWaiting = (reason: string): void => {
    for (const index of [...waiting.keys()]) settle(index, Promise.reject(new Error(reason)));
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
    if (disposed) return;
    const pass = stream || turn === "none" ? null : filling ? nextPass() : firstPass();
    if (pass) {
      lastWasLow = pass.isLow;
      void read(turn === "few" ? { ...pass, order: pass.order.slice(0, FEW) } : pass);
    }
    options.onChanged?.();
  };
  const firstPass = (): Pass | null => {
    const index = wanted().find(isBlank);
    if (index === undefined) return null;
    const levels = firstLevels(document, index);
    return { order: [index], levels, isLow: levels !== null && levels[1] < resolutionEnds(document, index).length };
  };
  /** What is to be fetched in a low resolution, and as a whole. */
  const missing = (): { readonly blank: number[]; readonly wanting: number[] } => {
    moved = false;
    const isComplete = encoded.count() === count;
    const blank = isComplete ? [] : within(prefixes.capacity(), needsLow);
    const wanting = isComplete ? [] : within(encoded.capacity(), needsWhole, [...waiting.keys()]);
    scrollable.value = blank.length === 0;
    full.value = wanting.length === 0 && blank.length === 0;
    return { blank, wanting };
  };
  /** A wanted frame of which nothing is here, low resolutions of those around it, what is missing of it, and of the others. */
  const nextPass = (): Pass | null => {
    const { blank, wanting } = missing();
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
    want(index, viewer = ANYBODY) {
      if (index !== current) direction = index > current ? 1 : -1;
      current = index;
      moved = true;
      looked.delete(viewer);
      looked.set(viewer, index);
      decodeNear();
      restartIfFar();
      pump();
    },
    leave: (viewer) => void looked.delete(viewer),
    fill() {
      if (filling) return;
      filling = true;
      setTimeout(pump);
    },
    encoded: encoded.get,
    decoded: (index) => decoded.get(index),
    async whole(index) {
      const known = decoded.get(index);
      const bytes = encoded.get(index);
      if (known) return known;
      if (bytes) return decodeAside(index, bytes);
      if (broken.has(index)) throw new Error(broken.get(index));
      filling = true;
      const coming = new Promise<DecodedFrame>((hand) => waiting.set(index, [...(waiting.get(index) ?? []), hand]));
      pump();
      return coming;
    },
    low: (index) => lows.get(index),
    nearest(index) {
      let nearest = -1;
      for (const held of [...decoded.indices(), ...lows.indices()]) if (nearest < 0 || Math.abs(held - index) < Math.abs(nearest - index)) nearest = held;
      return nearest;
    },
    broken: () => broken,
    need() {
      if (disposed) return "nothing";
      if (wanted().some(isBlank)) return "picture";
      if (!filling || (full.value && !moved && waiting.size === 0)) return "nothing";
      return scrollable.value ? "rest" : "low";
    },
    take(given) {
      if (given === turn) return;
      turn = given;
      if (turn === "none") {
        if (stream && stream.waiting.length > FEW) stop();
      } else pump();
    },
    held: () => ({ encoded: encoded.bytes() + prefixes.bytes(), decoded: decoded.bytes() + lows.bytes() }),
    trim() {
      encoded.trim(wanted());
      prefixes.trim(wanted());
      decoded.trim();
      lows.trim();
      loaded.value = encoded.count();
    },
    dispose() {
      disposed = true;
      clearTimeout(retry);
      stop();
      giveUpWaiting("the series is closed");
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
