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

/** Rows drawn beyond the edges, so that a quick scroll meets no gap. */
const OVERSCAN = 8;

export function totalPx({ count, heightPx, opened, openedPx }: Rows): number {
  return count * heightPx + (opened >= 0 && opened < count ? openedPx : 0);
}

export function topOf({ heightPx, opened, openedPx }: Rows, index: number): number {
  return index * heightPx + (opened >= 0 && index > opened ? openedPx : 0);
}

/** The first row to draw and the one after the last. */
export function inSight(rows: Rows, scrollTopPx: number, viewPx: number): { readonly first: number; readonly end: number } {
  const { count, heightPx, openedPx } = rows;
  const first = Math.floor((scrollTopPx - openedPx) / heightPx) - OVERSCAN;
  const end = Math.ceil((scrollTopPx + viewPx) / heightPx) + OVERSCAN;
  return { first: Math.max(0, Math.min(first, count)), end: Math.max(0, Math.min(end, count)) };
}

/** Where to scroll so that row `index` is wholly in sight, moving as little as needed. */
export function scrolledTo(rows: Rows, index: number, scrollTopPx: number, viewPx: number): number {
  const top = topOf(rows, index);
  const bottom = top + rows.heightPx + (index === rows.opened ? rows.openedPx : 0);
  if (top < scrollTopPx) return top;
  return bottom > scrollTopPx + viewPx ? bottom - viewPx : scrollTopPx;
}
