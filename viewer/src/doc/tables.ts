// What in a report is a table: containers that say the same things one after the other (dose events, measurement groups).
import type { Item } from "../net/objects";

export interface Cell {
  readonly items: readonly Item[];
}

export interface Row {
  readonly container: Item;
  /** In the order of the columns; null where it says nothing of it. */
  readonly cells: readonly (Cell | null)[];
  /** What is in it that fits no column. */
  readonly rest: readonly Item[];
}

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

export type Block = { readonly kind: "item"; readonly item: Item } | { readonly kind: "table"; readonly table: Table };

/** Fewer containers alike are read as they are. */
const LEAST_ROWS = 2;
const LEAST_COLUMNS = 2;
/** What has a value of its own, and so a place in a column. */
const VALUES = ["TEXT", "NUM", "CODE", "PNAME", "DATE", "TIME", "DATETIME", "UIDREF"];

/** The children of an item in their order; containers of one concept that follow each other become a table. */
export function blocksOf(items: readonly Item[]): readonly Block[] {
  const blocks: Block[] = [];
  for (const run of runsOf(items)) {
    const table = run.length >= LEAST_ROWS ? tableOf(run) : null;
    if (table) blocks.push({ kind: "table", table });
    else blocks.push(...run.map((item): Block => ({ kind: "item", item })));
  }
  return blocks;
}

function runsOf(items: readonly Item[]): readonly (readonly Item[])[] {
  const runs: Item[][] = [];
  for (const item of items) {
    const last = runs.at(-1);
    if (last && isAlike(last[0]!, item)) last.push(item);
    else runs.push([item]);
  }
  return runs;
}

function isAlike(one: Item, other: Item): boolean {
  return one.kind === "CONTAINER" && other.kind === "CONTAINER" && one.concept !== undefined && nameOf(one) === nameOf(other);
}

function tableOf(run: readonly Item[]): Table | null {
  const columns = [...new Set(run.flatMap((container) => valuesOf(container).map(nameOf)))];
  if (columns.length < LEAST_COLUMNS) return null;
  return { title: nameOf(run[0]!), columns, rows: run.map((container) => rowOf(container, columns)) };
}

function rowOf(container: Item, columns: readonly string[]): Row {
  const values = valuesOf(container);
  const cells = columns.map((column) => {
    const items = values.filter((item) => nameOf(item) === column);
    return items.length > 0 ? { items } : null;
  });
  return { container, cells, rest: (container.children ?? []).filter((item) => !values.includes(item)) };
}

function valuesOf({ children = [] }: Item): readonly Item[] {
  return children.filter(({ kind }) => VALUES.includes(kind));
}

export function nameOf({ concept }: Item): string {
  return concept?.meaning ?? "";
}
