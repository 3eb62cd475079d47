// Planes cut out of a volume: on its grid the stored values themselves, between its voxels trilinear.
import type { Vector } from "./orient";

export type VoxelArray = Int16Array | Uint16Array | Float32Array;

/** The voxels, slice after slice, and what a sampler must know of them. */
export interface Voxels {
  readonly values: VoxelArray;
  readonly columns: number;
  readonly rows: number;
  /** mm of each slice along the normal. */
  readonly depths: readonly number[];
  readonly spacingMm: number;
  readonly isEven: boolean;
  /** Slices (from 0) after which there is a gap: nothing is made up in it. */
  readonly gapsAfter: readonly number[];
  /** Stored values that are no picture; null: all are. */
  readonly padding: readonly [number, number] | null;
  /** Stands where there is no voxel. */
  readonly outside: number;
}

export type SlabMode = "mip" | "minip" | "mean";

/** A plane to be cut. All in voxels: (column, row, mm of depth). */
export interface Cut {
  readonly origin: Vector;
  readonly perColumn: Vector;
  readonly perRow: Vector;
  readonly columns: number;
  readonly rows: number;
  readonly slab: {
    readonly mode: SlabMode;
    /** Samples before and behind the plane. */
    readonly each: number;
    readonly perSample: Vector;
  };
}

/** Nearer than this to a voxel, in voxels, is on it. */
const ON_GRID = 1e-3;
const SNAP = 2e-4;

/** The values of a plane, row by row, shape (rows, columns). */
export function cutOf(voxels: Voxels, cut: Cut): VoxelArray {
  const samples = cut.slab.each * 2 + 1;
  const out = emptyLike(voxels, cut.rows * cut.columns);
  const read = readerOf(voxels, cut);
  if (samples === 1) {
    read(cut.origin, out);
    return out;
  }
  return project(voxels, cut, read, out);
}

type Reader = (origin: Vector, into: VoxelArray) => void;

function emptyLike({ values, outside }: Voxels, length: number): VoxelArray {
  const made = values instanceof Int16Array ? new Int16Array(length) : values instanceof Uint16Array ? new Uint16Array(length) : new Float32Array(length);
  return made.fill(outside);
}

function readerOf(voxels: Voxels, cut: Cut): Reader {
  const steps = [cut.origin, cut.perColumn, cut.perRow, ...(cut.slab.each > 0 ? [cut.slab.perSample] : [])].map((step) => inSlices(voxels, step));
  const isOnGrid = voxels.isEven && steps.every((step) => step.every((part) => Math.abs(part - Math.round(part)) < ON_GRID));
  return isOnGrid ? gridReader(voxels, cut) : betweenReader(voxels, cut);
}

/** With the number of a slice in place of mm. */
function inSlices({ spacingMm }: Voxels, [column, row, depth]: Vector): Vector {
  return [column, row, depth / spacingMm];
}

/** Every sample is a voxel: values are copied. */
function gridReader(voxels: Voxels, cut: Cut): Reader {
  const { values, columns, rows, depths } = voxels;
  const whole = (vector: Vector): Vector => inSlices(voxels, vector).map(Math.round) as unknown as Vector;
  const [perColumn, perRow] = [whole(cut.perColumn), whole(cut.perRow)];
  const stride = perColumn[0] + columns * (perColumn[1] + rows * perColumn[2]);
  return (origin, into) => {
    const start = whole(origin);
    for (let y = 0, o = 0; y < cut.rows; y++) {
      let i = start[0] + y * perRow[0];
      let j = start[1] + y * perRow[1];
      let k = start[2] + y * perRow[2];
      let at = i + columns * (j + rows * k);
      for (let x = 0; x < cut.columns; x++, o++, at += stride, i += perColumn[0], j += perColumn[1], k += perColumn[2]) {
        if (i >= 0 && j >= 0 && k >= 0 && i < columns && j < rows && k < depths.length) into[o] = values[at]!;
      }
    }
  };
}

function betweenReader(voxels: Voxels, cut: Cut): Reader {
  const sample = samplerOf(voxels);
  const { perColumn, perRow } = cut;
  return (origin, into) => {
    for (let y = 0, o = 0; y < cut.rows; y++) {
      const [i, j, depth] = [origin[0] + y * perRow[0], origin[1] + y * perRow[1], origin[2] + y * perRow[2]];
      for (let x = 0; x < cut.columns; x++, o++) into[o] = sample(i + x * perColumn[0], j + x * perColumn[1], depth + x * perColumn[2]);
    }
  };
}

