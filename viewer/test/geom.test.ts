import { expect, test } from "vitest";
import { edgesInView, edgesOf, type ImageOrientation, lettersOf, normalOf } from "../src/geom/orient";
import { apply, FIT, imageToPane, inverse, type View, zoomedAt } from "../src/geom/plane";
import { scaleBar } from "../src/geom/scale";

const AXIAL: ImageOrientation = [1, 0, 0, 0, 1, 0];
const SAGITTAL: ImageOrientation = [0, 1, 0, 0, 0, -1];
const CORONAL: ImageOrientation = [1, 0, 0, 0, 0, -1];

test.each([
  ["axial", AXIAL, "R L A P"],
  ["sagittal", SAGITTAL, "A P H F"],
  ["coronal", CORONAL, "R L H F"],
  ["feet first, prone axial", [-1, 0, 0, 0, -1, 0] as ImageOrientation, "L R P A"],
  ["oblique by 30 degrees", [0.8660254, 0.5, 0, 0, 0, -1] as ImageOrientation, "RA LP H F"],
  ["tilted by 10 degrees only", [1, 0, 0, 0, 0.9848, -0.1736] as ImageOrientation, "R L A P"],
])("edges of a picture that is %s", (_name, orientation, expected) => {
  const { left, right, top, bottom } = edgesOf(orientation);

  expect([left, right, top, bottom].join(" ")).toBe(expected);
});

test("without Image Orientation, Patient Orientation names the edges; without both there are none", () => {
  expect(edgesOf(null, ["P", "F"])).toEqual({ left: "A", right: "P", top: "H", bottom: "F" });
  expect(edgesOf(null, [""])).toEqual({ left: "", right: "", top: "", bottom: "" });
});

test.each([
  [{ rotate: 90, flipH: false, flipV: false }, "P A R L"],
  [{ rotate: 180, flipH: false, flipV: false }, "L R P A"],
  [{ rotate: 270, flipH: false, flipV: false }, "A P L R"],
  [{ rotate: 0, flipH: true, flipV: false }, "L R A P"],
  [{ rotate: 90, flipH: true, flipV: false }, "P A L R"],
  [{ rotate: 0, flipH: false, flipV: true }, "R L P A"],
])("edges after %o", (turn, expected) => {
  const { left, right, top, bottom } = edgesInView(edgesOf(AXIAL), turn);

  expect([left, right, top, bottom].join(" ")).toBe(expected);
});

test("the letters agree with where the image points go", () => {
  const image = { width: 100, height: 80 };
  const pane = { width: 300, height: 300 };
  for (const rotate of [0, 90, 180, 270]) {
    for (const flipH of [false, true]) {
      for (const flipV of [false, true]) {
        const view = { ...FIT, rotate, flipH, flipV };
        const map = imageToPane(image, 1, pane, view);
        const middle = apply(map, { x: 50, y: 40 });
        const towardsLeftHand = apply(map, { x: 60, y: 40 });
        const edges = edgesInView(edgesOf(AXIAL), view);
        const side = towardsLeftHand.x > middle.x + 1 ? edges.right : towardsLeftHand.x < middle.x - 1 ? edges.left : towardsLeftHand.y > middle.y ? edges.bottom : edges.top;

        expect(side).toBe("L");
      }
    }
  }
});

test("three letters at most, the strongest first", () => {
  expect(lettersOf([0.5, -0.4, 0.7])).toBe("HL");
  expect(lettersOf([0.5, -0.4, 0.7], 3)).toBe("HLA");
});

test("the normal of an axial plane points to the head", () => {
  expect(normalOf(AXIAL)).toEqual([0, 0, 1]);
});

const PANE = { width: 800, height: 600 };
const IMAGE = { width: 512, height: 512 };

test("a picture fits its pane and lies in its middle", () => {
  const map = imageToPane(IMAGE, 1, PANE, FIT);

  expect(apply(map, { x: 0, y: 0 })).toEqual({ x: 100, y: 0 });
  expect(apply(map, { x: 512, y: 512 })).toEqual({ x: 700, y: 600 });
});

test("pixels that are higher than wide make the picture higher, and turned by a quarter wider", () => {
  const upright = imageToPane({ width: 100, height: 100 }, 2, PANE, FIT);
  const turned = imageToPane({ width: 100, height: 100 }, 2, PANE, { ...FIT, rotate: 90 });

  expect([upright.a, upright.d]).toEqual([3, 6]);
  expect([turned.b, turned.c]).toEqual([4, -8]);
});

test("the inverse map leads back", () => {
  const view: View = { zoom: 2.5, panX: 31, panY: -7, rotate: 90, flipH: true, flipV: false };
  const map = imageToPane(IMAGE, 1.2, PANE, view);
  const back = apply(inverse(map), apply(map, { x: 17.5, y: 400.25 }));

  expect(back.x).toBeCloseTo(17.5, 9);
  expect(back.y).toBeCloseTo(400.25, 9);
});

test("what lies under the pointer stays there while zooming", () => {
  const at = { x: 650, y: 50 };
  const view: View = { ...FIT, panX: 20, panY: 10, rotate: 270, flipV: true };
  const before = apply(inverse(imageToPane(IMAGE, 1, PANE, view)), at);
  const after = apply(inverse(imageToPane(IMAGE, 1, PANE, zoomedAt(view, 3, at, PANE))), at);

  expect(after.x).toBeCloseTo(before.x, 9);
  expect(after.y).toBeCloseTo(before.y, 9);
});

test.each([
  [1, 199, "10 cm", 100],
  [0.1, 200, "100 cm", 100],
  [37, 200, "5 mm", 185],
  [1900, 200, "0.1 mm", 190],
])("at %f px a mm the bar in %i px is %s", (pxPerMm, mostPx, label, lengthPx) => {
  expect(scaleBar(pxPerMm, mostPx)).toMatchObject({ label });
  expect(scaleBar(pxPerMm, mostPx)?.lengthPx).toBeCloseTo(lengthPx, 6);
});

test("no bar where even the shortest is too long", () => {
  expect(scaleBar(10_000, 200)).toBeNull();
});
