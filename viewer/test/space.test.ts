// Geometry in the patient: planes, crossings, volumes and what is cut out of them. Fields that are linear in space are the
// oracle: between voxels they are told exactly, whatever the grid.
import { describe, expect, test } from "vitest";
import type { Vector } from "../src/geom/orient";
import { cutOf, type Cut, type SlabMode, type VoxelArray, type Voxels } from "../src/geom/reslice";
import { crossing, dot, heightOver, nearestPlane, type Plane, planeOf, toImage, toPatient, turned } from "../src/geom/space";
import { type Axes, flawsOf, fromVoxel, gapsOf, geometryOf, gridAxes, planesThrough, toVoxel, type VolumeGeometry } from "../src/geom/volume";
import { coarseFirst } from "../src/render/volume";

const OBLIQUE = [0.8660254, 0.5, 0, -0.25, 0.4330127, 0.8660254] as const;

function planeAt(origin: Vector, changes: Partial<{ orientation: readonly number[]; spacing: readonly [number, number]; rows: number; columns: number; uid: string }> = {}): Plane {
  const { orientation = [1, 0, 0, 0, 1, 0], spacing = [1, 1], rows = 8, columns = 8, uid = "1.2" } = changes;
  const facts = { image_orientation: orientation as never, image_position: origin, pixel_spacing: spacing, rows, columns, frame_of_reference_uid: uid };
  return planeOf(facts)!;
}

// By numpy from PS3.3 C.7.6.2.1.1: M @ [column, row, 0, 1], with the middle of the first pixel at image point (0.5, 0.5).
test.each([
  [{ x: 0.5, y: 0.5 }, [-120.5, 33.25, 710.75]],
  [{ x: 100.5, y: 0.5 }, [-77.19873, 58.25, 710.75]],
  [{ x: 10.25, y: 200.75 }, [-166.340626, 122.398293, 884.171586]],
] as const)("image point %j lies at %j", (point, at) => {
  const plane = planeAt([-120.5, 33.25, 710.75], { orientation: OBLIQUE, spacing: [1, 0.5], rows: 256, columns: 512 });

  toPatient(plane, point).forEach((part, axis) => expect(part).toBeCloseTo(at[axis]!, 4));
  expect(toImage(plane, toPatient(plane, point)).x).toBeCloseTo(point.x, 5);
  expect(toImage(plane, toPatient(plane, point)).y).toBeCloseTo(point.y, 5);
});

test("a plane that is told wrongly is none", () => {
  const facts = { image_position: [0, 0, 0] as const, pixel_spacing: [1, 1] as const, rows: 2, columns: 2, frame_of_reference_uid: "1" };

  expect(planeOf({ ...facts, image_orientation: [0, 0, 0, 0, 0, 0] })).toBeNull();
  expect(planeOf({ ...facts, image_orientation: [1, 0, 0, 1, 0, 0] })).toBeNull();
  expect(planeOf({ ...facts, image_orientation: null })).toBeNull();
});

test("an axial picture crosses a sagittal one in a line that ends where either ends", () => {
  const axial = planeAt([0, 0, 10], { rows: 20, columns: 20 });
  const sagittal = planeAt([5, 4, 30], { orientation: [0, 1, 0, 0, 0, -1], rows: 40, columns: 10, spacing: [1, 1] });

  const line = crossing(axial, sagittal)!;

  expect([line.from.x, line.to.x]).toEqual([5.5, 5.5]);
  expect([line.from.y, line.to.y].sort((one, other) => one - other)).toEqual([4, 14]);
  expect(crossing(axial, planeAt([0, 0, 20]))).toBeNull();
  expect(crossing(axial, planeAt([500, 4, 30], { orientation: [0, 1, 0, 0, 0, -1] }))).toBeNull();
  expect(crossing(axial, planeAt([5, 200, 30], { orientation: [0, 1, 0, 0, 0, -1], rows: 40 }))).toBeNull();
});

