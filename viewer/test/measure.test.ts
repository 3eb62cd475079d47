// Numbers of what is drawn: on known pixels, with known scales.
import { describe, expect, test } from "vitest";
import { crossesItself, simplified, spansIn } from "../src/geom/shapes";
import { frameGround, planeGround } from "../src/measure/ground";
import { reshaped } from "../src/measure/outline";
import { resultsOf, type Measured } from "../src/measure/results";
import type { FrameAttributes, Region, SeriesDocument } from "../src/net/series";

const INSTANCE = { sop_instance_uid: "1.2.3", sop_class_uid: "1.2", instance_number: 1, number_of_frames: 1 };

function documentOf(modality: string): SeriesDocument {
  return { modality, study_instance_uid: "1.1", series_instance_uid: "1.2", instances: [INSTANCE] } as unknown as SeriesDocument;
}

function frameWith(known: Partial<FrameAttributes>): FrameAttributes {
  const usual = { instance: 0, frame_number: 1, regions: [], pixel_spacing: null, pixel_spacing_source: "", pixel_spacing_calibration: "", magnification: null };
  const values = { pixel_aspect_ratio: 1, rescale_type: "HU", samples_per_pixel: 1, palette: null, suv: null, image_type: "" };
  return { ...usual, ...values, ...known } as FrameAttributes;
}

function measuredOn(frame: Partial<FrameAttributes>, rest: Partial<Measured> = {}): Measured {
  return { document: documentOf("CT"), frame: frameWith(frame), values: null, calibration: null, suv: "bw", ...rest };
}

const SQUARE = { pixel_spacing: [0.5, 0.5], pixel_spacing_source: "patient" } as const;

describe("without a scale", () => {
  test("a length is told in pixels, and no millimetre is made up", () => {
    const [length] = resultsOf("length", [{ x: 0, y: 0 }, { x: 3, y: 4 }], measuredOn({}));

    expect(length).toMatchObject({ value: 5, unit: "px", source: "", in_body: false });
  });

  test("an angle heeds the shape of the pixels", () => {
    const [angle] = resultsOf("angle", [{ x: 10, y: 0 }, { x: 0, y: 0 }, { x: 10, y: 5 }], measuredOn({ pixel_aspect_ratio: 2 }));

    expect(angle!.value).toBeCloseTo(45, 9);
  });
});

test.each([
  ["patient", "CT", "PixelSpacing", true],
  ["patient", "CR", "PixelSpacing", false],
  ["calibrated", "DX", "PixelSpacing[CALIBRATED]", true],
  ["detector", "MG", "ImagerPixelSpacing", false],
  ["scanned", "OT", "NominalScannedPixelSpacing", false],
] as const)("spacing of %s in %s is told as %s, in the body: %s", (pixel_spacing_source, modality, source, in_body) => {
  const measured = measuredOn({ pixel_spacing: [1, 0.5], pixel_spacing_source }, { document: documentOf(modality) });

  const [length] = resultsOf("length", [{ x: 0, y: 0 }, { x: 6, y: 4 }], measured);

  expect(length).toMatchObject({ value: 5, unit: "mm", source, in_body });
});

test("values are not told while the whole frame is awaited", () => {
  const box = [{ x: 0, y: 0 }, { x: 2, y: 2 }];

  expect(resultsOf("rectangle", box, measuredOn(SQUARE)).map(({ quantity }) => quantity)).toEqual(["area"]);
  expect(resultsOf("probe", [box[0]!], measuredOn(SQUARE))).toEqual([]);
});

test("padding is not counted, and values pass slope and intercept", () => {
  const frame = { rows: 2, columns: 2, samples: 1 as const, values: new Int16Array([-2000, 10, 20, 30]) };
  const values = { frame, modality: { slope: 2, intercept: -5, lut: null }, padding: [-2000, -2000] as const };

  const results = resultsOf("rectangle", [{ x: 0, y: 0 }, { x: 2, y: 2 }], measuredOn(SQUARE, { values }));

  const told = Object.fromEntries(results.map(({ quantity, value }) => [quantity, value]));
  expect(told).toMatchObject({ area: 1, mean: 35, min: 15, max: 55 });
  expect(told["sd"]).toBeCloseTo(Math.sqrt((20 ** 2 + 20 ** 2) / 3), 12);
});

test("nothing is counted within an outline that crosses itself", () => {
  const bow = [{ x: 0, y: 0 }, { x: 10, y: 10 }, { x: 10, y: 0 }, { x: 0, y: 10 }];

  expect(crossesItself(bow)).toBe(true);
  expect(crossesItself([bow[0]!, bow[2]!, bow[1]!, bow[3]!])).toBe(false);
  expect(resultsOf("freehand", bow, measuredOn(SQUARE))).toEqual([]);
});

