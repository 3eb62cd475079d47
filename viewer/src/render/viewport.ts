// A viewport: one series in one canvas. It ties the document, the loader of frames and the renderer, and knows no component.
import { batch, computed, effect, type ReadonlySignal, signal } from "@preact/signals-core";
import { type Decoder, sharedDecoder } from "../decode/pool";
import { type Greys, type Modality, modalityValue } from "../geom/lut";
import { type EdgeLetters, edgesInView, edgesOf } from "../geom/orient";
import { type Affine, after, apply, FIT, fitScale, imageToPane, inverse, type Point, type Size, type View, zoomedAt } from "../geom/plane";
import type { PixelSize } from "../geom/scale";
import type { DecodedFrame } from "../geom/pixels";
import { validWindow, type Window, type WindowPreset } from "../geom/window";
import { fetchSeriesDocument } from "../net/api";
import { isSameDocument, type LoaderEvents, type Loaders, pageLoaders, type SharedLoader } from "../net/loaders";
import { type FrameAttributes, frameAttributes, frameName, lutAt, pixelSizeOf, type SeriesDocument, shareOfTime } from "../net/series";
import { pictureSeen } from "../state/begun";
import { createCine } from "./cine";
import { type Prepared, prepare, presetsOf } from "./picture";
import { createRenderer } from "./renderer";

export type ViewportStatus = "empty" | "loading" | "full" | "failed";

/** The values of the frame on screen, after a modality table but before slope and intercept. */
export interface ShownPixels {
  readonly document: SeriesDocument;
  /** Of the frame, from 0. */
  readonly index: number;
  readonly attributes: FrameAttributes;
  readonly frame: DecodedFrame;
  /** From its values to modality units. */
  readonly modality: Modality;
  readonly padding: Greys["padding"];
}

/** How the picture on screen lies in the pane, for what is drawn over it. */
export interface Placement {
  readonly pane: Size;
  readonly image: Size;
  /** Image points to CSS px of the pane. */
  readonly toPane: Affine;
  /** CSS px per mm; null where no spacing is known. */
  readonly pxPerMm: number | null;
  readonly pixelSize: PixelSize | null;
}

/** What is said of images in place of what they say of themselves (PS3.4 N.2.1): a presentation state. */
export interface Presented {
  /** Its SOP Instance UID. */
  readonly name: string;
  /** The series' document with other values, and further tables at the end. */
  readonly document: SeriesDocument;
}

export interface Viewport {
  readonly canvas: HTMLCanvasElement;

  /** The series shown, or null. */
  readonly document: ReadonlySignal<SeriesDocument | null>;
  /** How many frames it has. */
  readonly count: ReadonlySignal<number>;
  /** Index (from 0) of the frame asked for. */
  readonly frame: ReadonlySignal<number>;
  /** Index of the frame on screen; it differs from `frame` while that one is awaited. -1: none yet. */
  readonly shown: ReadonlySignal<number>;
  /** Whether the frame on screen is a low resolution of itself: to be looked at, not to be measured. */
  readonly isLow: ReadonlySignal<boolean>;
  /** What is known of the frame on screen: texts over the picture belong to it, not to the one asked for. */
  readonly attributes: ReadonlySignal<FrameAttributes | null>;
  /** How many frames have arrived from the server. */
  readonly loaded: ReadonlySignal<number>;
  /** "full" when every frame has arrived. */
  readonly status: ReadonlySignal<ViewportStatus>;
  /** Why the status is "failed", or why the frame asked for cannot be shown; else null. */
  readonly failure: ReadonlySignal<string | null>;
  /** The window in use; null for colour, and before the first frame. */
  readonly window: ReadonlySignal<Window | null>;
  /** What can be chosen for the frame on screen: what the data set gives first, then the whole range, then ours for the modality. */
  readonly presets: ReadonlySignal<readonly WindowPreset[]>;
  /** 1: the whole picture fits. */
  readonly zoom: ReadonlySignal<number>;
  readonly view: ReadonlySignal<View>;
  readonly invert: ReadonlySignal<boolean>;
  readonly interpolate: ReadonlySignal<boolean>;
  /** True while the cine runs. */
  readonly playing: ReadonlySignal<boolean>;
  /** Frames a second of the cine: as recorded, else 15. */
  readonly rate: ReadonlySignal<number>;
  /** Null before the first frame. */
  readonly placement: ReadonlySignal<Placement | null>;
  /** Letters at the edges as shown. */
  readonly edges: ReadonlySignal<EdgeLetters>;

