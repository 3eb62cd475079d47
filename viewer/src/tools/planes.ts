// From a series to planes through the volume it makes, and back.
import { signal } from "@preact/signals-core";
import { toPatient } from "../geom/space";
import type { NoVolume } from "../geom/volume";
import type { SeriesDocument } from "../net/series";
import { bytesOf, isTooLarge } from "../render/volume";
import { crosshair, forgetAxes, slab } from "../state/link";
import { volumeOf } from "../state/planes";
import { activePane, activePaneId, exchangeLayout, type Layout, onlyPaneId, type PaneKind, panes } from "../state/reading";
import { narrow } from "../state/screen";
import { closeSheet } from "../state/sheets";
import { shownPlane } from "./jump";
import { activeViewport } from "./viewports";

const KINDS: readonly PaneKind[] = ["axial", "coronal", "sagittal"];

/** Why no planes are cut through a series. */
export interface Refusal {
  readonly reason: NoVolume | "large";
  /** For one that is too large. */
  readonly bytes: number;
}

/** Why planes were not opened when they were asked for; null once it was read. */
export const refusal = signal<Refusal | null>(null);

/** Why there are none of a series; null: there are. */
export function refusalOf(document: SeriesDocument): Refusal | null {
  const volume = volumeOf(document);
  if (typeof volume === "string") return { reason: volume, bytes: 0 };
  return isTooLarge(document, volume) ? { reason: "large", bytes: bytesOf(document, volume) } : null;
}

/** How the panes lay before planes took their place. */
let before: Layout | null = null;

export function arePlanesOpen(): boolean {
  return panes.value.some(({ kind }) => kind !== "stack");
}

export function togglePlanes(): void {
  closeSheet();
  if (arePlanesOpen()) leavePlanes();
  else openPlanes();
}

/** Three planes of the series in the pane in use take the place of all panes; on a phone one of them is seen at a time. */
function openPlanes(): void {
  const { series } = activePane.peek();
  const viewport = activeViewport.peek();
  const document = viewport?.document.peek();
  if (!series || !viewport || !document) return;
  refusal.value = refusalOf(document);
  if (refusal.peek()) return;
  const plane = shownPlane(viewport);
  const shown = viewport.shown.peek();
  const isAtEnd = shown <= 0 || shown === viewport.count.peek() - 1;
  // At an end nothing was looked for yet: then all planes begin in the middle.
  crosshair.value = null;
  if (plane && !isAtEnd) crosshair.value = { at: toPatient(plane, { x: plane.columns / 2, y: plane.rows / 2 }), frameOfReferenceUid: plane.frameOfReferenceUid };
  forgetAxes(series.seriesUid);
  slab.value = { mode: "mip", mm: 0 };
  const first = activePane.peek().id;
  const made = KINDS.map((kind, index) => ({ id: first + 1000 + index, series, kind }));
  before = exchangeLayout({ grid: { rows: 1, columns: KINDS.length }, panes: made, spare: [], activeId: made[0]!.id });
  if (narrow.peek()) onlyPaneId.value = made[0]!.id;
}

function leavePlanes(): void {
  if (before) exchangeLayout(before);
  else panes.value = panes.peek().map((pane) => ({ ...pane, kind: "stack" }));
  before = null;
}

/** The plane of a kind has the place, where one is seen at a time. */
export function lookAtPlane(kind: PaneKind): void {
  const pane = panes.peek().find((each) => each.kind === kind);
  if (!pane) return;
  activePaneId.value = pane.id;
  if (onlyPaneId.peek() !== null) onlyPaneId.value = pane.id;
}

const PROJECTIONS = ["mip", "minip", "mean"] as const;
/** mm of a slab that is begun with. */
export const USUAL_SLAB_MM = 10;

/** From single planes to slabs of each kind, and back. */
export function nextProjection(): void {
  const { mode, mm } = slab.peek();
  const next = mm === 0 ? PROJECTIONS[0] : PROJECTIONS[PROJECTIONS.indexOf(mode) + 1];
  slab.value = next ? { mode: next, mm: mm || USUAL_SLAB_MM } : { mode: "mip", mm: 0 };
}
