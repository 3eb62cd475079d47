// A viewport of planes through a volume: the same as one of a series, but that its frames are cut when they are asked for.
import { computed, effect, signal } from "@preact/signals-core";
import type { DecodedFrame } from "../geom/pixels";
import type { Cut, VoxelArray } from "../geom/reslice";
import type { Vector } from "../geom/orient";
import { difference, dot, scaled, sum } from "../geom/space";
import { gridAxes, middleOf, type PlaneName, type PlaneSet, planesThrough, toVoxel, type VolumeGeometry } from "../geom/volume";
import type { LoaderEvents, SharedLoader } from "../net/loaders";
import type { ReducedFrame } from "../net/queue";
import { type FrameAttributes, frameAttributes, type SeriesDocument } from "../net/series";
import { crosshair, setAxes, slab, type Slab, volumeAxes } from "../state/link";
import { volumeOf } from "../state/planes";
import type { Pane } from "../state/reading";
import { createViewport, type Viewport } from "./viewport";
import { isTooLarge, openVolume, type ValueFacts, type Volume } from "./volume";

/** Samples that are computed before a reader would wait: a coarser picture comes first where there are more. */
const QUICK_SAMPLES = 1_500_000;
/** A turn or a thicker slab may go on: the whole picture is cut when it has rested so long. */
const REST_MS = 120;
/** Planes that are kept, in bytes. */
const KEPT_BYTES = 32 << 20;

/** Counts what is shown: pictures of different planes never have one name. */
let lastRevision = 0;

/** What a document of planes was made of. */
interface Source {
  readonly volume: Volume;
  readonly geometry: VolumeGeometry;
  readonly set: PlaneSet;
  readonly slab: Slab;
  /** The picture it is opened with. */
  readonly first: { readonly index: number; readonly picture: ReducedFrame } | null;
}

export function createPlanesViewport(canvas: HTMLCanvasElement, { kind }: Pick<Pane, "kind">): Viewport {
  const name: PlaneName = kind === "coronal" || kind === "sagittal" ? kind : "axial";
  const sources = new WeakMap<SeriesDocument, Source>();
  const inner = createViewport(canvas, { acquire: (document, _decode, events) => loaderOf(sources.get(document)!, events) });
  const volume = signal<Volume | null>(null);
  let unfollow = (): void => undefined;

  const close = (): void => {
    unfollow();
    unfollow = () => undefined;
    inner.clear();
    volume.peek()?.release();
    volume.value = null;
  };
  const follow = (document: SeriesDocument, geometry: VolumeGeometry, opened: Volume): (() => void) => {
    let [busy, again, ended] = [false, false, false];
    const renew = async (): Promise<void> => {
      if (busy) {
        again = true;
        return;
      }
      busy = true;
      do {
        again = false;
        const thick = slab.peek();
        const set = planesThrough(geometry, name, volumeAxes.peek().get(document.series_instance_uid)!.now);
        const index = placeOf(set, geometry);
        const reduce = reduceFor(geometry, set, thick, opened);
        const picture = { frame: frameOf(set, reduce, await opened.cut(cutFor(geometry, set, index, thick, reduce))), reduce };
        if (ended) return;
        const made = documentOf(document, { volume: opened, geometry, set, slab: thick, first: { index, picture } });
        sources.set(made.document, made.source);
        inner.exchange(made.document, placeOf(set, geometry));
      } while (again);
      busy = false;
    };
    const unbind = effect(() => {
      void [opened.version.value, slab.value, volumeAxes.value.get(document.series_instance_uid)?.now];
      void renew();
    });
    return () => {
      ended = true;
      unbind();
    };
  };
  /** Where this pane is, else where the crosshair is. */
  const placeOf = (set: PlaneSet, geometry: VolumeGeometry): number => {
    const shown = inner.document.peek();
    const own = shown && sources.get(shown);
    const isSame = own && sameDirection(own.set, set);
    return isSame ? inner.frame.peek() : nearestIn(set, crosshair.peek()?.at ?? middleOf(geometry));
  };

  return {
    ...inner,
    // The scrubber counts planes: as many of them as of the slices.
    loaded: computed(() => (volume.value ? Math.floor((inner.count.value * volume.value.loaded.value) / volume.value.slices) : 0)),
    failure: computed(() => volume.value?.failure.value ?? inner.failure.value),
    status: computed(() => (volume.value ? (volume.value.failure.value !== null ? "failed" : volume.value.complete.value ? "full" : "loading") : "empty")),
    show(document) {
      close();
      const geometry = volumeOf(document);
      if (typeof geometry === "string" || isTooLarge(document, geometry)) return;
      const grid = gridAxes(geometry);
      if (!volumeAxes.peek().has(document.series_instance_uid)) setAxes(document.series_instance_uid, { grid, now: grid });
      if (crosshair.peek()?.frameOfReferenceUid !== geometry.frameOfReferenceUid) {
        crosshair.value = { at: middleOf(geometry), frameOfReferenceUid: geometry.frameOfReferenceUid };
      }
      const opened = openVolume(document, geometry);
      volume.value = opened;
      unfollow = follow(document, geometry, opened);
    },
    clear: close,
    dispose() {
      close();
      inner.dispose();
    },
  };
}