/** The value between eight voxels; beside padding the nearest voxel's, and beyond the voxels none. */
function samplerOf(voxels: Voxels): (column: number, row: number, depth: number) => number {
  const { values, columns, rows, padding, outside } = voxels;
  const slice = columns * rows;
  const isFloat = values instanceof Float32Array;
  const sliceAt = sliceFinderOf(voxels);
  const most = [columns - 1, rows - 1];
  return (column, row, depth) => {
    const between = sliceAt(depth);
    if (between < 0 || column < -0.5 || row < -0.5 || column > most[0]! + 0.5 || row > most[1]! + 0.5) return outside;
    const x = column < 0 ? 0 : column > most[0]! ? most[0]! : snapped(column);
    const y = row < 0 ? 0 : row > most[1]! ? most[1]! : snapped(row);
    const [i, j, k] = [Math.floor(x), Math.floor(y), Math.floor(between)];
    const [fx, fy, fz] = [x - i, y - j, between - k];
    const at = i + columns * j + slice * k;
    const [right, below, behind] = [fx > 0 ? 1 : 0, fy > 0 ? columns : 0, fz > 0 ? slice : 0];
    if (padding) {
      const [low, high] = padding;
      for (let corner = 0; corner < 8; corner++) {
        const value = values[at + (corner & 1 ? right : 0) + (corner & 2 ? below : 0) + (corner & 4 ? behind : 0)]!;
        if (value >= low && value <= high) return values[at + (fx >= 0.5 ? right : 0) + (fy >= 0.5 ? below : 0) + (fz >= 0.5 ? behind : 0)]!;
      }
    }
    const near = square(values, at, right, below, fx, fy);
    const value = fz > 0 ? near + (square(values, at + behind, right, below, fx, fy) - near) * fz : near;
    return isFloat ? value : Math.round(value);
  };
}

function square(values: VoxelArray, at: number, right: number, below: number, fx: number, fy: number): number {
  const top = values[at]! + (values[at + right]! - values[at]!) * fx;
  const bottom = values[at + below]! + (values[at + below + right]! - values[at + below]!) * fx;
  return top + (bottom - top) * fy;
}

/** From mm of depth to a number between slices; -1: no slice reaches there. */
function sliceFinderOf({ depths, spacingMm, isEven, gapsAfter }: Voxels): (depth: number) => number {
  const last = depths.length - 1;
  const reach = spacingMm / 2;
  const gaps = new Set(gapsAfter);
  return (depth) => {
    if (depth < -reach - SNAP || depth > depths[last]! + reach + SNAP) return -1;
    if (depth <= 0) return 0;
    if (depth >= depths[last]!) return last;
    if (isEven) return snapped(depth / spacingMm);
    let [low, high] = [0, last];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (depths[middle]! <= depth) low = middle;
      else high = middle;
    }
    const [before, behind] = [depth - depths[low]!, depths[low + 1]! - depth];
    if (!gaps.has(low)) return snapped(low + before / (before + behind));
    return before <= reach + SNAP ? low : behind <= reach + SNAP ? low + 1 : -1;
  };
}

/** Directions are rounded on their way: what should be on a voxel is on it. */
function snapped(between: number): number {
  const nearest = Math.round(between);
  return Math.abs(between - nearest) < SNAP ? nearest : between;
}

/** The greatest, the least or the mean of the samples before and behind each pixel; what is no picture does not count. */
function project(voxels: Voxels, cut: Cut, read: Reader, out: VoxelArray): VoxelArray {
  const { outside, padding } = voxels;
  const { mode, each, perSample } = cut.slab;
  const layer = emptyLike(voxels, out.length);
  const [low, high] = padding ?? [outside, outside];
  const total = mode === "mean" ? new Float64Array(out.length) : null;
  const counted = new Uint16Array(out.length);
  for (let step = -each; step <= each; step++) {
    layer.fill(outside);
    read([cut.origin[0] + step * perSample[0], cut.origin[1] + step * perSample[1], cut.origin[2] + step * perSample[2]], layer);
    for (let p = 0; p < layer.length; p++) {
      const value = layer[p]!;
      if (value === outside || (value >= low && value <= high)) continue;
      if (total) total[p]! += value;
      else if (counted[p] === 0 || (mode === "mip" ? value > out[p]! : value < out[p]!)) out[p] = value;
      counted[p]!++;
    }
  }
  if (total) for (let p = 0; p < out.length; p++) if (counted[p]! > 0) out[p] = meanOf(total[p]!, counted[p]!, out);
  return out;
}

function meanOf(total: number, count: number, like: VoxelArray): number {
  return like instanceof Float32Array ? total / count : Math.round(total / count);
}
