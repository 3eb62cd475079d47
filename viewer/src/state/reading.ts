// What is being read: the studies that were asked for, the panes, and the series in each of them.
import { batch, computed, signal } from "@preact/signals-core";
import type { View } from "../geom/plane";
import type { Window } from "../geom/window";
import { fetchSeriesDocument, fetchStudy, type Answer, type Failed, type Hanging, type PaneKind, type SeriesSummary, type Study } from "../net/api";
import type { SeriesDocument } from "../net/series";
import { pictureSeen } from "./begun";
import { scrollLinked } from "./link";
import { askedPlace, route } from "./route";
import { narrow } from "./screen";

export type { PaneKind };

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

export interface Pane {
  readonly id: number;
  /** Null: an empty pane. */
  readonly series: SeriesRef | null;
  readonly kind: PaneKind;
  /** SOP Instance UID of the picture it begins with; without one, where the series was left. */
  readonly at?: string | undefined;
}

/** How a pane shows its series: what it comes back to when it has been out of the grid. */
export interface Look {
  readonly seriesUid: string;
  readonly frame?: number;
  readonly view?: View;
  /** Left out: as recorded. */
  readonly window?: Window | undefined;
  readonly invert?: boolean;
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

/** By id of the pane. */
const looks = signal<ReadonlyMap<number, Look>>(new Map());

/** Panes that had no place any more when the grid became smaller, in their order: they come back when it grows. */
const spare = signal<readonly Pane[]>([]);

/** The name of the hanging in use; "": the panes were filled by hand. */
export const hangingName = signal("");

/** Study Instance UIDs of the earlier studies of the patient of the first study. */
const priorUids = computed(() => new Set(studies.value[0]?.study?.priors.map((each) => each.study_instance_uid) ?? []));

/** Whether a study is an earlier one of the patient whose study is read. */
export function isPrior(studyUid: string | undefined): boolean {
  return studyUid !== undefined && priorUids.value.has(studyUid);
}

/** Documents that were asked for, by Series Instance UID. */
const documents = signal<ReadonlyMap<string, Promise<Answer<SeriesDocument>>>>(new Map());

/** Opens the studies, and hangs the first of them that has pictures. Returns what closes them all. */
export function openStudies(uids: readonly string[]): () => void {
  const stop = new AbortController();
  studies.value = uids.map((uid) => ({ uid, study: null, failed: null }));
  for (const uid of uids) void openStudy(uid, stop.signal);
  return () => {
    stop.abort();
    closeStudies();
  };
}

/** Asks for a study, or again after a failure. Null: it has not come. */
export async function openStudy(uid: string, stop?: AbortSignal): Promise<Study | null> {
  const answer = await fetchStudy(uid, stop);
  if (stop?.aborted) return null;
  const opened = answer.ok ? { uid, study: answer.value, failed: null } : { uid, study: null, failed: answer };
  batch(() => {
    studies.value = studies.peek().map((each) => (each.uid === uid ? opened : each));
    if (panes.peek().every(({ series }) => series === null)) hangFirst();
  });
  return opened.study;
}

/** Opens a study besides those that are open, at the end of the list. */
export async function addStudy(uid: string): Promise<Study | null> {
  const known = studies.peek().find((each) => each.uid === uid);
  if (known) return known.study;
  studies.value = [...studies.peek(), { uid, study: null, failed: null }];
  return openStudy(uid);
}

/** Shows a series in the active pane. */
export function openSeries(series: SeriesRef): void {
  showIn(activePane.peek().id, series);
}

/** Shows a series in a pane, from the picture `at` or where it was left. */
export function showIn(paneId: number, series: SeriesRef, at?: string): void {
  changePane(paneId, { series, kind: "stack", at });
}

/** Lays the panes out as a hanging says; on a phone its first one alone, as where the address names a series. */
export function hang({ name, rows, columns, linked, panes: hung }: Hanging): void {
  batch(() => {
    setGrid(narrow.peek() || askedPlace(route.peek()) ? { rows: 1, columns: 1 } : { rows, columns });
    spare.value = [];
    looks.value = new Map();
    // A pane that showed something begins anew: turned and zoomed by nobody.
    const taken = panes.peek().some(({ series }) => series !== null) ? Math.max(...panes.peek().map(({ id }) => id)) : 0;
    const shown = panes.peek().map((pane, index) => {
      const id = taken === 0 ? pane.id : taken + 1 + index;
      const wanted = hung[index];
      if (!wanted) return emptyPane(id);
      if (wanted.window) noteLook(id, { seriesUid: wanted.series_instance_uid, window: wanted.window });
      const series = { studyUid: wanted.study_instance_uid, seriesUid: wanted.series_instance_uid };
      return { id, series: wanted.series_instance_uid ? series : null, kind: wanted.kind, at: wanted.sop_instance_uid || undefined };
    });
    panes.value = shown;
    activePaneId.value = shown[0]!.id;
    scrollLinked.value = linked;
    hangingName.value = name;
    for (const { series } of shown) if (series) void addStudy(series.studyUid);
  });
}

/** Changes one pane. */
export function changePane(id: number, change: Partial<Omit<Pane, "id">>): void {
  panes.value = panes.peek().map((pane) => (pane.id === id ? { ...pane, ...change } : pane));
}

/** Lays the panes out anew. They keep what they show, the active one in any case; those without a place come back later. */
export function setGrid({ rows, columns }: Grid): void {
  const count = rows * columns;
  const all = [...panes.peek(), ...spare.peek()];
  const next = Math.max(...all.map(({ id }) => id)) + 1;
  const added = Array.from({ length: Math.max(0, count - all.length) }, (_, index) => emptyPane(next + index));
  const active = all.findIndex(({ id }) => id === activePaneId.peek());
  const ordered = [...(active < count ? all : moved(all, active, count - 1)), ...added];
  batch(() => {
    grid.value = { rows, columns };
    panes.value = ordered.slice(0, count);
    spare.value = ordered.slice(count);
    onlyPaneId.value = null;
  });
}

/** Panes, in their places and without one. */
export interface Layout {
  readonly grid: Grid;
  readonly panes: readonly Pane[];
  readonly spare: readonly Pane[];
  readonly activeId: number;
}

/** Lays all panes out at once. Returns how they lay before. */
export function exchangeLayout(next: Layout): Layout {
  const before = { grid: grid.peek(), panes: panes.peek(), spare: spare.peek(), activeId: activePaneId.peek() };
  batch(() => {
    grid.value = next.grid;
    panes.value = next.panes;
    spare.value = next.spare;
    activePaneId.value = next.activeId;
    onlyPaneId.value = null;
  });
  return before;
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

export function noteLook(paneId: number, look: Look): void {
  looks.value = new Map(looks.peek()).set(paneId, look);
}

/** How a pane was left with this series in it. */
export function lookOf(paneId: number, seriesUid: string): Look | null {
  const look = looks.peek().get(paneId);
  return look?.seriesUid === seriesUid ? look : null;
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

/** Hangs the first study with pictures, once those before it have come; of studies without any, opens the first series. */
function hangFirst(): void {
  const all = studies.peek();
  const awaited = all.findIndex(({ study, failed }) => !study && !failed);
  const come = awaited < 0 ? all : all.slice(0, awaited);
  const hanging = come.map(({ study }) => study?.hanging).find((each) => each);
  if (hanging) return hang(hanging);
  if (awaited >= 0) return;
  // Nothing will be drawn that the rest of the page could wait for.
  pictureSeen.value = true;
  const [first] = allSeries.peek();
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
    looks.value = new Map();
    spare.value = [];
    hangingName.value = "";
    documents.value = new Map();
  });
}

function moved<T>(list: readonly T[], from: number, to: number): readonly T[] {
  const rest = list.filter((_, index) => index !== from);
  return [...rest.slice(0, to), list[from]!, ...rest.slice(to)];
}

function emptyPane(id: number): Pane {
  return { id, series: null, kind: "stack" };
}

function without<V>(map: ReadonlyMap<string, V>, key: string): ReadonlyMap<string, V> {
  return new Map([...map].filter(([each]) => each !== key));
}
