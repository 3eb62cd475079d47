// Frames that come in passes: a low resolution of many first, then what is missing of each.
import type { FrameAttributes, SeriesDocument } from "./series";

/** Resolutions that are asked for, counted from 0: from the first up to, not including, the second. Null: the frame as it is stored. */
export type Levels = readonly [from: number, to: number] | null;

/** Pixels of the longer side that a low resolution has at least. */
const LOW_SIDE = 128;
/** Bytes of a frame that is fetched as a whole when it is the first: a low resolution would come hardly sooner. */
const FIRST_WHOLE = 256 << 10;

type Asked = Pick<SeriesDocument, "shared" | "per_frame">;

/** Where each resolution of a frame ends, in bytes; none: it comes as a whole only. */
export function resolutionEnds(document: Asked, index: number): readonly number[] {
  return valueOf(document, "resolution_ends", index) ?? [];
}

/** How many resolutions the low one is made of; 0: there is none below the frame itself. */
export function lowLevels(document: Asked, index: number): number {
  const ends = resolutionEnds(document, index);
  const side = Math.max(valueOf(document, "rows", index) ?? 0, valueOf(document, "columns", index) ?? 0);
  for (let level = 0; level < ends.length - 1; level++) if (side >> (ends.length - 1 - level) >= LOW_SIDE) return level + 1;
  return 0;
}

/** How the first frame of all is asked for, so that there is a picture soon. */
export function firstLevels(document: Asked, index: number): Levels {
  const ends = resolutionEnds(document, index);
  const low = lowLevels(document, index);
  if (ends.length === 0) return null;
  return low > 0 && ends.at(-1)! > FIRST_WHOLE ? [0, low] : [0, ends.length];
}

/** What is known of a frame under one name. */
export function valueOf<Key extends keyof FrameAttributes>({ shared, per_frame }: Asked, key: Key, index: number): FrameAttributes[Key] | undefined {
  return per_frame[key]?.[index] ?? shared[key];
}
