// Which rows of a long list are in the document.
import { expect, test } from "vitest";
import { endOfSight, firstInSight, scrolledTo, topOf, totalPx, type Rows } from "../../src/ui/virtual";

const LONG: Rows = { count: 20_000, heightPx: 40, opened: -1, openedPx: 0 };
const OPENED: Rows = { count: 10, heightPx: 100, opened: 3, openedPx: 150 };

function inSight(rows: Rows, scrollTopPx: number, viewPx: number): readonly [number, number] {
  return [firstInSight(rows, scrollTopPx), endOfSight(rows, scrollTopPx, viewPx)];
}

test("only the rows in sight and a few more are drawn", () => {
  expect(inSight(LONG, 0, 800)).toEqual([0, 32]);
  expect(inSight(LONG, 400_000, 800)).toEqual([9_992, 10_032]);
  expect(inSight(LONG, 799_200, 800)).toEqual([19_968, 20_000]);
  expect(inSight({ ...LONG, count: 0 }, 0, 800)).toEqual([0, 0]);
});

test("every row in sight is drawn, wherever the list stands", () => {
  for (const rows of [LONG, OPENED]) {
    for (let top = 0; top < totalPx(rows); top += rows.count > 100 ? 3_701 : 37) {
      const [first, end] = inSight(rows, top, 600);
      const missed = Array.from({ length: Math.min(rows.count, 90) }, (_, index) => index + Math.max(0, first - 30))
        .filter((index) => index < rows.count && (index < first || index >= end))
        .filter((index) => topOf(rows, index) < top + 600 && topOf(rows, index + 1) > top);
      expect(missed).toEqual([]);
    }
  }
});

test("what lies below an opened row moves down by what it opened", () => {
  expect([3, 4].map((index) => topOf(OPENED, index))).toEqual([300, 550]);
  expect(totalPx(OPENED)).toBe(1150);
});

test("a row is brought into sight by the shortest way", () => {
  expect(scrolledTo(LONG, 5, 0, 800)).toBe(0);
  expect(scrolledTo(LONG, 20, 0, 800)).toBe(40);
  expect(scrolledTo(LONG, 5, 4_000, 800)).toBe(200);
});
