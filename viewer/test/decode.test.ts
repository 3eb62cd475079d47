// Frames written by the encoders of others (tests/viewer/make_fixtures.py) give exactly their values.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { decodeFrame } from "../src/decode/codecs";
import { ybrToRgb } from "../src/decode/samples";
import type { PixelDescription } from "../src/geom/pixels";

interface Case {
  readonly name: string;
  readonly description: PixelDescription;
  readonly bytes: string;
  readonly values: readonly number[];
}

function fixture<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`./fixtures/${name}.json`, import.meta.url), "utf8")) as T;
}

/** The bytes of a case, in the middle of a larger buffer as they come out of a stream. */
function bytesOf(base64: string): Uint8Array {
  const bytes = Buffer.from(base64, "base64");
  const larger = new Uint8Array(bytes.length + 6);
  larger.set(bytes, 3);
  return larger.subarray(3, 3 + bytes.length);
}

const cases = fixture<Case[]>("codecs");

test.each(cases)("$name", async ({ description, bytes, values }) => {
  const frame = await decodeFrame(bytesOf(bytes), description);

  expect([frame.rows, frame.columns, frame.samples]).toEqual([description.rows, description.columns, description.samplesPerPixel]);
  expect(worstDifference(frame.values, values)).toBeLessThanOrEqual(description.photometric === "YBR_FULL" ? 1 : 0);
});

test.each(cases.filter(({ name }) => /^(native|RLE|RGB)/.test(name)))("$name: a frame that is cut off is an error", async ({ description, bytes }) => {
  const whole = bytesOf(bytes);

  await expect(decodeFrame(whole.subarray(0, whole.length / 2), description)).rejects.toThrow();
});

const resolutions = fixture<(Case & { readonly reduce: number; readonly rows?: number; readonly columns?: number })[]>("resolutions");

test.each(resolutions)("HTJ2K of the server: $name", async ({ description, bytes, values, reduce, rows, columns }) => {
  const frame = await decodeFrame(bytesOf(bytes), description, reduce);

  expect([frame.rows, frame.columns]).toEqual([rows ?? description.rows, columns ?? description.columns]);
  expect(worstDifference(frame.values, values)).toBeLessThanOrEqual(description.photometric === "YBR_FULL" ? 1 : 0);
});

test("a transfer syntax without a codec is an error that names it", async () => {
  const description = { ...cases[0]!.description, transferSyntaxUid: "1.2.3" };

  await expect(decodeFrame(new Uint8Array(8), description)).rejects.toThrow("1.2.3");
});

test("YBR_FULL becomes RGB within one level of pydicom's", () => {
  const [{ ybr, rgb }] = fixture<[{ ybr: number[]; rgb: number[] }]>("colours");

  expect(worstDifference(ybrToRgb(Uint8Array.from(ybr)), rgb)).toBeLessThanOrEqual(1);
});

function worstDifference(got: ArrayLike<number>, expected: readonly number[]): number {
  expect(got.length).toBe(expected.length);
  return expected.reduce((worst, value, i) => Math.max(worst, Math.abs(value - got[i]!)), 0);
}
