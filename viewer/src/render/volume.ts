// Volumes: the voxels of a series, once for all panes that cut planes through it, in a worker that ends with the last of them.
import { type ReadonlySignal, signal } from "@preact/signals-core";
import { sharedDecoder } from "../decode/pool";
import { modalityValue, throughLut } from "../geom/lut";
import type { DecodedFrame } from "../geom/pixels";
import type { Cut, VoxelArray } from "../geom/reslice";
import { gapsOf, type VolumeGeometry } from "../geom/volume";
import { pageLoaders } from "../net/loaders";
import { type FrameAttributes, frameAttributes, lutAt, type SeriesDocument } from "../net/series";
import type { CutterAnswer, CutterJob, VoxelType } from "./cutter";

export interface Volume {
  /** What its values mean, in place of what the frames say. */
  readonly values: ValueFacts;
  readonly slices: number;
  /** How many of them have arrived. */
  readonly loaded: ReadonlySignal<number>;
  /** All that will come are here. */
  readonly complete: ReadonlySignal<boolean>;
  /** Counted up as slices come: what was cut before is not the last word. */
  readonly version: ReadonlySignal<number>;
  /** Slices (from 0) that cannot be shown. */
  readonly lost: ReadonlySignal<readonly number[]>;
  /** Why there is none; null: there is. */
  readonly failure: ReadonlySignal<string | null>;
  cut(cut: Cut): Promise<VoxelArray>;
  release(): void;
}

/** How voxels become modality values. */
export interface ValueFacts {
  readonly type: VoxelType;
  /** Frames of different scales are brought to modality values first. */
  readonly isScaled: boolean;
  readonly padding: readonly [number, number];
  /** What stands where nothing was measured; within the padding. */
  readonly outside: number;
}

interface Shared extends Omit<Volume, "release"> {
  users: number;
  end(): void;
}

const open = new Map<SeriesDocument, Shared>();

const GIGABYTE = 2 ** 30;
/** Bytes of one volume at most. */
function mostBytes(): number {
  if (matchMedia("(pointer: coarse)").matches) return GIGABYTE / 4;
  const { deviceMemory = 4 } = navigator as { deviceMemory?: number };
  return Math.min(1.5 * GIGABYTE, (deviceMemory * GIGABYTE) / 4);
}

export function bytesOf(document: SeriesDocument, { columns, rows, depths }: VolumeGeometry): number {
  return columns * rows * depths.length * (valueFacts(document).type === "float32" ? 4 : 2);
}

export function isTooLarge(document: SeriesDocument, geometry: VolumeGeometry): boolean {
  return bytesOf(document, geometry) > mostBytes();
}

/** The volume of a series; fetched once, shared by all who ask. */
export function openVolume(document: SeriesDocument, geometry: VolumeGeometry): Volume {
  const shared = open.get(document) ?? startVolume(document, geometry);
  open.set(document, shared);
  shared.users++;
  return {
    ...shared,
    release() {
      if (--shared.users > 0) return;
      open.delete(document);
      shared.end();
    },
  };
}

/** Between two tellings of what has arrived. */
const TELL_MS = 250;

