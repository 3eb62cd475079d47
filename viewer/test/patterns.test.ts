// Test patterns have the levels that they are said to have, pixel by pixel, whatever the screen.
import { expect, test } from "vitest";
import { greyAt, patternOf, type Greyscale, type PatternName } from "../src/geom/patterns";

const NAMES: readonly PatternName[] = ["smpte", "tg18-qc", "tg18-ad", "tg18-ct", "tg18-unl", "tg18-ln"];

function levels({ values }: Greyscale): ReadonlySet<number> {
  return new Set(values);
}

test("5 and 95 per cent lie within black and white, where a screen that is set wrongly hides them", () => {
  for (const name of ["smpte", "tg18-qc"] as const) {
    const found = levels(patternOf(name, 1400, 1400));
    for (const level of [0, 13, 242, 255]) expect([name, level, found.has(level)]).toEqual([name, level, true]);
  }
  const picture = patternOf("smpte", 1400, 1400);
  expect([greyAt(picture, 405, 605), greyAt(picture, 500, 700)]).toEqual([0, 13]);
  expect([greyAt(picture, 805, 605), greyAt(picture, 900, 700)]).toEqual([255, 242]);
});

test("bars are one pixel wide on any screen", () => {
  for (const [width, height] of [[1920, 1080], [1023, 767], [390, 844]] as const) {
    const picture = patternOf("tg18-qc", width, height);
    const [left, top] = [Math.floor((width - Math.min(width, height)) / 2), Math.floor((height - Math.min(width, height)) / 2)];
    const row = Array.from({ length: 10 }, (_, x) => greyAt(picture, left + 2 + x, top + 4));
    expect(row).toEqual([255, 0, 255, 0, 255, 0, 255, 0, 255, 0]);
  }
});

test("the ramp has every level and never falls, and the steps are eighteen", () => {
  const picture = patternOf("tg18-ln", 1920, 1080);
  const ramp = [...picture.values.subarray(1920 * 1079)];
  const steps = [...picture.values.subarray(0, 1920)];

  expect(new Set(ramp).size).toBe(256);
  expect(ramp).toEqual([...ramp].sort((one, other) => one - other));
  expect([...new Set(steps)]).toEqual(Array.from({ length: 18 }, (_, index) => 15 * index));
});

test("sixteen levels have targets that differ from them by four", () => {
  const picture = patternOf("tg18-ct", 1024, 1024);
  const [onTheTarget, beside] = [greyAt(picture, 256 + 128 - 10, 128), greyAt(picture, 256 + 128 + 10, 128)];

  expect([beside, onTheTarget]).toEqual([24, 28]);
});

test("the even field is one level, and the dark one is dark", () => {
  expect([...levels(patternOf("tg18-unl", 300, 200))]).toEqual([204]);
  expect(Math.max(...levels(patternOf("tg18-ad", 700, 700)))).toBe(33);
});

test.each(NAMES)("%s can be drawn on any screen", (name) => {
  for (const [width, height] of [[1, 1], [320, 480], [1366, 768]] as const) {
    expect(patternOf(name, width, height).values.length).toBe(width * height);
  }
});
