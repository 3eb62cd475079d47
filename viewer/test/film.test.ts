// How long each frame of a film stays (PS3.3 C.7.6.5.1.2).
import { expect, test } from "vitest";
import { shareOfTime, type SeriesDocument } from "../src/net/series";

function filmOf(times: readonly (number | null)[] | undefined): SeriesDocument {
  return { per_frame: times ? { frame_time: times } : {} } as SeriesDocument;
}

test("frames recorded at unequal times stay as long as they took, and all together as long as the film", () => {
  const film = filmOf([20, 60, 40]);
  const shares = [0, 1, 2].map((index) => shareOfTime(film, index));

  expect(shares).toEqual([0.5, 1.5, 1]);
});

test("where times are equal or not told every frame stays as long", () => {
  expect(shareOfTime(filmOf(undefined), 3)).toBe(1);
  expect(shareOfTime(filmOf([null, 40]), 0)).toBe(1);
});