function startVolume(document: SeriesDocument, geometry: VolumeGeometry): Shared {
  const values = valueFacts(document);
  const worker = new Worker(new URL("./cutter.ts", import.meta.url), { type: "module" });
  const [loaded, complete, version, failure] = [signal(0), signal(false), signal(0), signal<string | null>(null)];
  const lost = signal<readonly number[]>([]);
  const awaited = new Map<number, (values: VoxelArray) => void>();
  let [lastId, ended] = [0, false];
  let telling: ReturnType<typeof setTimeout> | undefined;

  const send = (job: CutterJob): void => worker.postMessage(job);
  const tell = (): void => {
    telling = undefined;
    version.value++;
  };
  const settle = (): void => {
    loaded.value++;
    complete.value = loaded.value === document.number_of_frames;
    if (!complete.value) telling ??= setTimeout(tell, TELL_MS);
    else {
      clearTimeout(telling);
      tell();
    }
  };
  worker.addEventListener("message", ({ data }: MessageEvent<CutterAnswer>) => {
    if ("refused" in data) {
      failure.value = data.refused;
      return;
    }
    awaited.get(data.id)?.(data.values);
    awaited.delete(data.id);
  });
  worker.addEventListener("error", ({ message }) => {
    failure.value = message || "the worker stopped";
  });
  const { columns, rows, depths, spacingMm, isEven } = geometry;
  const gapsAfter = gapsOf(geometry).map(({ after }) => after - 1);
  send({ make: { columns, rows, depths, spacingMm, isEven, gapsAfter, padding: values.padding, outside: values.outside }, type: values.type });

  const frames = pageLoaders().acquire(document, sharedDecoder().decode, {
    onDecoded: () => undefined,
    onFailed: () => undefined,
    onEnded: (_status, reason) => {
      failure.value = reason;
    },
  });
  for (const { slice, until } of coarseFirst(depths.length)) {
    frames.whole(slice).then(
      (frame) => {
        if (ended) return;
        send({ slice, until, values: voxelsOf(document, slice, frame, values) });
        settle();
      },
      () => {
        if (ended) return;
        send({ lost: slice });
        lost.value = [...lost.value, slice].sort((one, other) => one - other);
        settle();
      },
    );
  }
  return {
    users: 0,
    slices: depths.length,
    values,
    loaded,
    complete,
    version,
    lost,
    failure,
    cut: (cut) =>
      new Promise((done) => {
        awaited.set(++lastId, done);
        send({ id: lastId, cut });
      }),
    end() {
      ended = true;
      clearTimeout(telling);
      frames.release();
      worker.terminate();
    },
  };
}

const COARSEST = 8;

/** Every eighth slice, then those between: the whole is seen long before all of it is here. */
export function coarseFirst(count: number): readonly { readonly slice: number; readonly until: number }[] {
  const order: { slice: number; until: number }[] = [];
  for (let stride = COARSEST; stride >= 1; stride /= 2) {
    const first = stride === COARSEST ? 0 : stride;
    const step = stride === COARSEST ? stride : stride * 2;
    for (let slice = first; slice < count; slice += step) order.push({ slice, until: Math.min(count, slice + stride) });
  }
  return order;
}

const OUTSIDE = { int16: -32768, uint16: 65535, float32: Math.fround(-1e30) } as const;

/** As stored where one scale holds for all, and 16 bits hold them; else real numbers. */
export function valueFacts(document: SeriesDocument): ValueFacts {
  const { per_frame, shared } = document;
  const first = frameAttributes(document, 0);
  const differs = (...keys: (keyof FrameAttributes)[]): boolean => keys.some((key) => per_frame[key] !== undefined);
  const isScaled = first.modality_lut !== null || differs("rescale_slope", "rescale_intercept", "modality_lut", "signed", "padding");
  const isReal = isScaled || first.pixel_data !== "integer" || first.bits_allocated > 16;
  const type = isReal ? "float32" : first.signed || first.bits_stored <= 8 ? "int16" : "uint16";
  const own = isScaled ? null : (shared.padding ?? null);
  // Without padding of its own, the end of the range of numbers that scanners do not reach.
  const outside = own ? own[0] : OUTSIDE[type];
  return { type, isScaled, padding: own ?? [outside, outside], outside };
}

function voxelsOf(document: SeriesDocument, index: number, frame: DecodedFrame, { isScaled, outside }: ValueFacts): ArrayLike<number> {
  if (!isScaled) return frame.values;
  const known = frameAttributes(document, index);
  const table = lutAt(document, known.modality_lut);
  if (table) return Float32Array.from(throughLut(frame, table).values);
  const modality = { slope: known.rescale_slope, intercept: known.rescale_intercept, lut: null };
  const [low, high] = known.padding ?? [Number.NaN, Number.NaN];
  return Float32Array.from(frame.values, (stored) => (stored >= low && stored <= high ? outside : modalityValue(stored, modality)));
}
