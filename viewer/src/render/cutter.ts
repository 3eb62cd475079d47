// The worker that holds the voxels of one volume, the only copy of them, and cuts planes out of it.
import { type Cut, cutOf, type VoxelArray, type Voxels } from "../geom/reslice";

export type VoxelType = "int16" | "uint16" | "float32";

export type CutterJob =
  | { readonly make: Omit<Voxels, "values">; readonly type: VoxelType }
  /** A slice; `until` it, those that are not here yet look like it. */
  | { readonly slice: number; readonly until: number; readonly values: ArrayLike<number> }
  /** A slice that never comes. */
  | { readonly lost: number }
  | { readonly id: number; readonly cut: Cut };

export type CutterAnswer = { readonly id: number; readonly values: VoxelArray } | { readonly refused: string };

const ARRAYS = { int16: Int16Array, uint16: Uint16Array, float32: Float32Array } as const;

interface Held {
  readonly voxels: Voxels;
  /** By slice: whether it is here, or never comes. */
  readonly settled: Uint8Array;
}

let held: Held | null = null;

self.addEventListener("message", ({ data }: MessageEvent<CutterJob>) => {
  if ("make" in data) held = made(data.make, data.type);
  else if (!held) return;
  else if ("slice" in data) fill(held, data.slice, data.until, data.values);
  else if ("lost" in data) lose(held, data.lost);
  else answer({ id: data.id, values: cutOf(held.voxels, data.cut) });
});

function made(facts: Omit<Voxels, "values">, type: VoxelType): Held | null {
  const count = facts.columns * facts.rows * facts.depths.length;
  try {
    return { voxels: { ...facts, values: new ARRAYS[type](count).fill(facts.outside) }, settled: new Uint8Array(facts.depths.length) };
  } catch (error) {
    answer({ refused: String(error) });
    return null;
  }
}

function fill({ voxels, settled }: Held, slice: number, until: number, values: ArrayLike<number>): void {
  const size = voxels.columns * voxels.rows;
  settled[slice] = 1;
  for (let k = slice; k < until && (k === slice || settled[k] === 0); k++) voxels.values.set(values, k * size);
}

function lose({ voxels, settled }: Held, slice: number): void {
  const size = voxels.columns * voxels.rows;
  settled[slice] = 1;
  voxels.values.fill(voxels.outside, slice * size, (slice + 1) * size);
}

function answer(message: CutterAnswer): void {
  self.postMessage(message, { transfer: "values" in message ? [message.values.buffer as ArrayBuffer] : [] });
}
