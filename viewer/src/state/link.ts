// What goes together between panes: scrolling, views, lines of reference, and the place that is pointed at.
import { signal } from "@preact/signals-core";
import type { Vector } from "../geom/orient";
import type { SlabMode } from "../geom/reslice";
import type { Axes } from "../geom/volume";

/** Scrolling one pane scrolls the others to the same place. */
export const scrollLinked = signal(false);

/** Zoom, pan, turn and, of one modality, the window are those of the pane in use. */
export const viewLinked = signal(false);

/** The plane of the pane in use is drawn in the others. */
export const referenceLines = signal(true);

/** A place in the patient, in mm, in the coordinates of a frame of reference. */
export interface Place {
  readonly frameOfReferenceUid: string;
  readonly at: Vector;
}

/** The place that is pointed at; planes through a volume cross in it. */
export const crosshair = signal<Place | null>(null);

/** How a volume is cut: along its own grid, unless turned. */
export interface VolumeAxes {
  readonly grid: Axes;
  readonly now: Axes;
}

/** Of the volumes that have been on screen, by Series Instance UID. */
export const volumeAxes = signal<ReadonlyMap<string, VolumeAxes>>(new Map());

export function setAxes(seriesUid: string, axes: VolumeAxes): void {
  volumeAxes.value = new Map(volumeAxes.peek()).set(seriesUid, axes);
}

/** The volume is cut along its grid when it is opened again. */
export function forgetAxes(seriesUid: string): void {
  volumeAxes.value = new Map([...volumeAxes.peek()].filter(([each]) => each !== seriesUid));
}

export interface Slab {
  readonly mode: SlabMode;
  /** Thickness; 0: single planes. */
  readonly mm: number;
}

export const slab = signal<Slab>({ mode: "mip", mm: 0 });
