// Greys are those of pydicom's apply_windowing (tests/viewer/make_fixtures.py).
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { greyOf, greyTable } from "../src/geom/lut";
import { grey, type VoiFunction, windowOver } from "../src/geom/window";

interface Case {
  readonly voi: VoiFunction;
  readonly center: number;
  readonly width: number;
  readonly values: readonly number[];
  readonly greys: readonly number[];
}

const cases = JSON.parse(readFileSync(new URL("./fixtures/windows.json", import.meta.url), "utf8")) as Case[];

test.each(cases)("$voi $center/$width", ({ voi, center, width, values, greys }) => {
  const got = values.map((value) => grey(value, { center, width }, voi));

  got.forEach((value, i) => expect(value).toBeCloseTo(greys[i]!, 4));
});

test("a window over a range makes its ends black and white, also for real numbers", () => {
  for (const voi of ["LINEAR", "LINEAR_EXACT"] as const) {
    const window = windowOver(-0.25, 0.5, voi);

    expect(grey(-0.25, window, voi)).toBe(0);
    expect(grey(0.5, window, voi)).toBe(255);
  }
});

const PLAIN = { modality: { slope: 1, intercept: 0, lut: null }, voi: { window: { center: 128, width: 256 }, function: "LINEAR", lut: null }, inverse: false, padding: null } as const;

test("a grey table holds what each stored value gives", () => {
  const greys = { ...PLAIN, modality: { slope: 2, intercept: -100, lut: null } };
  const { first, greys: table } = greyTable(new Int8Array(), greys);

  expect(first).toBe(-128);
  for (let stored = -128; stored < 128; stored++) expect(table[stored - first]).toBe(greyOf(stored, greys));
});

test("MONOCHROME1 shows its lowest value white, and padding stays black", () => {
  const inverse = { ...PLAIN, inverse: true, padding: [0, 3] as const };

  expect(greyOf(4, inverse)).toBe(251);
  expect(greyOf(255, inverse)).toBe(0);
  expect(greyOf(2, inverse)).toBe(0);
});

test("tables give their end values beyond their ends", () => {
  const lut = { first: 10, bits: 8, values: Uint16Array.of(0, 100, 255) };
  const greys = { ...PLAIN, voi: { ...PLAIN.voi, lut } };

  expect([9, 10, 11, 12, 13].map((stored) => greyOf(stored, greys))).toEqual([0, 0, 100, 255, 255]);
});