test("the nearest frame is that whose plane is nearest, whatever its place in the list", () => {
  const planes = [9, 3, 6, 0].map((z) => planeAt([0, 0, z]));

  expect(nearestPlane([...planes, null], [50, 50, 5])).toEqual({ index: 2, distanceMm: 1 });
  expect(nearestPlane([null], [0, 0, 0])).toBeNull();
});

interface Phantom {
  readonly geometry: VolumeGeometry;
  readonly voxels: Voxels;
}

/** A value that rises evenly in space, by other steps in each direction. */
function field([x, y, z]: Vector): number {
  return 3 * x - 2 * y + 5 * z + 40;
}

/** Slices at `depths` mm along a direction, filled by what lies at each voxel. */
function phantom(depths: readonly number[], shift: Vector = [0, 0, 0], fill: (at: Vector, index: number) => number = field, padding: readonly [number, number] | null = null): Phantom {
  const [columns, rows] = [9, 7];
  const normal = planeAt([0, 0, 0], { orientation: OBLIQUE }).normal;
  const planes = depths.map((depth) => {
    const origin = normal.map((part, axis) => 12 * (axis + 1) + depth * (part + shift[axis]!)) as unknown as Vector;
    return planeAt(origin, { orientation: OBLIQUE, spacing: [1.5, 0.75], rows, columns });
  });
  const geometry = geometryOf(planes) as VolumeGeometry;
  const values = new Float32Array(columns * rows * depths.length);
  for (let k = 0, v = 0; k < depths.length; k++) {
    for (let j = 0; j < rows; j++) for (let i = 0; i < columns; i++, v++) values[v] = fill(toPatient(planes[k]!, { x: i + 0.5, y: j + 0.5 }), v);
  }
  const gapsAfter = gapsOf(geometry).map(({ after }) => after - 1);
  const { spacingMm, isEven } = geometry;
  return { geometry, voxels: { values, columns, rows, depths: geometry.depths, spacingMm, isEven, gapsAfter, padding, outside: -1e6 } };
}

const EVEN = [0, 2, 4, 6, 8, 10];
const UNEVEN = [0, 2, 4.6, 6, 8.3, 10];
/** Across the normal: the table moves along the patient while the gantry leans. */
const TILT: Vector = (() => {
  const { right } = planeAt([0, 0, 0], { orientation: OBLIQUE });
  return right.map((part) => part * 0.3) as unknown as Vector;
})();

function cutAlong(geometry: VolumeGeometry, origin: Vector, right: Vector, down: Vector, mm: number, columns: number, rows: number, slab?: { mode: SlabMode; each: number; normal: Vector; mm: number }): Cut {
  const step = (direction: Vector, length: number): Vector => toVoxel(geometry, geometry.origin.map((part, axis) => part + direction[axis]! * length) as unknown as Vector);
  return {
    origin: toVoxel(geometry, origin),
    perColumn: step(right, mm),
    perRow: step(down, mm),
    columns,
    rows,
    slab: slab ? { mode: slab.mode, each: slab.each, perSample: step(slab.normal, slab.mm) } : { mode: "mip", each: 0, perSample: [0, 0, 0] },
  };
}

test.each([
  ["even slices", EVEN, [0, 0, 0]],
  ["uneven slices", UNEVEN, [0, 0, 0]],
  ["a tilted gantry", EVEN, TILT],
  ["a tilted gantry and uneven slices", UNEVEN, TILT],
] as const)("an oblique plane through %s has at each pixel what is there", (_, depths, shift) => {
  const { geometry, voxels } = phantom(depths, shift);
  const middle = fromVoxel(geometry, [4, 3, 5]);
  const right = turned(geometry.right, geometry.down, 0.6);
  const down = turned(geometry.down, right, 0.4);

  const cut = cutOf(voxels, cutAlong(geometry, middle, right, down, 0.4, 5, 5));

  for (let y = 0, p = 0; y < 5; y++) {
    for (let x = 0; x < 5; x++, p++) {
      const at = middle.map((part, axis) => part + 0.4 * (x * right[axis]! + y * down[axis]!)) as unknown as Vector;
      expect(cut[p]).toBeCloseTo(field(at), 2);
    }
  }
});

