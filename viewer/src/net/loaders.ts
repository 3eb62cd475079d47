// The loaders of the page: one for each series, shared by all that show it, under one budget and with one line to the server.
import { type FrameLoader, type LoaderOptions, createFrameLoader, type Turn } from "./queue";
import type { SeriesDocument } from "./series";

/** What is told to each of those who share a loader. */
export type LoaderEvents = Pick<LoaderOptions, "onDecoded" | "onFailed" | "onEnded">;

/** A share in the loader of a series. */
export interface SharedLoader extends Pick<FrameLoader, "loaded" | "full" | "scrollable" | "fill" | "encoded" | "decoded" | "whole" | "low" | "nearest"> {
  want(index: number): void;
  /** The reader looks here: what this series lacks comes before the rest of the others. */
  attend(): void;
  /** The series is kept for a while, should somebody come back to it. */
  release(): void;
}

interface Held {
  readonly document: SeriesDocument;
  readonly loader: FrameLoader;
  readonly sharers: Set<LoaderEvents>;
  /** No frame comes any more. */
  ended: boolean;
  /** When nobody has it any more, until it is forgotten. */
  forgetting?: ReturnType<typeof setTimeout>;
}

export interface LoadersOptions {
  /** Bytes of all frames as they came, and of all decoded ones. */
  readonly encoded: number;
  readonly decoded: number;
  /** How long a series is kept that nobody shows. */
  readonly keptMs: number;
}

export interface Loaders {
  /** A share in the loader of a series; `known`: frames that are here already, by index. */
  acquire(document: SeriesDocument, decode: LoaderOptions["decode"], events: LoaderEvents, known?: ReadonlyMap<number, Uint8Array>): SharedLoader;
}

/** Of the budgets, what a series has at least while it is shown. */
const LEAST_SHARE = 1 / 32;
/** Of the budgets, what series have together that nobody shows. */
const IDLE_SHARE = 1 / 8;
/** Pictures that are awaited and fetched side by side: a browser opens six connections to a server. */
const PICTURES_AT_ONCE = 4;

export function createLoaders(limits: LoadersOptions): Loaders {
  /** The one looked at last comes first. */
  let all: Held[] = [];
  let scheduled = false;

  const sum = (held: readonly Held[], kind: "encoded" | "decoded"): number => held.reduce((bytes, { loader }) => bytes + loader.held()[kind], 0);
  /** What those before it leave. */
  const budgetOf = (one: () => Held | undefined, kind: "encoded" | "decoded") => (): number => {
    const before = all.slice(0, Math.max(0, all.indexOf(one()!)));
    return Math.max(limits[kind] * LEAST_SHARE, limits[kind] - sum(before, kind));
  };
  const forget = (held: Held): void => {
    clearTimeout(held.forgetting);
    all = all.filter((each) => each !== held);
    held.loader.dispose();
  };
  const trim = (): void => {
    const idle = all.filter(({ sharers }) => sharers.size === 0);
    const isTooMuch = (kind: "encoded" | "decoded"): boolean => sum(idle, kind) > limits[kind] * IDLE_SHARE || sum(all, kind) > limits[kind];
    while (idle.length > 0 && (isTooMuch("encoded") || isTooMuch("decoded"))) forget(idle.pop()!);
    if (isTooMuch("encoded") || isTooMuch("decoded")) for (const { loader } of [...all].reverse()) loader.trim();
  };
  /** Pictures that are awaited have the line, the one looked at first; else one series at a time, low resolutions first. */
  const share = (): void => {
    scheduled = false;
    trim();
    const shown = all.filter(({ sharers, ended }) => sharers.size > 0 && !ended);
    const [first, ...others] = shown.filter(({ loader }) => loader.need() === "picture").slice(0, PICTURES_AT_ONCE);
    const main = first ?? shown.find(({ loader }) => loader.need() === "low") ?? shown.find(({ loader }) => loader.need() === "rest");
    const turnOf = (held: Held): Turn => (held === main ? "all" : others.includes(held) ? "few" : "none");
    for (const held of all) held.loader.take(turnOf(held));
  };
  const changed = (): void => {
    if (scheduled) return;
    scheduled = true;
    queueMicrotask(share);
  };
  const attend = (held: Held): void => {
    if (all[0] === held) return;
    all = [held, ...all.filter((each) => each !== held)];
    changed();
  };
  const hold = (document: SeriesDocument, decode: LoaderOptions["decode"], known?: ReadonlyMap<number, Uint8Array>): Held => {
    let held: Held | undefined;
    const own = (): Held | undefined => held;
    const sharers = new Set<LoaderEvents>();
    const loader = createFrameLoader(document, {
      decode,
      ...(known && { known }),
      encodedBudget: budgetOf(own, "encoded"),
      decodedBudget: budgetOf(own, "decoded"),
      onChanged: changed,
      onDecoded: (index) => sharers.forEach((each) => each.onDecoded(index)),
      onFailed: (index, reason) => sharers.forEach((each) => each.onFailed(index, reason)),
      onEnded: (status, reason) => {
        held!.ended = true;
        // A copy: who hears it may let go of his share and take another.
        for (const each of [...sharers]) each.onEnded(status, reason);
      },
    });
    held = { document, loader, sharers, ended: false };
    all = [held, ...all];
    return held;
  };

  return {
    acquire(document, decode, events, known) {
      const held = all.find((each) => !each.ended && isSameDocument(each.document, document)) ?? hold(document, decode, known);
      const { loader, sharers } = held;
      const viewer = {};
      clearTimeout(held.forgetting);
      sharers.add(events);
      attend(held);
      for (const [index, reason] of loader.broken()) events.onFailed(index, reason);
      return {
        ...loader,
        want: (index) => loader.want(index, viewer),
        attend: () => attend(held),
        release() {
          loader.leave(viewer);
          sharers.delete(events);
          if (sharers.size > 0) return;
          if (held.ended) forget(held);
          else held.forgetting = setTimeout(forget, limits.keptMs, held);
          changed();
        },
      };
    },
  };
}

/** Whether frames are the same, and asked for the same way. */
export function isSameDocument(one: SeriesDocument, other: SeriesDocument): boolean {
  const resolutions = ({ shared, per_frame }: SeriesDocument): string => JSON.stringify([shared.resolution_ends, per_frame.resolution_ends]);
  return one === other || (isSameRevision(one, other) && resolutions(one) === resolutions(other));
}

function isSameRevision(one: SeriesDocument, other: SeriesDocument): boolean {
  return one.series_instance_uid === other.series_instance_uid && one.study_instance_uid === other.study_instance_uid && one.revision === other.revision;
}

const MEGABYTE = 1 << 20;
const KEPT_MS = 15_000;

/** The loaders of this page, for a machine like this one. */
export function pageLoaders(): Loaders {
  page ??= createLoaders(limitsHere());
  return page;
}

let page: Loaders | undefined;

/** GB of memory above which a machine is not a small one. Browsers tell it on secure pages only. */
const USUAL_MEMORY = 4;

function limitsHere(): LoadersOptions {
  const phone = matchMedia("(pointer: coarse)").matches;
  const { deviceMemory = 2 * USUAL_MEMORY } = navigator as { deviceMemory?: number };
  const part = Math.min(1, deviceMemory / USUAL_MEMORY);
  return { encoded: (phone ? 128 : 512) * MEGABYTE * part, decoded: (phone ? 64 : 256) * MEGABYTE * part, keptMs: KEPT_MS };
}
