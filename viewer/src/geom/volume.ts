// A stack of frames as a volume: whether it is one, where its voxels lie, what is wrong with it, and the planes through it.
import type { Vector } from "./orient";
import { cross, difference, dot, type Plane, scaled, sum } from "./space";

/** Why frames make no volume. */
export type NoVolume = "few" | "colour" | "unplaced" | "mixed" | "phases" | "localiser" | "ultrasound" | "displaced";

/**
 * Where voxels lie: voxel (i, j, k) at origin + i·columnMm·right + j·rowMm·down + depths[k]·through.
 * In a stack of a tilted gantry `through` is not at right angles to the slices; its part along the normal is 1.
 */
export interface VolumeGeometry {
  readonly origin: Vector;
  readonly right: Vector;
  readonly down: Vector;
  /** Of the slices, to the side where k rises. */
  readonly normal: Vector;
  readonly through: Vector;
  readonly columns: number;
  readonly rows: number;
  readonly columnMm: number;
  readonly rowMm: number;
  /** mm of each slice along the normal, from 0, rising. */
  readonly depths: readonly number[];
  /** mm between slices: their mean where they are even, else the median. */
  readonly spacingMm: number;
  /** Slices are as far from each other as `spacingMm`, to a tenth of a millimetre over the whole stack. */
  readonly isEven: boolean;
  readonly isTilted: boolean;
  readonly frameOfReferenceUid: string;
}

/** A gap where slices should be. */
export interface Gap {
  /** The slices beside it, counted from 1. */
  readonly after: number;
  readonly before: number;
  readonly mm: number;
  /** How many slices would fill it. */
  readonly missing: number;
}

/** What a reader must know before trusting lengths through the slices. */
export interface Flaws {
  /** Degrees; null: the slices lie straight behind each other. */
  readonly tilt: number | null;
  readonly gaps: readonly Gap[];
  /** Least and most mm between neighbours, gaps left out; null: they are even. */
  readonly uneven: readonly [number, number] | null;
}

/** Rounding of positions on their way; what is displaced by more is displaced. */
const ROUNDING_MM = 0.1;
/** A gap so many times as wide as usual is a gap; where more than a third are, the stack is uneven. */
const GAP = 1.75;
const FEWEST = 3;

/** The geometry of slices in the order of the stack. */
export function geometryOf(planes: readonly (Plane | null)[]): VolumeGeometry | NoVolume {
  const slices = planes.filter((plane) => plane !== null);
  const first = slices[0];
  if (!first || slices.length < planes.length) return "unplaced";
  if (planes.length < FEWEST) return "few";
  const moved = slices.map(({ origin }) => difference(origin, first.origin));
  const isForward = dot(moved.at(-1)!, first.normal) > 0;
  const normal = isForward ? first.normal : scaled(first.normal, -1);
  const depths = moved.map((each) => dot(each, normal));
  const steps = stepsOf(depths);
  if (steps.some((step) => step <= 0)) return "phases";
  const depth = depths.at(-1)!;
  const through = scaled(moved.at(-1)!, 1 / depth);
  const isOnLine = moved.every((each, k) => Math.hypot(...difference(each, scaled(through, depths[k]!))) < ROUNDING_MM);
  if (!isOnLine) return "displaced";
  const mean = depth / (depths.length - 1);
  const isEven = depths.every((each, k) => Math.abs(each - k * mean) < ROUNDING_MM);
  const isTilted = Math.hypot(...difference(through, normal)) * depth > ROUNDING_MM * 2;
  const { origin, right, down, columns, rows, columnMm, rowMm, frameOfReferenceUid } = first;
  const shape = { origin, right, down, columns, rows, columnMm, rowMm, frameOfReferenceUid };
  const even = depths.map((_, k) => k * mean);
  return { ...shape, normal, through: isTilted ? through : normal, depths: isEven ? even : depths, spacingMm: isEven ? mean : medianOf(steps), isEven, isTilted };
}

export function flawsOf(geometry: VolumeGeometry): Flaws {
  const { depths, isEven, isTilted, through, normal } = geometry;
  const tilt = isTilted ? (Math.acos(dot(through, normal) / Math.hypot(...through)) * 180) / Math.PI : null;
  const gaps = gapsOf(geometry);
  const usual = stepsOf(depths).filter((_, k) => !gaps.some(({ after }) => after === k + 1));
  const spread = [Math.min(...usual), Math.max(...usual)] as const;
  return { tilt, gaps, uneven: !isEven && spread[1] - spread[0] > 2 * ROUNDING_MM ? spread : null };
}

