// Long lists by pages.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { numberText, t } from "../../i18n";
import { Icon } from "../icons";

interface PagerProps {
  /** Index of the first row shown. */
  readonly from: number;
  readonly size: number;
  readonly total: number;
  readonly turn: (from: number) => void;
}

/** Nothing where all fits on one page. */
export function Pager({ from, size, total, turn }: PagerProps): JSX.Element | null {
  if (total <= size) return null;
  const end = Math.min(total, from + size);
  return (
    <nav class="pager" aria-label={t("pager.pages")}>
      <PageButton name={t("pager.previous")} icon="back" can={from > 0} run={() => turn(from - size)} />
      <span class="numbers">{t("pager.shown", { from: numberText(from + 1), to: numberText(end), total: numberText(total) })}</span>
      <PageButton name={t("pager.next")} icon="forward" can={end < total} run={() => turn(from + size)} />
    </nav>
  );
}

interface PageButtonProps {
  readonly name: string;
  readonly icon: "back" | "forward";
  readonly can: boolean;
  readonly run: () => void;
}

/** Stays in the order of focus at either end: whoever turns pages with it does not lose his place. */
function PageButton({ name, icon, can, run }: PageButtonProps): JSX.Element {
  return (
    <button type="button" class="button framed" aria-label={name} title={name} aria-disabled={!can} onClick={() => can && run()}>
      <Icon name={icon} />
    </button>
  );
}

const ROWS = 50;

/** The rows of a list that is here as a whole, by pages. */
export function usePages<T>(rows: readonly T[]): { readonly shown: readonly T[]; readonly pager: JSX.Element | null } {
  const [asked, setAsked] = useState(0);
  const lastPage = Math.max(0, Math.ceil(rows.length / ROWS) - 1) * ROWS;
  const from = Math.max(0, Math.min(asked, lastPage));
  return { shown: rows.slice(from, from + ROWS), pager: <Pager from={from} size={ROWS} total={rows.length} turn={setAsked} /> };
}