  /** The whole frame on screen, for what is counted of its values; null while a low resolution stands for it. */
  readonly pixels: ReadonlySignal<ShownPixels | null>;

  /** Shows a series from frame `index` (0 unless told). */
  show(document: SeriesDocument, index?: number): void;
  /** Shows another document in the same view and window. */
  exchange(document: SeriesDocument, index: number): void;
  clear(): void;
  /** The reader looks here: what this one lacks comes before what others lack. */
  attend(): void;
  setFrame(index: number): void;
  /** By `frames`, stopping at the ends. */
  scroll(frames: number): void;
  setWindow(center: number, width: number): void;
  /** Index into `presets`. */
  usePreset(index: number): void;
  setZoom(zoom: number): void;
  /** Zooms by a factor about a point in CSS px of the pane, the middle unless told. */
  zoomBy(factor: number, at?: Point): void;
  /** Under which state the series is shown; its first window is in use then, and nothing is inverted twice. Null: as it says itself. */
  readonly presented: ReadonlySignal<Presented | null>;
  present(presented: Presented | null): void;
  /** Zoom, pan, turn and flips at once, as another viewport has them or a presentation state says. */
  setView(view: View): void;
  /** CSS px. */
  panBy(deltaXPx: number, deltaYPx: number): void;
  setInvert(invert: boolean): void;
  setInterpolate(interpolate: boolean): void;
  /** Clockwise, in quarter turns: -1, 1, 2. */
  rotate(quarters: number): void;
  flip(axis: "horizontal" | "vertical"): void;
  /** Zoom and pan as at the start. */
  fit(): void;
  /** One image pixel for one device pixel. */
  actualSize(): void;
  /** Everything as when the series was opened, but the frame. */
  reset(): void;
  /** Runs the cine, at `rate` unless told. */
  play(framesPerSecond?: number): void;
  stop(): void;
  /** The value in modality units (HU for CT) of the pixel under a point in CSS px of the pane; null outside, and for colour. */
  valueAt(point: Point): number | null;
  /** Unbinds, frees and aborts everything. */
  dispose(): void;
}

export interface ViewportOptions {
  /** Where frames come from; the server unless told. */
  readonly acquire?: Loaders["acquire"];
  /** The page's pool unless told. */
  readonly decoder?: Decoder;
}

/** How the window was chosen: it follows the frames until the reader sets one himself. */
type WindowChoice = { readonly kind: "preset"; readonly index: number } | { readonly kind: "own"; readonly window: Window };

interface Shown {
  readonly document: SeriesDocument;
  /** The same, or what is presented in its place: what its attributes and tables are of. */
  readonly said: SeriesDocument;
  readonly index: number;
  readonly attributes: FrameAttributes;
  readonly prepared: Prepared;
  /** How often the picture is halved; 0: it is whole. */
  readonly reduce: number;
}

const NOT_FOUND = 404;
const USUAL_RATE = 15;
const MOST_ZOOM = 64;
const LEAST_ZOOM = 0.05;
const NO_EDGES: EdgeLetters = { left: "", right: "", top: "", bottom: "" };