export function gapsOf({ depths, isEven }: VolumeGeometry): readonly Gap[] {
  if (isEven) return [];
  const steps = stepsOf(depths);
  const usual = medianOf(steps);
  const wide = steps.map((mm, k) => ({ after: k + 1, before: k + 2, mm, missing: Math.round(mm / usual) - 1 })).filter(({ mm }) => mm > GAP * usual);
  return wide.length === 1 || wide.length * 3 <= steps.length ? wide : [];
}

function stepsOf(depths: readonly number[]): number[] {
  return depths.slice(1).map((depth, k) => depth - depths[k]!);
}

/** The lower one of an even number: a gap is no usual step. */
function medianOf(steps: readonly number[]): number {
  return [...steps].sort((one, other) => one - other)[(steps.length - 1) >> 1]!;
}

/** Where a position lies between voxels: (column, row, mm of depth), middles of voxels at whole numbers. */
export function toVoxel(geometry: VolumeGeometry, at: Vector): Vector {
  const { normal, through, right, down, columnMm, rowMm } = geometry;
  const from = difference(at, geometry.origin);
  const depth = dot(from, normal);
  const inSlice = difference(from, scaled(through, depth));
  return [dot(inSlice, right) / columnMm, dot(inSlice, down) / rowMm, depth];
}

export function fromVoxel(geometry: VolumeGeometry, [column, row, depth]: Vector): Vector {
  const { origin, right, down, through, columnMm, rowMm } = geometry;
  return sum(sum(origin, scaled(right, column * columnMm)), sum(scaled(down, row * rowMm), scaled(through, depth)));
}

export function middleOf(geometry: VolumeGeometry): Vector {
  return fromVoxel(geometry, [(geometry.columns - 1) / 2, (geometry.rows - 1) / 2, geometry.depths.at(-1)! / 2]);
}

/** The normals of the three planes: of the sagittal, the coronal and the axial one. */
export type Axes = readonly [Vector, Vector, Vector];

export type PlaneName = "sagittal" | "coronal" | "axial";

const AXIS: Readonly<Record<PlaneName, 0 | 1 | 2>> = { sagittal: 0, coronal: 1, axial: 2 };

/** As pictures are hung: the patient's left at the right, his head or his front at the top. */
const HUNG: Readonly<Record<PlaneName, { readonly right: Vector; readonly down: Vector }>> = {
  axial: { right: [1, 0, 0], down: [0, 1, 0] },
  coronal: { right: [1, 0, 0], down: [0, 0, -1] },
  sagittal: { right: [0, 1, 0], down: [0, 0, -1] },
};

/** The axes of the volume's own grid, each named by the patient's axis it is nearest to, and pointing the same way. */
export function gridAxes({ right, down, normal }: VolumeGeometry): Axes {
  const own = [right, down, normal];
  const orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] as const;
  const fit = (order: readonly number[]): number => order.reduce((total, index, axis) => total + Math.abs(own[index]![axis]!), 0);
  const best = orders.reduce((one, other) => (fit(other) > fit(one) + 1e-9 ? other : one));
  return best.map((index, axis) => (own[index]![axis]! < 0 ? scaled(own[index]!, -1) : own[index]!)) as unknown as Axes;
}

/** All planes of one direction through a volume, one behind the other. */
export interface PlaneSet {
  readonly right: Vector;
  readonly down: Vector;
  /** From each plane to the next. */
  readonly normal: Vector;
  readonly columns: number;
  readonly rows: number;
  readonly columnMm: number;
  readonly rowMm: number;
  readonly stepMm: number;
  /** Middle of the first pixel of each plane. */
  readonly origins: readonly Vector[];
}

/** Pixels of the longer side of a plane at most. */
const MOST_SIDE = 2048;

/** The planes of a name, when the volume is cut along `axes`. */
export function planesThrough(geometry: VolumeGeometry, name: PlaneName, axes: Axes): PlaneSet {
  const grid = gridAxes(geometry);
  const normal = axes[AXIS[name]];
  const { right, down } = hungIn(name, grid, normal);
  const isSlice = Math.abs(dot(normal, geometry.normal)) > 1 - 1e-9 && (!geometry.isEven || geometry.isTilted);
  const middle = middleOf(geometry);
  const [across, along, through] = [right, down, normal].map((direction) => reachOf(geometry, direction, middle)) as [Reach, Reach, Reach];
  const coarse = Math.max(1, (across.count - 1) / (MOST_SIDE - 1), (along.count - 1) / (MOST_SIDE - 1));
  const columns = Math.floor((across.count - 1) / coarse + 1e-6) + 1;
  const rows = Math.floor((along.count - 1) / coarse + 1e-6) + 1;
  const columnMm = across.stepMm * coarse;
  const rowMm = along.stepMm * coarse;
  const set = { right, down, normal, columns, rows, columnMm, rowMm };
  const corner = sum(middle, sum(scaled(right, across.from), scaled(down, along.from)));
  if (isSlice) return slicesOf(geometry, set);
  const origins = Array.from({ length: through.count }, (_, k) => sum(corner, scaled(normal, through.from + k * through.stepMm)));
  return { ...set, stepMm: through.stepMm, origins: inReadingOrder(geometry, normal, origins), normal: readingNormal(geometry, normal) };
}

