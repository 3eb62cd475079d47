// Two stores with a budget of bytes: one forgets what was not used for longest, the other what lies farthest away.
// The budget is asked for anew each time: it shrinks while others need more.

/** In bytes, as it is now. */
export type Budget = () => number;

export interface Lru<T> {
  get(index: number): T | undefined;
  has(index: number): boolean;
  set(index: number, value: T): void;
  /** The indices held. */
  indices(): Iterable<number>;
  bytes(): number;
  /** Forgets what the budget does not hold any more. */
  trim(): void;
  clear(): void;
}

/** Forgets the least recently used, but never the last one set. */
export function createLru<T>(budget: Budget, sizeOf: (value: T) => number): Lru<T> {
  const held = new Map<number, T>();
  let bytes = 0;

  const forget = (index: number): void => {
    const value = held.get(index);
    if (value === undefined) return;
    held.delete(index);
    bytes -= sizeOf(value);
  };
  const trim = (): void => {
    const most = budget();
    for (const oldest of held.keys()) {
      if (bytes <= most || held.size === 1) break;
      forget(oldest);
    }
  };
  return {
    get(index) {
      const value = held.get(index);
      if (value === undefined) return undefined;
      held.delete(index);
      held.set(index, value);
      return value;
    },
    has: (index) => held.has(index),
    set(index, value) {
      forget(index);
      held.set(index, value);
      bytes += sizeOf(value);
      trim();
    },
    indices: () => held.keys(),
    bytes: () => bytes,
    trim,
    clear() {
      held.clear();
      bytes = 0;
    },
  };
}

export interface NearStore {
  get(index: number): Uint8Array | undefined;
  has(index: number): boolean;
  /** Keeps the bytes; when that is too much, forgets what lies farthest from all of `centers`. */
  add(index: number, bytes: Uint8Array, centers: readonly number[]): void;
  count(): number;
  bytes(): number;
  /** How many frames the budget holds, going by the mean size of those held, and by how many it held when it was full. */
  capacity(): number;
  /** Forgets what the budget does not hold any more. */
  trim(centers: readonly number[]): void;
  clear(): void;
}

export function createNearStore(budget: Budget): NearStore {
  const held = new Map<number, Uint8Array>();
  let bytes = 0;
  let most = Number.POSITIVE_INFINITY;
  /** The budget that held no more than `most`. */
  let budgetOfMost = 0;

  const forget = (index: number): void => {
    bytes -= held.get(index)?.length ?? 0;
    held.delete(index);
  };
  const trim = (centers: readonly number[]): void => {
    const allowed = budget();
    while (bytes > allowed && held.size > 1) {
      forget(farthestFrom(centers, held.keys()));
      most = held.size;
      budgetOfMost = allowed;
    }
  };
  return {
    get: (index) => held.get(index),
    has: (index) => held.has(index),
    add(index, added, centers) {
      forget(index);
      held.set(index, added);
      bytes += added.length;
      trim(centers);
    },
    count: () => held.size,
    bytes: () => bytes,
    capacity() {
      if (bytes === 0) return Number.POSITIVE_INFINITY;
      const allowed = budget();
      const known = allowed > budgetOfMost ? Number.POSITIVE_INFINITY : most;
      return Math.max(1, Math.min(known, Math.floor((allowed * held.size) / bytes)));
    },
    trim,
    clear() {
      held.clear();
      bytes = 0;
    },
  };
}

function farthestFrom(centers: readonly number[], indices: Iterable<number>): number {
  let farthest = -1;
  let distance = -1;
  for (const index of indices) {
    const away = Math.min(...centers.map((center) => Math.abs(index - center)));
    if (away > distance) [farthest, distance] = [index, away];
  }
  return farthest;
}