function sameDirection(one: PlaneSet, other: PlaneSet): boolean {
  return dot(one.normal, other.normal) > 1 - 1e-12 && one.origins.length === other.origins.length;
}

function nearestIn(set: PlaneSet, at: Vector): number {
  const heights = set.origins.map((origin) => Math.abs(dot(difference(at, origin), set.normal)));
  return heights.indexOf(Math.min(...heights));
}

/** Samples on each side of a plane that come nearest to the thickness of a slab. */
export function samplesEach({ mm }: Slab, stepMm: number): number {
  return mm <= 0 ? 0 : Math.max(1, Math.round((mm / stepMm - 1) / 2));
}

/** mm a slab has: whole steps. */
export function slabMm(thick: Slab, stepMm: number): number {
  return (2 * samplesEach(thick, stepMm) + 1) * stepMm;
}

/** Of slices at uneven places, the finest step. */
function sampleMm(geometry: VolumeGeometry, set: PlaneSet): number {
  return geometry.isEven ? set.stepMm : Math.min(set.stepMm, geometry.spacingMm);
}

function cutFor(geometry: VolumeGeometry, set: PlaneSet, index: number, thick: Slab, reduce: number): Cut {
  const factor = 2 ** reduce;
  const { right, down, normal, columnMm, rowMm } = set;
  const step = (direction: Vector, mm: number): Vector => toVoxel(geometry, sum(geometry.origin, scaled(direction, mm)));
  return {
    origin: toVoxel(geometry, set.origins[index]!),
    perColumn: step(right, columnMm * factor),
    perRow: step(down, rowMm * factor),
    columns: Math.ceil(set.columns / factor),
    rows: Math.ceil(set.rows / factor),
    slab: { mode: thick.mode, each: samplesEach(thick, sampleMm(geometry, set)), perSample: step(normal, sampleMm(geometry, set)) },
  };
}

/** How often the first picture is halved; a volume that is not all here makes no whole picture. */
function reduceFor(geometry: VolumeGeometry, set: PlaneSet, thick: Slab, { complete }: Volume): number {
  const samples = set.columns * set.rows * (2 * samplesEach(thick, sampleMm(geometry, set)) + 1);
  const quick = Math.max(0, Math.ceil(Math.log2(samples / QUICK_SAMPLES) / 2));
  return Math.max(quick, complete.peek() ? 0 : 1);
}

function frameOf({ columns, rows }: PlaneSet, reduce: number, values: VoxelArray): DecodedFrame {
  return { columns: Math.ceil(columns / 2 ** reduce), rows: Math.ceil(rows / 2 ** reduce), samples: 1, values };
}