/** Planes along the slices are counted as the slices are. */
function inReadingOrder(geometry: VolumeGeometry, normal: Vector, origins: readonly Vector[]): readonly Vector[] {
  return readingNormal(geometry, normal) === normal ? origins : [...origins].reverse();
}

function readingNormal(geometry: VolumeGeometry, normal: Vector): Vector {
  return dot(normal, geometry.normal) < -0.99 ? scaled(normal, -1) : normal;
}

/** The slices as they are, where they are: no plane of a tilted or uneven stack is more true. */
function slicesOf(geometry: VolumeGeometry, set: Omit<PlaneSet, "stepMm" | "origins">): PlaneSet {
  const { columns, rows, columnMm, rowMm } = geometry;
  const isAcross = Math.abs(dot(set.right, geometry.right)) > 0.5;
  const isBackwards = (direction: Vector): boolean => dot(direction, geometry.right) < -0.5 || dot(direction, geometry.down) < -0.5;
  const [first, last] = isAcross ? [columns, rows] : [rows, columns];
  const [firstMm, lastMm] = isAcross ? [columnMm, rowMm] : [rowMm, columnMm];
  const shift = sum(
    isBackwards(set.right) ? scaled(set.right, -(first - 1) * firstMm) : [0, 0, 0],
    isBackwards(set.down) ? scaled(set.down, -(last - 1) * lastMm) : [0, 0, 0],
  );
  const origins = geometry.depths.map((depth) => sum(fromVoxel(geometry, [0, 0, depth]), shift));
  return { ...set, normal: geometry.normal, columns: first, rows: last, columnMm: firstMm, rowMm: lastMm, stepMm: geometry.spacingMm, origins };
}

/** The grid's own directions as they hang, turned as little as brings them into the plane. */
function hungIn(name: PlaneName, grid: Axes, normal: Vector): { readonly right: Vector; readonly down: Vector } {
  const hung = HUNG[name];
  const [rightAxis, downAxis] = [axisOf(hung.right), axisOf(hung.down)];
  const right = scaled(grid[rightAxis], hung.right[rightAxis]!);
  const down = scaled(grid[downAxis], hung.down[downAxis]!);
  const flat = difference(down, scaled(normal, dot(down, normal)));
  const flatDown = Math.hypot(...flat) > 0.1 ? scaled(flat, 1 / Math.hypot(...flat)) : down;
  const square = cross(flatDown, normal);
  return { right: dot(square, right) < 0 ? scaled(square, -1) : square, down: flatDown };
}

function axisOf(direction: Vector): 0 | 1 | 2 {
  return direction.findIndex((part) => part !== 0) as 0 | 1 | 2;
}

interface Reach {
  /** mm from the middle of the volume. */
  readonly from: number;
  readonly count: number;
  readonly stepMm: number;
}

/** How far the middles of the voxels reach in a direction, and how fine: along an axis of the grid exactly its voxels. */
function reachOf(geometry: VolumeGeometry, direction: Vector, middle: Vector): Reach {
  const { columns, rows, depths, right, down, normal, columnMm, rowMm, spacingMm } = geometry;
  const corners = [0, columns - 1].flatMap((i) => [0, rows - 1].flatMap((j) => [0, depths.at(-1)!].map((depth) => fromVoxel(geometry, [i, j, depth]))));
  const reach = corners.map((corner) => dot(difference(corner, middle), direction));
  const [from, to] = [Math.min(...reach), Math.max(...reach)];
  const axes = [
    { axis: right, mm: columnMm },
    { axis: down, mm: rowMm },
    { axis: normal, mm: spacingMm },
  ];
  const stepMm = axes.find(({ axis }) => Math.abs(dot(axis, direction)) > 1 - 1e-9)?.mm ?? Math.min(columnMm, rowMm, spacingMm);
  return { from, count: Math.floor((to - from) / stepMm + 1e-4) + 1, stepMm };
}
