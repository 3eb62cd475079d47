import { expect, test } from "vitest";
import { grey } from "../src/geom/window";

test("the ends of a LINEAR window are black and white", () => {
  expect(grey(0, { center: 128, width: 256 })).toBe(0);
  expect(grey(255, { center: 128, width: 256 })).toBe(255);
});