/** The planes as a series, for all that draws, names and measures frames. */
function documentOf(series: SeriesDocument, source: Source): { readonly document: SeriesDocument; readonly source: Source } {
  const { geometry, set, slab: thick, volume } = source;
  const count = set.origins.length;
  const shared: FrameAttributes = {
    ...frameAttributes(series, Math.floor(series.number_of_frames / 2)),
    ...valuesAs(volume.values),
    instance: 0,
    resolution_ends: null,
    rows: set.rows,
    columns: set.columns,
    pixel_spacing: [set.rowMm, set.columnMm],
    pixel_spacing_source: "patient",
    pixel_aspect_ratio: set.rowMm / set.columnMm,
    image_orientation: [...set.right, ...set.down],
    frame_of_reference_uid: geometry.frameOfReferenceUid,
    slice_thickness: thick.mm > 0 ? slabMm(thick, sampleMm(geometry, set)) : null,
    patient_orientation: "",
    regions: [],
  };
  const per_frame = {
    image_position: set.origins,
    slice_location: set.origins.map((origin) => dot(origin, set.normal)),
    frame_number: set.origins.map((_, index) => index + 1),
  };
  const document: SeriesDocument = {
    ...series,
    revision: --lastRevision,
    number_of_frames: count,
    order: "position",
    stack: { spacing: set.stepMm, regular: true, sheared: false, phases: 1 },
    recommended_rate: null,
    // Planes are no frames of an instance: what is drawn on them is kept in the patient's coordinates.
    instances: [{ sop_instance_uid: "", sop_class_uid: "", instance_number: null, number_of_frames: count }],
    objects: [],
    shared,
    per_frame,
  };
  return { document, source };
}

function valuesAs({ isScaled, padding }: ValueFacts): Partial<FrameAttributes> {
  return isScaled ? { padding, modality_lut: null, rescale_slope: 1, rescale_intercept: 0 } : { padding };
}

/** Cuts the plane that is looked at: a quick one first where it takes long, then the whole. */
function loaderOf({ volume, geometry, set, slab: thick, first }: Source, events: LoaderEvents): SharedLoader {
  const wholes = new Map<number, DecodedFrame>();
  const lows = new Map<number, ReducedFrame>();
  const quick = reduceFor(geometry, set, thick, volume);
  const bytes = set.columns * set.rows * (volume.values.type === "float32" ? 4 : 2);
  const most = Math.max(2, Math.floor(KEPT_BYTES / bytes));
  let wanted = 0;
  let [busy, ended] = [false, false];
  let resting: ReturnType<typeof setTimeout> | undefined;

  const keep = (index: number, picture: ReducedFrame): void => {
    if (picture.reduce > 0) lows.set(index, picture);
    else wholes.set(index, picture.frame);
    for (const kept of [wholes, lows]) if (kept.size > most) kept.delete(kept.keys().next().value!);
  };
  if (first) keep(first.index, first.picture);
  /** How often the next picture is halved; null: nothing is to be cut. */
  const next = (): number | null => {
    if (wholes.has(wanted)) return null;
    if (quick > 0 && !lows.has(wanted)) return quick;
    return volume.complete.peek() ? 0 : null;
  };
  const pump = async (): Promise<void> => {
    clearTimeout(resting);
    const reduce = next();
    if (busy || ended || reduce === null) return;
    if (reduce === 0 && quick > 0) resting = setTimeout(() => void make(0), REST_MS);
    else await make(reduce);
  };
  const make = async (reduce: number): Promise<void> => {
    busy = true;
    const index = wanted;
    const frame = frameOf(set, reduce, await volume.cut(cutFor(geometry, set, index, thick, reduce)));
    busy = false;
    if (ended) return;
    keep(index, { frame, reduce });
    events.onDecoded(index);
    await pump();
  };
  return {
    loaded: signal(0),
    full: volume.complete,
    scrollable: volume.complete,
    want(index) {
      wanted = index;
      void pump();
    },
    attend: () => undefined,
    fill: () => undefined,
    encoded: () => undefined,
    decoded: (index) => wholes.get(index),
    whole: () => Promise.reject(new Error("planes are cut, not fetched")),
    low: (index) => lows.get(index),
    nearest: (index) => [...wholes.keys(), ...lows.keys()].reduce((one, other) => (one < 0 || Math.abs(other - index) < Math.abs(one - index) ? other : one), -1),
    release() {
      ended = true;
      clearTimeout(resting);
    },
  };
}
