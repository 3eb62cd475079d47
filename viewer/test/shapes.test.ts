// Outlines of what others drew, and where presentation states put them.
import { describe, expect, test } from "vitest";
import { imageToPane } from "../src/geom/plane";
import type { PresentationState } from "../src/net/objects";
import { valuesOf } from "../src/overlay/bitmaps";
import { fromDisplay, presentedDocument, viewUnder } from "../src/overlay/presenting";
import { outlineOf, pathOf, through } from "../src/overlay/shapes";
import { blocksOf } from "../src/doc/tables";
import type { Item } from "../src/net/objects";
import type { SeriesDocument } from "../src/net/series";

test("a circle goes through its second point, about its first", () => {
  const { points, closed } = outlineOf("CIRCLE", [10, 20, 13, 24]);

  expect(closed).toBe(true);
  for (const { x, y } of points) expect(Math.hypot(x - 10, y - 20)).toBeCloseTo(5, 9);
});

test("an ellipse goes through the four ends of its axes", () => {
  const { points } = outlineOf("ELLIPSE", [0, 5, 10, 5, 5, 3, 5, 7]);

  for (const [x, y] of [[0, 5], [10, 5], [5, 3], [5, 7]] as const) {
    expect(Math.min(...points.map((point) => Math.hypot(point.x - x, point.y - y)))).toBeLessThan(1e-9);
  }
});

test("a curve goes through all its points, and closes where it began", () => {
  const corners = [0, 0, 10, 0, 10, 10, 0, 10, 0, 0];
  const { points } = outlineOf("INTERPOLATED", corners);

  for (let index = 0; index < corners.length; index += 2) {
    expect(Math.min(...points.map(({ x, y }) => Math.hypot(x - corners[index]!, y - corners[index + 1]!)))).toBeLessThan(1e-9);
  }
  expect(points.at(-1)).toEqual(points[0]);
});

test("points by themselves are crosses", () => {
  expect(pathOf(outlineOf("POINT", [3, 4]), through({ a: 2, b: 0, c: 0, d: 2, e: 1, f: 1 }))).toBe("M1.00 9.00h12M7.00 3.00v12");
});

test("bits are read from the lowest of each byte, on across the rows", () => {
  expect([...valuesOf(Uint8Array.of(0b1010_0001, 0b10), 10, 1)]).toEqual([1, 0, 0, 0, 0, 1, 0, 1, 0, 1]);
});

const IMAGE = { width: 60, height: 40 };
const PANE = { width: 400, height: 400 };

function stateOf(change: Partial<PresentationState>): PresentationState {
  const nothing = { images: [], layers: [], annotations: [], areas: [], greys: [], luts: [], overlays: [], activated: [] };
  return { kind: "presentation_state", label: "", description: "", creator: "", rotate: 0, flip: false, shutter: null, left_out: 0, ...nothing, ...change };
}

describe("the displayed area", () => {
  const area = { images: [], top_left: [11, 6] as const, bottom_right: [30, 15] as const, mode: "SCALE TO FIT", magnification: null };

  test.each([
    ["as it is", 0, false, [0, 100], [400, 300]],
    ["turned a quarter", 90, false, [300, 0], [100, 400]],
    ["flipped", 0, true, [400, 100], [0, 300]],
    // Turned clockwise first, then flipped: what was at the top on the left is there again, rows as columns.
    ["turned, then flipped", 90, true, [100, 0], [300, 400]],
  ] as const)("fills the pane %s", (_, rotate, flip, first, last) => {
    const view = viewUnder(stateOf({ rotate, flip }), area, IMAGE, 1, PANE);
    const toPane = through(imageToPane(IMAGE, 1, PANE, view));

    const [one, other] = [toPane({ x: 10, y: 5 }), toPane({ x: 30, y: 15 })];

    expect([one.x, one.y].map(Math.round)).toEqual(first);
    expect([other.x, other.y].map(Math.round)).toEqual(last);
  });

  test("has what is told in parts of it where it is seen, also when it is turned", () => {
    const view = viewUnder(stateOf({ rotate: 90 }), area, IMAGE, 1, PANE);
    const toPane = through(imageToPane(IMAGE, 1, PANE, view));

    const { x, y } = fromDisplay([10, 5, 30, 15], toPane)({ x: 0.25, y: 0.75 });

    expect([Math.round(x), Math.round(y)]).toEqual([150, 300]);
  });
});

test("a state's greys stand in place of those of its images, its tables behind theirs", () => {
  const lut = { first: 0, bits: 8, values: "" };
  const document = {
    number_of_frames: 2,
    instances: [{ sop_instance_uid: "1.1" }, { sop_instance_uid: "1.2" }],
    luts: [lut],
    shared: { frame_number: 1, rescale_slope: 1, inverse: true, modality_lut: 0, voi_lut: null },
    per_frame: { instance: [0, 1] },
  } as unknown as SeriesDocument;
  const greys = { images: [], attributes: { rescale_slope: 2, inverse: false, modality_lut: null, voi_lut: 0 } };

  const shown = presentedDocument(document, stateOf({ images: [{ series: "", sop: "1.2", frames: [] }], greys: [greys], luts: [lut] }));

  expect(shown.per_frame).toMatchObject({ rescale_slope: [1, 2], inverse: [true, false], modality_lut: [0, null], voi_lut: [null, 1] });
  expect(shown.luts).toHaveLength(2);
});

describe("a report", () => {
  const concept = (meaning: string) => ({ meaning, value: "", scheme: "" });
  const num = (name: string, value: string): Item => ({ kind: "NUM", relationship: "CONTAINS", concept: concept(name), value });
  const event = (...children: readonly Item[]): Item => ({ kind: "CONTAINER", relationship: "CONTAINS", concept: concept("Event"), children });

  test("makes a table of containers that say the same, with a column for each thing that is said", () => {
    const [block, rest] = blocksOf([event(num("kV", "120"), num("mA", "80")), event(num("kV", "100"), num("s", "2")), num("Total", "3")]);

    expect(block).toMatchObject({ kind: "table", table: { title: "Event", columns: ["kV", "mA", "s"] } });
    const cells = block?.kind === "table" ? block.table.rows.map((row) => row.cells.map((cell) => cell?.items.map(({ value }) => value) ?? null)) : [];
    expect(cells).toEqual([[["120"], ["80"], null], [["100"], null, ["2"]]]);
    expect(rest).toMatchObject({ kind: "item", item: { value: "3" } });
  });

  test("leaves nothing out of what fits no column", () => {
    const inner: Item = { kind: "CONTAINER", relationship: "CONTAINS", concept: concept("Inner"), children: [] };
    const [block] = blocksOf([event(num("kV", "120"), num("mA", "80"), inner), event(num("kV", "100"))]);

    expect(block?.kind === "table" && block.table.rows[0]?.rest).toEqual([inner]);
  });
});
