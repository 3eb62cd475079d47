// How many panes: a field of cells, of which one drags over as many as there are to be; the arrows do the same.
import type { JSX } from "preact";
import { batch, signal } from "@preact/signals-core";
import { useLayoutEffect, useRef } from "preact/hooks";
import { t } from "../i18n";
import { fillPanes } from "../state/layout";
import { grid, hangingName, MOST_COLUMNS, MOST_ROWS, setGrid, type Grid } from "../state/reading";

export const chooserOpen = signal(false);

/** The grid that would be chosen now. */
const pointed = signal<Grid>({ rows: 1, columns: 1 });

/** Those that most people want, in the order a key goes through them. */
const USUAL: readonly Grid[] = [
  { rows: 1, columns: 1 },
  { rows: 1, columns: 2 },
  { rows: 2, columns: 2 },
  { rows: 2, columns: 3 },
];

export function nextGrid(): void {
  const { rows, columns } = grid.peek();
  const at = USUAL.findIndex((each) => each.rows === rows && each.columns === columns);
  layOut(USUAL[(at + 1) % USUAL.length]!);
}

/** A grid that somebody chose: what is empty in it is filled. */
function layOut(wanted: Grid): void {
  batch(() => {
    setGrid(wanted);
    fillPanes();
    hangingName.value = "";
  });
}

const ROWS = Array.from({ length: MOST_ROWS }, (_, index) => index + 1);
const COLUMNS = Array.from({ length: MOST_COLUMNS }, (_, index) => index + 1);
const STEPS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowDown: [1, 0],
  ArrowUp: [-1, 0],
  ArrowRight: [0, 1],
  ArrowLeft: [0, -1],
};

export function GridChooser(): JSX.Element | null {
  return chooserOpen.value ? <Chooser /> : null;
}

function Chooser(): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const wanted = pointed.value;

  useLayoutEffect(() => {
    pointed.value = grid.peek();
    const before = document.activeElement;
    dialog.current!.showModal();
    return () => before instanceof HTMLElement && before.focus();
  }, []);
  useLayoutEffect(() => cellOf(dialog.current!, wanted)?.focus(), [wanted]);

  const close = (): void => void (chooserOpen.value = false);
  const choose = (chosen: Grid): void => {
    layOut(chosen);
    close();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    event.stopPropagation();
    const step = STEPS[event.key];
    if (!step && event.key !== "Enter") return;
    event.preventDefault();
    const { rows, columns } = pointed.peek();
    if (!step) return choose(pointed.peek());
    pointed.value = { rows: within(rows + step[0], MOST_ROWS), columns: within(columns + step[1], MOST_COLUMNS) };
  };
  // A finger that drags keeps its first target: what lies under it is asked for.
  const onPointerMove = ({ clientX, clientY }: PointerEvent): void => {
    const under = gridOf(document.elementFromPoint(clientX, clientY));
    if (under && !isSame(under, pointed.peek())) pointed.value = under;
  };
  const onPointerUp = ({ clientX, clientY }: PointerEvent): void => {
    const under = gridOf(document.elementFromPoint(clientX, clientY));
    if (under) choose(under);
  };
  return (
    <dialog
      ref={dialog}
      class="grid-chooser"
      aria-label={t("action.grid")}
      onKeyDown={onKeyDown}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onClick={(event) => event.target === dialog.current && close()}
    >
      <p class="numbers" aria-live="polite">
        {t("hang.grid", { rows: wanted.rows, columns: wanted.columns })}
      </p>
      <div class="grid-cells" onPointerMove={onPointerMove} onPointerUp={onPointerUp}>
        {ROWS.flatMap((rows) =>
          COLUMNS.map((columns) => (
            <button
              key={`${rows} ${columns}`}
              type="button"
              class={rows <= wanted.rows && columns <= wanted.columns ? "chosen" : ""}
              data-grid={`${rows} ${columns}`}
              aria-label={t("hang.grid", { rows, columns })}
              tabIndex={isSame(wanted, { rows, columns }) ? 0 : -1}
              onClick={(event) => event.detail === 0 && choose({ rows, columns })}
            />
          )),
        )}
      </div>
    </dialog>
  );
}

function within(value: number, most: number): number {
  return Math.min(most, Math.max(1, value));
}

function isSame(one: Grid, other: Grid): boolean {
  return one.rows === other.rows && one.columns === other.columns;
}

function gridOf(element: Element | null): Grid | null {
  const [rows, columns] = element?.closest<HTMLElement>("[data-grid]")?.dataset["grid"]?.split(" ").map(Number) ?? [];
  return rows && columns ? { rows, columns } : null;
}

function cellOf(root: HTMLElement, { rows, columns }: Grid): HTMLElement | null {
  return root.querySelector(`[data-grid="${rows} ${columns}"]`);
}
