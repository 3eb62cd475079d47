// What is being read: the studies that were asked for, the panes, and the series in each of them.
import { batch, computed, signal } from "@preact/signals-core";
import { fetchSeriesDocument, fetchStudy, type Answer, type Failed, type SeriesSummary, type Study } from "../net/api";
import type { SeriesDocument } from "../net/series";

export interface SeriesRef {
  readonly studyUid: string;
  readonly seriesUid: string;
}

export interface OpenedStudy {
  readonly uid: string;
  /** Null while it is awaited, and when it failed. */
  readonly study: Study | null;
  readonly failed: Failed | null;
}

/** A series as it lies, or a plane through the volume it makes. */
export type PaneKind = "stack" | "axial" | "coronal" | "sagittal" | "oblique";

export interface Pane {
  readonly id: number;
  /** Null: an empty pane. */
  readonly series: SeriesRef | null;
  readonly kind: PaneKind;
}

export interface Grid {
  readonly rows: number;
  readonly columns: number;
}

export const MOST_ROWS = 4;
export const MOST_COLUMNS = 4;

/** In the order of the address. */
export const studies = signal<readonly OpenedStudy[]>([]);

export const grid = signal<Grid>({ rows: 1, columns: 1 });

/** Row by row; there are as many as the grid has places. */
export const panes = signal<readonly Pane[]>([emptyPane(1)]);
export const activePaneId = signal(1);

/** The pane that has the whole place for a while, by id; null: all are seen. */
export const onlyPaneId = signal<number | null>(null);

export const panesInSight = computed(() => panes.value.filter(({ id }) => onlyPaneId.value === null || id === onlyPaneId.value));

export const activePane = computed(() => panes.value.find(({ id }) => id === activePaneId.value) ?? panes.value[0]!);

/** The study of the active pane; before a series is open, the first that has come. */
export const activeStudy = computed<Study | null>(() => {
  const uid = activePane.value.series?.studyUid;
  const opened = studies.value.find((each) => each.uid === uid) ?? studies.value.find(({ study }) => study !== null);
  return opened?.study ?? null;
});

/** Every series that can be opened, in the order of the side list. */
export const allSeries = computed<readonly SeriesRef[]>(() =>
  studies.value.flatMap(({ uid, study }) => (study?.series ?? []).map((each) => ({ studyUid: uid, seriesUid: each.series_instance_uid }))),
);

/** How many frames of each series have arrived, by Series Instance UID; only of those that were opened. */
export const arrived = signal<ReadonlyMap<string, number>>(new Map());

/** The frame each series was left at, by Series Instance UID. */
const leftAt = signal<ReadonlyMap<string, number>>(new Map());

/** Documents that were asked for, by Series Instance UID. */
const documents = signal<ReadonlyMap<string, Promise<Answer<SeriesDocument>>>>(new Map());

/** Opens the studies and, of the first that comes with pictures, the first series. Returns what closes them all. */
export function openStudies(uids: readonly string[]): () => void {
  const stop = new AbortController();
  studies.value = uids.map((uid) => ({ uid, study: null, failed: null }));
  for (const uid of uids) void openStudy(uid, stop.signal);
  return () => {
    stop.abort();
    closeStudies();
  };
}

/** Asks for a study again, as after a failure. */
export async function openStudy(uid: string, stop?: AbortSignal): Promise<void> {
  const answer = await fetchStudy(uid, stop);
  if (stop?.aborted) return;
  const opened = answer.ok ? { uid, study: answer.value, failed: null } : { uid, study: null, failed: answer };
  batch(() => {
    studies.value = studies.peek().map((each) => (each.uid === uid ? opened : each));
    if (activePane.peek().series === null) openFirst();
  });
}

/** Shows a series in the active pane. */
export function openSeries(series: SeriesRef): void {
  changePane(activePane.peek().id, { series, kind: "stack" });
}

/** Changes one pane. */
export function changePane(id: number, change: Partial<Omit<Pane, "id">>): void {
  panes.value = panes.peek().map((pane) => (pane.id === id ? { ...pane, ...change } : pane));
}

/** Lays the panes out anew; the first of them keep what they show. */
export function setGrid({ rows, columns }: Grid): void {
  const count = rows * columns;
  const kept = panes.peek().slice(0, count);
  const next = Math.max(0, ...panes.peek().map(({ id }) => id)) + 1;
  batch(() => {
    grid.value = { rows, columns };
    panes.value = [...kept, ...Array.from({ length: count - kept.length }, (_, index) => emptyPane(next + index))];
    onlyPaneId.value = null;
    if (!panes.value.some(({ id }) => id === activePaneId.value)) activePaneId.value = panes.value[0]!.id;
  });
}

/** Opens the series `steps` further down (or, negative, up) the side list, if there is one. */
export function stepSeries(steps: number): void {
  const all = allSeries.peek();
  const next = all[indexOf(all, activePane.peek().series) + steps];
  if (next) openSeries(next);
}

/** Opens the first series of the study `steps` further. */
export function stepStudy(steps: number): void {
  const here = activePane.peek().series?.studyUid;
  const all = studies.peek();
  const next = all[all.findIndex(({ uid }) => uid === here) + steps];
  const first = allSeries.peek().find(({ studyUid }) => studyUid === next?.uid);
  if (first) openSeries(first);
}

/** The document of a series; asked for once, and again only after a failure. */
export async function documentOf({ studyUid, seriesUid }: SeriesRef): Promise<Answer<SeriesDocument>> {
  const asked = documents.peek().get(seriesUid) ?? fetchSeriesDocument(studyUid, seriesUid);
  documents.value = new Map(documents.peek()).set(seriesUid, asked);
  const answer = await asked;
  if (!answer.ok) documents.value = without(documents.peek(), seriesUid);
  return answer;
}

export function noteArrived(seriesUid: string, frames: number): void {
  if (arrived.peek().get(seriesUid) !== frames) arrived.value = new Map(arrived.peek()).set(seriesUid, frames);
}

export function noteLeft(seriesUid: string, frame: number): void {
  leftAt.value = new Map(leftAt.peek()).set(seriesUid, frame);
}

/** Where to go on reading a series: index of a frame. */
export function placeIn(seriesUid: string): number {
  return leftAt.peek().get(seriesUid) ?? 0;
}

export function summaryOf(series: SeriesRef | null): SeriesSummary | null {
  const study = studies.value.find(({ uid }) => uid === series?.studyUid)?.study;
  return study?.series.find((each) => each.series_instance_uid === series?.seriesUid) ?? null;
}

/** The place of a series among all, from 0; -1 when it is not there. */
export function indexOf(all: readonly SeriesRef[], series: SeriesRef | null): number {
  return all.findIndex(({ seriesUid }) => seriesUid === series?.seriesUid);
}

function openFirst(): void {
  const all = allSeries.peek();
  const first = all.find((series) => (summaryOf(series)?.number_of_frames ?? 0) > 0) ?? all[0];
  if (first) openSeries(first);
}

function closeStudies(): void {
  batch(() => {
    studies.value = [];
    grid.value = { rows: 1, columns: 1 };
    panes.value = [emptyPane(1)];
    activePaneId.value = 1;
    onlyPaneId.value = null;
    arrived.value = new Map();
    leftAt.value = new Map();
    documents.value = new Map();
  });
}

function emptyPane(id: number): Pane {
  return { id, series: null, kind: "stack" };
}

function without<V>(map: ReadonlyMap<string, V>, key: string): ReadonlyMap<string, V> {
  return new Map([...map].filter(([each]) => each !== key));
}
