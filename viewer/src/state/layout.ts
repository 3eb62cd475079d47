// How the panes are arranged by hand: filled, walked through, one of them alone, an earlier study beside.
import { batch } from "@preact/signals-core";
import { activePane, activePaneId, addStudy, allSeries, grid, indexOf, MOST_COLUMNS, onlyPaneId, panes, type SeriesRef, setGrid, showIn, summaryOf } from "./reading";
import { narrow } from "./screen";

/** Opens an earlier study in a pane of its own, beside what is read; on a phone in its place. */
export async function openBeside(uid: string): Promise<void> {
  const study = await addStudy(uid);
  const first = study?.hanging?.panes[0];
  if (!first) return;
  batch(() => {
    const { rows, columns } = grid.peek();
    const free = panes.peek().find(({ series }) => series === null);
    if (!free && !narrow.peek()) setGrid({ rows, columns: Math.min(MOST_COLUMNS, columns + 1) });
    const pane = narrow.peek() ? activePane.peek() : (free ?? panes.peek().find(({ series }) => series === null) ?? activePane.peek());
    showIn(pane.id, { studyUid: uid, seriesUid: first.series_instance_uid });
    activePaneId.value = pane.id;
  });
}

/** Series with pictures that are not on the screen: those that follow the active one in the list, then those before it. */
export function unseenSeries(): readonly SeriesRef[] {
  const all = allSeries.peek();
  const shown = panes.peek().flatMap(({ series }) => series?.seriesUid ?? []);
  const next = indexOf(all, activePane.peek().series) + 1;
  return [...all.slice(next), ...all.slice(0, next)].filter((each) => (summaryOf(each)?.number_of_frames ?? 0) > 0 && !shown.includes(each.seriesUid));
}

/** Fills empty panes with what is not on the screen yet. */
export function fillPanes(): void {
  const rest = [...unseenSeries()];
  panes.value = panes.peek().map((pane) => (pane.series ? pane : { ...pane, series: rest.shift() ?? null }));
}

/** The pane `by` places further among those in sight has the keys; alone in sight, it takes the whole place. */
export function stepPane(by: number): void {
  const all = panes.peek();
  const next = all[all.findIndex(({ id }) => id === activePaneId.peek()) + by];
  if (!next) return;
  batch(() => {
    activePaneId.value = next.id;
    if (onlyPaneId.peek() !== null) onlyPaneId.value = next.id;
  });
}

/** The active pane has the whole place, or all are seen again. */
export function toggleOnly(): void {
  const isAlone = onlyPaneId.peek() !== null || panes.peek().length === 1;
  onlyPaneId.value = isAlone ? null : activePaneId.peek();
}