test.each(["axial", "coronal", "sagittal"] as const)("%s planes on the grid are the stored values, bit for bit", (name) => {
  const { geometry, voxels } = phantom(EVEN, [0, 0, 0], (_, index) => (index * 7919) % 4096);
  const set = planesThrough(geometry, name, gridAxes(geometry));
  const seen = set.origins.flatMap((origin) => [...cutAll(geometry, voxels, set, origin)]);

  expect(seen.length).toBe(voxels.values.length);
  expect([...seen].sort()).toEqual([...voxels.values].sort());
  const at = toVoxel(geometry, set.origins[1]!).map((part, axis) => Math.round(axis === 2 ? part / 2 : part));
  expect(cutAll(geometry, voxels, set, set.origins[1]!)[0]).toBe(voxels.values[at[0]! + 9 * (at[1]! + 7 * at[2]!)]);
});

function cutAll(geometry: VolumeGeometry, voxels: Voxels, set: ReturnType<typeof planesThrough>, origin: Vector): VoxelArray {
  const step = (direction: Vector, mm: number): Vector => toVoxel(geometry, geometry.origin.map((part, axis) => part + direction[axis]! * mm) as unknown as Vector);
  return cutOf(voxels, {
    origin: toVoxel(geometry, origin),
    perColumn: step(set.right, set.columnMm),
    perRow: step(set.down, set.rowMm),
    columns: set.columns,
    rows: set.rows,
    slab: { mode: "mip", each: 0, perSample: [0, 0, 0] },
  });
}

test.each([
  ["uneven slices", UNEVEN, [0, 0, 0]],
  ["a tilted gantry", EVEN, TILT],
] as const)("along the slices of %s the planes are the slices, at their places", (_, depths, shift) => {
  const { geometry, voxels } = phantom(depths, shift, (_at, index) => (index * 7919) % 4096);
  // The slices of this phantom look along the body more than across it.
  const name = (["sagittal", "coronal", "axial"] as const)[gridAxes(geometry).findIndex((axis) => Math.abs(dot(axis, geometry.normal)) > 0.99)]!;
  const set = planesThrough(geometry, name, gridAxes(geometry));

  expect(set.origins.length).toBe(depths.length);
  set.origins.forEach((origin, k) => {
    expect(toVoxel(geometry, origin)[2]).toBeCloseTo(geometry.depths[k]!, 6);
    const slice = voxels.values.slice(k * 63, (k + 1) * 63);
    expect([...cutAll(geometry, voxels, set, origin)].sort()).toEqual([...slice].sort());
  });
});

describe("a slab", () => {
  const { voxels } = phantom(EVEN, [0, 0, 0], (_, index) => (index * 7919) % 4096, [0, 99]);
  const column = (pixel: number): number[] => [1, 2, 3, 4, 5].map((k) => voxels.values[k * 63 + pixel]!).filter((value) => value > 99);
  const slab = (mode: SlabMode): VoxelArray =>
    cutOf(voxels, {
      origin: [0, 0, 6],
      perColumn: [1, 0, 0],
      perRow: [0, 1, 0],
      columns: 9,
      rows: 7,
      slab: { mode, each: 2, perSample: [0, 0, 2] },
    });

  test.each([
    ["mip", (values: number[]) => Math.max(...values)],
    ["minip", (values: number[]) => Math.min(...values)],
    ["mean", (values: number[]) => Math.fround(values.reduce((one, other) => one + other) / values.length)],
  ] as const)("%s counts each voxel in it once, and no padding", (mode, of) => {
    slab(mode).forEach((value, pixel) => expect(value).toBeCloseTo(of(column(pixel)), 3));
  });
});

