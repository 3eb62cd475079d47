// The rule that would lay out a study as it lies on the screen now.
import type { Window } from "../geom/window";
import type { PaneKind, SeriesSummary } from "../net/api";
import type { HangingRule, Selector } from "../net/hanging";

/** What a pane shows. */
export interface PaneFacts {
  readonly isPrior: boolean;
  readonly series: SeriesSummary;
  /** All series of its study. */
  readonly among: readonly SeriesSummary[];
  /** Of the picture on screen. */
  readonly laterality: string;
  readonly view: string;
  readonly kind: PaneKind;
  /** Null: as recorded. */
  readonly window: Window | null;
}

/** A picture of these hangs by its side and view; all else by the words of its series. */
const PROJECTIONS: readonly string[] = ["MG", "CR", "DX", "IO", "PX", "RG", "RF", "XC"];

export interface Layout {
  readonly rows: number;
  readonly columns: number;
  readonly linked: boolean;
}

/** Row by row; null: an empty pane. Null when nothing of the study that is read is on screen. */
export function ruleOnScreen({ rows, columns, linked }: Layout, panes: readonly (PaneFacts | null)[]): HangingRule | null {
  const current = panes.find((pane) => pane && !pane.isPrior);
  if (!current) return null;
  const { modality, body_part_examined: part } = current.series;
  const hasPrior = panes.some((pane) => pane?.isPrior);
  const match = { modalities: [modality], ...(part && { body_parts: [part] }), ...(hasPrior && { has_prior: true }) };
  const selectors = panes.map((pane) => (pane ? selectorOf(pane) : NOTHING));
  return { match, rows, columns, panes: selectors, ...(panes.length > 1 && !selectors.includes(NOTHING) && { needs_all: true }), ...(linked && { linked }) };
}

/** An empty pane stays one: it finds nothing, by a modality that is none. */
const NOTHING: Selector = { modality: "–" };

function selectorOf(pane: PaneFacts): Selector {
  const { isPrior, series, laterality, view, kind, window } = pane;
  const shown = { ...(kind !== "stack" && { kind }), ...(window && { window: { center: window.center, width: window.width } }) };
  const what = { modality: series.modality, ...shown };
  if (PROJECTIONS.includes(series.modality) && (laterality || view)) {
    return { ...what, ...(isPrior && { prior: true }), ...(laterality && { laterality }), ...(view && { views: [view] }) };
  }
  // Of an earlier study the series that is most alike is taken: other machines have other words.
  return isPrior ? { prior: true, ...what } : { ...what, ...wordsOf(pane) };
}

/** The description, and which of those that have it, if there are several. */
function wordsOf({ series, among }: PaneFacts): Selector {
  const alike = among.filter(
    (each) => each.number_of_frames > 0 && each.modality === series.modality && each.series_description === series.series_description && each.is_localiser === series.is_localiser,
  );
  const position = alike.findIndex(({ series_instance_uid }) => series_instance_uid === series.series_instance_uid) + 1;
  return { ...(series.series_description && { description: series.series_description }), ...(alike.length > 1 && { position }) };
}
