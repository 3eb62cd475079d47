// A viewport: one series in one canvas. It ties the document, the loader of frames and the renderer, and knows no component.
import type { ReadonlySignal } from "@preact/signals-core";
import type { EdgeLetters } from "../geom/orient";
import type { Affine, Point, Size, View } from "../geom/plane";
import type { PixelSize } from "../geom/scale";
import type { Window, WindowPreset } from "../geom/window";
import type { SeriesDocument } from "../net/series";

export type ViewportStatus = "empty" | "loading" | "full" | "failed";

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
  /** How many frames have arrived from the server. */
  readonly loaded: ReadonlySignal<number>;
  /** "full" when every frame has arrived. */
  readonly status: ReadonlySignal<ViewportStatus>;
  /** Why the status is "failed", or why the frame asked for cannot be shown; else null. */
  readonly failure: ReadonlySignal<string | null>;
  /** The window in use; null for colour, and before the first frame. */
  readonly window: ReadonlySignal<Window | null>;
  /** The windows that can be chosen: those of the data set first, then ours for the modality, in the order of the keys. */
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

  /** Shows a series from frame `index` (0 unless told). */
  show(document: SeriesDocument, index?: number): void;
  clear(): void;
  setFrame(index: number): void;
  /** By `frames`, stopping at the ends. */
  scroll(frames: number): void;
  setWindow(center: number, width: number): void;
  /** Index into `presets`. */
  usePreset(index: number): void;
  setZoom(zoom: number): void;
  /** Zooms by a factor about a point in CSS px of the pane, the middle unless told. */
  zoomBy(factor: number, at?: Point): void;
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
  /** Bytes of decoded frames to keep; 256 MB, or 64 MB on a phone, unless told. */
  readonly decodedBudget?: number;
}

export function createViewport(canvas: HTMLCanvasElement, options: ViewportOptions = {}): Viewport {
  throw new Error(`not built yet: ${canvas.id} ${options.decodedBudget}`);
}