test("nothing is made up in a gap, and none of it beyond the volume", () => {
  const { geometry, voxels } = phantom([0, 2, 4, 12, 14, 16]);
  const line = cutOf(voxels, { origin: [4, 3, -2], perColumn: [0, 0, 1], perRow: [0, 0, 0], columns: 21, rows: 1, slab: { mode: "mip", each: 0, perSample: [0, 0, 0] } });
  const black = [...line].flatMap((value, depth) => (value === -1e6 ? [depth - 2] : []));

  expect(flawsOf(geometry).gaps).toEqual([{ after: 3, before: 4, mm: expect.closeTo(8, 6) as number, missing: 3 }]);
  expect(black).toEqual([-2, 6, 7, 8, 9, 10, 18]);
});

test("beside padding the nearest voxel is shown, never a mixture", () => {
  const { voxels } = phantom(EVEN, [0, 0, 0], (_, index) => (index % 2 === 0 ? -2000 : 100), [-2000, -2000]);
  const cut = cutOf(voxels, { origin: [0.3, 0, 0], perColumn: [0.5, 0, 0], perRow: [0, 1, 0], columns: 14, rows: 1, slab: { mode: "mip", each: 0, perSample: [0, 0, 0] } });

  expect(new Set(cut)).toEqual(new Set([-2000, 100]));
});

test.each([
  [EVEN, [0, 0, 0], { tilt: null, gaps: 0, uneven: null }],
  [EVEN, TILT, { tilt: 16.699, gaps: 0, uneven: null }],
  [UNEVEN, [0, 0, 0], { tilt: null, gaps: 0, uneven: [1.4, 2.6] }],
  [[0, 1, 2, 3, 7, 11, 15, 19], [0, 0, 0], { tilt: null, gaps: 0, uneven: [1, 4] }],
] as const)("what is wrong with slices at %j is told in numbers", (depths, shift, expected) => {
  const { tilt, gaps, uneven } = flawsOf(phantom(depths, shift).geometry);

  if (expected.tilt === null) expect(tilt).toBeNull();
  else expect(tilt).toBeCloseTo(expected.tilt, 2);
  expect(gaps.length).toBe(expected.gaps);
  if (expected.uneven) uneven!.forEach((mm, end) => expect(mm).toBeCloseTo(expected.uneven[end]!, 6));
  else expect(uneven).toBeNull();
});

test("frames that make no volume say why", () => {
  const at = (z: number, x = 0): Plane => planeAt([x, 0, z]);

  expect(geometryOf([at(0), at(1)])).toBe("few");
  expect(geometryOf([at(0), null, at(2)])).toBe("unplaced");
  expect(geometryOf([at(0), at(1), at(1), at(2)])).toBe("phases");
  expect(geometryOf([at(0), at(1, 3), at(2)])).toBe("displaced");
});

test("lengths and angles on a turned plane are those in the body", () => {
  const { geometry } = phantom(EVEN);
  const axes = gridAxes(geometry);
  const turnedBy = axes.map((axis) => turned(axis, axes[0], 0.5)) as unknown as Axes;
  const set = planesThrough(geometry, "axial", turnedBy);
  const plane: Plane = { ...set, origin: set.origins[3]!, frameOfReferenceUid: "1.2" };
  const [one, other] = [toPatient(plane, { x: 2, y: 3 }), toPatient(plane, { x: 7, y: 9 })];

  expect(Math.hypot(one[0] - other[0], one[1] - other[1], one[2] - other[2])).toBeCloseTo(Math.hypot(5 * set.columnMm, 6 * set.rowMm), 9);
  expect(dot(set.right, set.down)).toBeCloseTo(0, 12);
  expect(heightOver(plane, one)).toBeCloseTo(0, 9);
});

test("slices come coarsely first, and each of them once", () => {
  const order = coarseFirst(37).map(({ slice }) => slice);

  expect(order.slice(0, 5)).toEqual([0, 8, 16, 24, 32]);
  expect([...order].sort((one, other) => one - other)).toEqual(Array.from({ length: 37 }, (_, slice) => slice));
});
