// What is looked for, as a question to the server and as an address.
import { expect, test } from "vitest";
import { boundsOf, EVERYTHING, filterFrom, isNarrowed, parametersOf, queryOf } from "../../src/state/filter";

const TODAY = new Date(2026, 2, 1, 23, 30);

test.each([
  ["today", { from: "20260301", to: "20260301" }],
  ["week", { from: "20260223", to: "" }],
  ["month", { from: "20260131", to: "" }],
  ["all", { from: "", to: "" }],
] as const)("the span %s on 1 March 2026", (span, bounds) => {
  expect(boundsOf({ ...EVERYTHING, span }, TODAY)).toEqual(bounds);
});

test("a range may be open at one end", () => {
  expect(boundsOf({ ...EVERYTHING, span: "range", from: "20260101", to: "" }, TODAY)).toEqual({ from: "20260101", to: "" });
});

test("what was typed is asked for in NFC, whichever way the keyboard makes its letters", () => {
  const words = ` ${"Nguyễn".normalize("NFD")} `;
  expect(queryOf({ ...EVERYTHING, words, modalities: ["CT", "MR"] }, TODAY)).toEqual({ q: "Nguyễn", modality: "CT,MR", from: "", to: "" });
});

test.each([
  EVERYTHING,
  { ...EVERYTHING, words: "nguyễn thị", modalities: ["CT", "PT"], span: "week" as const },
  { ...EVERYTHING, span: "range" as const, from: "20260101", to: "20260131" },
])("a filter comes back from its address", (filter) => {
  expect(filterFrom(parametersOf(filter))).toEqual(filter);
});

test("a made-up span in the address is none", () => {
  expect(filterFrom(new URLSearchParams("date=yesterday"))).toEqual(EVERYTHING);
  expect(isNarrowed(EVERYTHING)).toBe(false);
});