export function createViewport(canvas: HTMLCanvasElement, options: ViewportOptions = {}): Viewport {
  const decoder = options.decoder ?? sharedDecoder();
  const acquire = options.acquire ?? pageLoaders().acquire;
  const renderer = createRenderer(canvas, () => invalidate());

  const series = signal<SeriesDocument | null>(null);
  const loader = signal<SharedLoader | null>(null);
  const frame = signal(0);
  const onScreen = signal<Shown | null>(null);
  /** By index of the frame. */
  const failures = signal<ReadonlyMap<number, string>>(new Map());
  const ended = signal<string | null>(null);
  const choice = signal<WindowChoice>({ kind: "preset", index: 0 });
  const view = signal<View>(FIT);
  const invert = signal(false);
  const presented = signal<Presented | null>(null);
  const interpolate = signal(true);
  const pane = signal<Size>({ width: canvas.clientWidth, height: canvas.clientHeight });

  const count = computed(() => series.value?.number_of_frames ?? 0);
  const attributes = computed(() => onScreen.value?.attributes ?? null);
  const presets = computed(() => {
    const shown = onScreen.value;
    return shown ? presetsOf(shown.said, shown.attributes, shown.prepared.range) : [];
  });
  const preset = computed(() => {
    const chosen = choice.value;
    return chosen.kind === "preset" ? (presets.value[chosen.index] ?? presets.value[0] ?? null) : null;
  });
  const window = computed((): Window | null => {
    if (!onScreen.value?.prepared.range) return null;
    return choice.value.kind === "own" ? choice.value.window : preset.value && { center: preset.value.center, width: preset.value.width };
  });
  const placement = computed((): Placement | null => {
    const shown = onScreen.value;
    return shown && placementOf(shown, pane.value, view.value);
  });
  const edges = computed(() => {
    const known = attributes.value;
    if (!known) return NO_EDGES;
    return edgesInView(edgesOf(known.image_orientation, known.patient_orientation.split("\\"), known.quadruped), view.value);
  });
  const pixels = computed((): ShownPixels | null => {
    const shown = onScreen.value;
    if (!shown || shown.reduce > 0) return null;
    const { document, index, attributes: known, prepared } = shown;
    return { document, index, attributes: known, frame: prepared.picture.frame, modality: prepared.modality, padding: prepared.padding };
  });
  const failure = computed(() => ended.value ?? failures.value.get(frame.value) ?? null);
  const status = computed((): ViewportStatus => {
    if (!series.value) return "empty";
    if (ended.value !== null) return "failed";
    return count.value === 0 || loader.value?.full.value ? "full" : "loading";
  });
  const rate = computed(() => series.value?.recommended_rate ?? USUAL_RATE);

  let asked = 0;
  const invalidate = (): void => {
    if (asked === 0) asked = requestAnimationFrame(draw);
  };

  /**
   * The frame asked for, in its low resolution while the whole is not here, or in a stack the nearest that is there:
   * scrolling never waits.
   */
  const choose = (document: SeriesDocument, frames: SharedLoader): Shown | null => {
    const said = presented.value?.document ?? document;
    const last = onScreen.value?.said === said ? onScreen.value : null;
    const isStack = document.stack !== null || document.recommended_rate !== null;
    const isHere = frames.decoded(frame.value) !== undefined || frames.low(frame.value) !== undefined;
    const index = isHere || !isStack ? frame.value : frames.nearest(frame.value);
    const whole = frames.decoded(index);
    const found = whole ? { frame: whole, reduce: 0 } : frames.low(index);
    if (!found || (last?.index === index && last.reduce <= found.reduce)) return found ? last : onScreen.value;
    const known = frameAttributes(said, index);
    const prepared = prepare(said, index, known, found, presented.value?.name);
    return { document, said, index, attributes: known, prepared, reduce: found.reduce };
  };
  const greysOf = ({ said, attributes: known, prepared }: Shown): Greys | null => {
    if (!window.value) return null;
    const table = preset.value?.kind === "table" ? lutAt(said, known.voi_lut) : null;
    const voi = { window: validWindow(window.value, known.voi_lut_function), function: known.voi_lut_function, lut: table };
    return { modality: prepared.modality, voi, inverse: known.inverse, padding: prepared.padding };
  };
  const draw = (): void => {
    asked = 0;
    const document = series.value;
    const frames = loader.value;
    const shown = document && frames && choose(document, frames);
    if (!shown) return renderer.clear();
    onScreen.value = shown;
    const toPane = after(placement.value!.toPane, halved(shown.reduce));
    const appearance = { greys: greysOf(shown), negative: invert.value, toPane, interpolate: interpolate.value };
    renderer.draw(shown.prepared.picture, appearance);
    tell(canvas, shown, window.value);
    afterPaint(() => {
      pictureSeen.value = true;
      frames?.fill();
    });
  };
  const unbind = effect(() => {
    // Whatever is read here makes a new drawing needed when it changes.
    void [series.value, frame.value, choice.value, view.value, invert.value, interpolate.value, pane.value, presented.value];
    invalidate();
  });

  const unbindMark = effect(() => {
    if (loader.value?.scrollable.value) markOnce("scrollable");
  });

  const measure = (): void => {
    const size = { width: canvas.clientWidth, height: canvas.clientHeight };
    renderer.resize(size.width, size.height, devicePixelRatio);
    pane.value = size;
  };
  const resized = new ResizeObserver(measure);
  resized.observe(canvas);
  const unbindRatio = onPixelRatio(measure);
  renderer.resize(pane.value.width, pane.value.height, devicePixelRatio);

  const setFrame = (index: number): void => {
    if (count.value === 0) return;
    frame.value = Math.min(count.value - 1, Math.max(0, Math.round(index)));
    loader.value?.want(frame.value);
  };
  const load = (document: SeriesDocument, index: number, known: ReadonlyMap<number, Uint8Array>): void => {
    const frames = acquire(document, decoder.decode, eventsOf(document), known);
    batch(() => {
      series.value = document;
      presented.value = null;
      loader.value = frames;
      setFrame(index);
    });
  };
  const eventsOf = (document: SeriesDocument): LoaderEvents => ({
    onDecoded() {
      const shown = onScreen.value;
      if (shown?.document !== document || shown.index !== frame.value || shown.reduce > 0) invalidate();
    },
    onFailed(failed, reason) {
      failures.value = new Map(failures.value).set(failed, reason);
    },
    onEnded: (code, reason) => void renew(document, code, reason),
  });
  /** A series that has changed is shown as it is now, in the same view; what was fetched of it is kept. */
  const renew = async (old: SeriesDocument, code: number, reason: string): Promise<void> => {
    const answer = code === NOT_FOUND ? await fetchSeriesDocument(old.study_instance_uid, old.series_instance_uid) : null;
    const frames = loader.value;
    if (series.value !== old || !frames) return;
    if (!answer?.ok || isSameDocument(answer.value, old)) {
      ended.value = reason;
      return;
    }
    const now = namedIn(answer.value);
    const known = framesKept(old, answer.value, now, frames);
    const index = now.get(frameName(old, frame.value)) ?? frame.value;
    failures.value = new Map();
    load(answer.value, index, known);
    frames.release();
  };
  const cine = createCine({
    isReady: (index) => loader.value?.decoded(index) !== undefined || failures.value.has(index),
    frame: () => frame.value,
    count: () => count.value,
    setFrame,
    share: (index) => (series.value ? shareOfTime(series.value, index) : 1),
  });
  const close = (): void => {
    cine.stop();
    loader.value?.release();
    batch(() => {
      series.value = null;
      loader.value = null;
      onScreen.value = null;
      failures.value = new Map();
      ended.value = null;
      frame.value = 0;
      restore();
    });
    delete canvas.dataset.frame;
    delete canvas.dataset.reduce;
    delete canvas.dataset.window;
  };
  const restore = (): void => {
    batch(() => {
      presented.value = null;
      choice.value = { kind: "preset", index: 0 };
      view.value = FIT;
      invert.value = false;
    });
  };
  const setZoom = (zoom: number, at?: Point): void => {
    const wanted = Math.min(MOST_ZOOM, Math.max(LEAST_ZOOM, zoom));
    const { width, height } = pane.value;
    view.value = zoomedAt(view.value, wanted / view.value.zoom, at ?? { x: width / 2, y: height / 2 }, pane.value);
  };

  return {
    canvas,
    document: series,
    count,
    frame,
    shown: computed(() => onScreen.value?.index ?? -1),
    isLow: computed(() => (onScreen.value?.reduce ?? 0) > 0),
    attributes,
    loaded: computed(() => loader.value?.loaded.value ?? 0),
    status,
    failure,
    window,
    presets,
    zoom: computed(() => view.value.zoom),
    view,
    invert,
    interpolate,
    playing: cine.playing,
    rate,
    placement,
    edges,
    show(document, index = 0) {
      close();
      if (document.number_of_frames > 0) decoder.warm(frameAttributes(document, index).transfer_syntax_uid);
      load(document, index, new Map());
    },
    exchange(document, index) {
      const old = loader.value;
      load(document, index, new Map());
      old?.release();
    },
    clear: close,
    attend: () => loader.value?.attend(),
    setFrame,
    scroll: (frames) => setFrame(frame.value + frames),
    setWindow(center, width) {
      const voi = attributes.value?.voi_lut_function ?? "LINEAR";
      choice.value = { kind: "own", window: validWindow({ center, width }, voi) };
    },
    usePreset(index) {
      const chosen = presets.value[index];
      if (!chosen) return;
      const { center, width } = chosen;
      choice.value = chosen.kind === "usual" ? { kind: "own", window: { center, width } } : { kind: "preset", index };
    },
    pixels,
    presented,
    present(wanted) {
      batch(() => {
        restore();
        presented.value = wanted;
      });
    },
    setZoom,
    setView(wanted) {
      view.value = wanted;
    },
    zoomBy: (factor, at) => setZoom(view.value.zoom * factor, at),
    panBy(deltaXPx, deltaYPx) {
      view.value = { ...view.value, panX: view.value.panX + deltaXPx, panY: view.value.panY + deltaYPx };
    },
    setInvert(value) {
      invert.value = value;
    },
    setInterpolate(value) {
      interpolate.value = value;
    },
    rotate(quarters) {
      view.value = { ...view.value, rotate: (((view.value.rotate + 90 * quarters) % 360) + 360) % 360 };
    },
    flip(axis) {
      // As the reader sees it: in a picture on its side, a horizontal flip is one of its columns.
      const onSide = view.value.rotate % 180 !== 0;
      const flipsColumns = (axis === "horizontal") !== onSide;
      view.value = flipsColumns ? { ...view.value, flipH: !view.value.flipH } : { ...view.value, flipV: !view.value.flipV };
    },
    fit() {
      view.value = { ...view.value, zoom: FIT.zoom, panX: FIT.panX, panY: FIT.panY };
    },
    actualSize() {
      const placed = placement.value;
      const aspect = attributes.value?.pixel_aspect_ratio ?? 1;
      if (placed) setZoom(1 / (devicePixelRatio * fitScale(placed.image, aspect, placed.pane, view.value.rotate)));
    },
    reset: restore,
    play: (framesPerSecond = rate.value) => cine.play(framesPerSecond),
    stop: cine.stop,
    valueAt(point) {
      const shown = onScreen.value;
      return shown && placement.value ? valueUnder(shown, apply(inverse(placement.value.toPane), point)) : null;
    },
    dispose() {
      close();
      unbind();
      unbindMark();
      cancelAnimationFrame(asked);
      resized.disconnect();
      unbindRatio();
      renderer.dispose();
    },
  };
}