describe("regions of ultrasound", () => {
  const region = (known: Partial<Region>): Region =>
    ({ number: 1, spatial_format: 1, data_type: 1, is_above: false, x0: 0, y0: 0, x1: 99, y1: 99, physical_units_x: 3, physical_units_y: 3, physical_delta_x: 0.1, physical_delta_y: 0.1, reference_pixel_y: null, reference_value_y: 0, ...known }) as Region;
  const line = [{ x: 10, y: 10 }, { x: 13, y: 14 }];

  test("the one above counts, and one without units never", () => {
    const regions = [
      region({ physical_units_x: 0, physical_units_y: 0, physical_delta_x: 1, is_above: true }),
      region({ number: 2 }),
      region({ number: 3, physical_delta_x: 0.2, physical_delta_y: 0.2, is_above: true }),
    ];

    const [length] = resultsOf("length", line, measuredOn({ regions }));

    expect(length).toMatchObject({ unit: "mm", source: "SequenceOfUltrasoundRegions[3]" });
    expect(length!.value).toBeCloseTo(10, 12);
  });

  test("a negative step is a direction, not a length", () => {
    const [length] = resultsOf("length", line, measuredOn({ regions: [region({ physical_delta_x: -0.1 })] }));

    expect(length!.value).toBeCloseTo(5, 12);
  });

  test("along axes of different units there is no angle and no area", () => {
    const regions = [region({ spatial_format: 2, physical_units_x: 4 })];

    expect(resultsOf("angle", [...line, { x: 20, y: 10 }], measuredOn({ regions }))).toEqual([]);
    expect(resultsOf("rectangle", line, measuredOn({ regions }))).toEqual([]);
    expect(resultsOf("length", line, measuredOn({ regions })).map(({ unit }) => unit)).toEqual(["s", "mm"]);
  });
});

test("the uptake is told in the unit that is wanted, and as recorded where there is no factor", () => {
  const suv = { units: "BQML", bw: 0.001, lbm: null, bsa: null, reason: "no_height" } as const;
  const values = { frame: { rows: 1, columns: 1, samples: 1 as const, values: new Int16Array([5000]) }, modality: { slope: 1, intercept: 0, lut: null }, padding: null };
  const on = (kind: Measured["suv"]): Measured => measuredOn({ suv }, { document: documentOf("PT"), values, suv: kind });
  const told = (kind: Measured["suv"]): unknown => resultsOf("probe", [{ x: 0.5, y: 0.5 }], on(kind))[0];

  expect(told("bw")).toMatchObject({ value: 5, unit: "g/ml", type: "SUVbw" });
  expect(told("lbm")).toMatchObject({ value: 5000, unit: "Bq/ml", source: "Units" });
});

test("points on a plane are kept in the patient's millimetres, and come back", () => {
  const frame = frameWith({ image_orientation: [0, 1, 0, 0, 0, -1], image_position: [5, -20, 30], pixel_spacing: [2, 0.5], frame_of_reference_uid: "1.9" });
  const ground = planeGround(documentOf("CT"), frame)!;

  expect(ground.toKept({ x: 10.5, y: 3.5 })).toEqual([5, -15, 24]);
  expect(ground.toPicture([5, -15, 24])).toEqual({ x: 10.5, y: 3.5 });
  const drawn = { id: "", kind: "probe", place: ground.place, points: [[5, -15, 24]], text: "", results: [] } as const;
  expect(ground.has(drawn)).toBe(true);
  expect(ground.has({ ...drawn, points: [[8, -15, 24]] })).toBe(false);
  expect(frameGround(documentOf("CT"), frame).has(drawn)).toBe(false);
});

test("the corner opposite to the one that is moved stays", () => {
  const moved = reshaped("rectangle", [{ x: 0, y: 0 }, { x: 10, y: 5 }], 1, { x: 12, y: -3 });

  expect(moved).toEqual([{ x: 0, y: 5 }, { x: 12, y: -3 }]);
});

test("pixels are inside by their middles, and only those of the picture", () => {
  expect(spansIn({ kind: "rectangle", points: [{ x: -3, y: 0.6 }, { x: 2.4, y: 9 }] }, 3, 4)).toEqual([
    { row: 1, from: 0, to: 2 },
    { row: 2, from: 0, to: 2 },
  ]);
});

test("a drawn line keeps its corners and loses what lies between", () => {
  const line = [0, 1, 2, 3, 4].map((x) => ({ x, y: 0 }));

  expect(simplified([...line, { x: 4, y: 3 }], 0.1)).toEqual([{ x: 0, y: 0 }, { x: 4, y: 0 }, { x: 4, y: 3 }]);
});
