// Two stores with a budget of bytes: one forgets what was not used for longest, the other what lies farthest away.

export interface Lru<T> {
  get(index: number): T | undefined;
  has(index: number): boolean;
  set(index: number, value: T): void;
  /** The indices held. */
  indices(): Iterable<number>;
  clear(): void;
}

/** Forgets the least recently used, but never the last one set. */
export function createLru<T>(budget: number, sizeOf: (value: T) => number): Lru<T> {
  const held = new Map<number, T>();
  let bytes = 0;

  const forget = (index: number): void => {
    const value = held.get(index);
    if (value === undefined) return;
    held.delete(index);
    bytes -= sizeOf(value);
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
      for (const oldest of held.keys()) {
        if (bytes <= budget || oldest === index) break;
        forget(oldest);
      }
    },
    indices: () => held.keys(),
    clear() {
      held.clear();
      bytes = 0;
    },
  };
}

export interface NearStore {
  get(index: number): Uint8Array | undefined;
  has(index: number): boolean;
  /** Keeps the bytes; when that is too much, forgets what lies farthest from `center`. */
  add(index: number, bytes: Uint8Array, center: number): void;
  count(): number;
  /** How many frames the budget holds, going by the mean size of those held, and by how many it held when it was full. */
  capacity(): number;
  clear(): void;
}

export function createNearStore(budget: number): NearStore {
  const held = new Map<number, Uint8Array>();
  let bytes = 0;
  let most = Number.POSITIVE_INFINITY;

  const farthestFrom = (center: number): number => {
    let farthest = -1;
    for (const index of held.keys()) if (farthest < 0 || Math.abs(index - center) > Math.abs(farthest - center)) farthest = index;
    return farthest;
  };
  const forget = (index: number): void => {
    bytes -= held.get(index)?.length ?? 0;
    held.delete(index);
  };
  return {
    get: (index) => held.get(index),
    has: (index) => held.has(index),
    add(index, added, center) {
      forget(index);
      held.set(index, added);
      bytes += added.length;
      while (bytes > budget && held.size > 1) {
        forget(farthestFrom(center));
        most = held.size;
      }
    },
    count: () => held.size,
    capacity: () => (bytes === 0 ? Number.POSITIVE_INFINITY : Math.max(1, Math.min(most, Math.floor((budget * held.size) / bytes)))),
    clear() {
      held.clear();
      bytes = 0;
    },
  };
}