function placementOf({ attributes }: Shown, pane: Size, view: View): Placement {
  const image = { width: attributes.columns, height: attributes.rows };
  const toPane = imageToPane(image, attributes.pixel_aspect_ratio, pane, view);
  const pixelSize = pixelSizeOf(attributes);
  const pxPerColumn = Math.hypot(toPane.a, toPane.b);
  return { pane, image, toPane, pixelSize, pxPerMm: pixelSize && pxPerColumn / pixelSize.columnMm };
}

/** Indices of a series' frames by what names them. */
function namedIn(document: SeriesDocument): ReadonlyMap<string, number> {
  return new Map(Array.from({ length: document.number_of_frames }, (_, index) => [frameName(document, index), index]));
}

/** What the loader of the old document holds and the new one has in the same form, by the new indices. */
function framesKept(old: SeriesDocument, young: SeriesDocument, now: ReadonlyMap<string, number>, frames: SharedLoader): ReadonlyMap<number, Uint8Array> {
  const kept = new Map<number, Uint8Array>();
  for (const [name, index] of namedIn(old)) {
    const bytes = frames.encoded(index);
    const newIndex = now.get(name);
    if (bytes && newIndex !== undefined && formOf(old, index) === formOf(young, newIndex)) kept.set(newIndex, bytes);
  }
  return kept;
}

