// Which rows of a long list are in sight. One row may be opened and is then taller. Pure.

export interface Rows {
  readonly count: number;
  /** CSS px. */
  readonly heightPx: number;
  /** The opened row; -1: none. */
  readonly opened: number;
  /** How much taller the opened one is, CSS px. */
  readonly openedPx: number;
}

/** Rows are drawn by blocks, with one more beyond each edge: what is drawn changes once in so many rows of scrolling. */
const BLOCK = 8;

export function totalPx({ count, heightPx, opened, openedPx }: Rows): number {
  return count * heightPx + (opened >= 0 && opened < count ? openedPx : 0);
}

export function topOf({ heightPx, opened, openedPx }: Rows, index: number): number {
  return index * heightPx + (opened >= 0 && index > opened ? openedPx : 0);
}

/** The first row to draw. */
export function firstInSight({ count, heightPx, openedPx }: Rows, scrollTopPx: number): number {
  const block = Math.floor((scrollTopPx - openedPx) / heightPx / BLOCK) - 1;
  return clamp(block * BLOCK, count);
}

/** The row after the last to draw. */
export function endOfSight({ count, heightPx }: Rows, scrollTopPx: number, viewPx: number): number {
  const block = Math.ceil((scrollTopPx + viewPx) / heightPx / BLOCK) + 1;
  return clamp(block * BLOCK, count);
}

/** Where to scroll so that row `index` is wholly in sight, moving as little as needed. */
export function scrolledTo(rows: Rows, index: number, scrollTopPx: number, viewPx: number): number {
  const top = topOf(rows, index);
  const bottom = top + rows.heightPx + (index === rows.opened ? rows.openedPx : 0);
  if (top < scrollTopPx) return top;
  return bottom > scrollTopPx + viewPx ? bottom - viewPx : scrollTopPx;
}

function clamp(index: number, count: number): number {
  return Math.max(0, Math.min(index, count));
}
