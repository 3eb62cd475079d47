// What is on the screen becomes a rule.
import { expect, test } from "vitest";
import { ruleOnScreen, type PaneFacts } from "../../src/hang/onscreen";
import type { SeriesSummary } from "../../src/net/api";

function series(description: string, rest: Partial<SeriesSummary> = {}): SeriesSummary {
  const shown = { modality: "CT", series_number: 1, body_part_examined: "CHEST", protocol_name: "", laterality: "", is_localiser: false };
  return { ...shown, series_instance_uid: description, series_description: description, number_of_series_related_instances: 3, number_of_frames: 3, ...rest };
}

function pane(shown: SeriesSummary, rest: Partial<PaneFacts> = {}): PaneFacts {
  return { isPrior: false, series: shown, among: [shown], laterality: "", view: "", kind: "stack", window: null, ...rest };
}

const GRID = { rows: 1, columns: 2, linked: false };

test("a series is found again by its words, an earlier study's by likeness", () => {
  const rule = ruleOnScreen({ ...GRID, linked: true }, [pane(series("Lung 1.0"), { window: { center: -600, width: 1500 } }), pane(series("Lung"), { isPrior: true })]);

  expect(rule).toEqual({
    match: { modalities: ["CT"], body_parts: ["CHEST"], has_prior: true },
    rows: 1,
    columns: 2,
    panes: [{ modality: "CT", description: "Lung 1.0", window: { center: -600, width: 1500 } }, { prior: true, modality: "CT" }],
    needs_all: true,
    linked: true,
  });
});

test("of several series with the same words its place among them is told, localisers and those without pictures not counted", () => {
  const [scout, empty, one, two] = [series("Ax", { is_localiser: true }), series("Ax", { number_of_frames: 0 }), series("Ax"), series("Ax")];
  const among = [scout, empty, one, two].map((each, index) => ({ ...each, series_instance_uid: String(index) }));

  expect(ruleOnScreen(GRID, [pane(among[3]!, { among }), null])?.panes?.[0]).toEqual({ modality: "CT", description: "Ax", position: 2 });
});

test("a projection is found again by side and view", () => {
  const shown = series("R MLO", { modality: "MG", body_part_examined: "BREAST" });

  expect(ruleOnScreen(GRID, [pane(shown, { laterality: "R", view: "MLO" }), null])?.panes?.[0]).toEqual({ modality: "MG", laterality: "R", views: ["MLO"] });
});

test("an earlier study alone makes no rule", () => {
  expect(ruleOnScreen(GRID, [pane(series("Lung"), { isPrior: true }), null])).toBeNull();
});