function formOf(document: SeriesDocument, index: number): string {
  const { transfer_syntax_uid, size } = frameAttributes(document, index);
  return `${transfer_syntax_uid}/${size}`;
}

/**
 * From a picture halved so often to the whole one. A sample of it lies where that of the whole lies whose place it has
 * (ISO/IEC 15444-1 B.5): on every 2^reduce-th one, not in the middle of as many.
 */
function halved(reduce: number): Affine {
  const scale = 2 ** reduce;
  return { a: scale, b: 0, c: 0, d: scale, e: (1 - scale) / 2, f: (1 - scale) / 2 };
}

function valueUnder({ prepared: { picture, modality, range }, reduce }: Shown, { x, y }: Point): number | null {
  const { rows, columns, values } = picture.frame;
  const [column, row] = [Math.floor(x), Math.floor(y)];
  if (!range || reduce > 0 || column < 0 || row < 0 || column >= columns || row >= rows) return null;
  return modalityValue(values[row * columns + column]!, modality);
}

/** What is on screen, for tests and measurements from outside. */
function tell(canvas: HTMLCanvasElement, { index, reduce }: Shown, window: Window | null): void {
  canvas.dataset.frame = String(index);
  canvas.dataset.reduce = String(reduce);
  canvas.dataset.window = window ? `${window.center}/${window.width}` : "";
  markOnce("first-picture");
}

/** Calls when the page comes to a screen with other pixels, or is zoomed. Returns what ends that. */
function onPixelRatio(listener: () => void): () => void {
  const query = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
  let unbindNext = (): void => undefined;
  const changed = (): void => {
    listener();
    unbindNext = onPixelRatio(listener);
  };
  query.addEventListener("change", changed, { once: true });
  return () => {
    query.removeEventListener("change", changed);
    unbindNext();
  };
}

function markOnce(name: string): void {
  if (performance.getEntriesByName(name).length === 0) performance.mark(name);
}

/** Once what was drawn is on the screen. A page that is out of sight paints nothing: it does not wait. */
function afterPaint(run: () => void): void {
  if (document.hidden) run();
  else requestAnimationFrame(() => requestAnimationFrame(run));
}
