// A part of a page: its heading, what can be done, and what is listed, once it is here.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { t } from "../../i18n";
import type { Fresh } from "../../state/fresh";
import { FailureNotice } from "../notice";
import { problemText } from "./act";

interface SectionProps {
  readonly title: string;
  readonly hint?: string;
  /** Beside the heading. */
  readonly actions?: ComponentChildren;
  readonly class?: string;
  readonly children: ComponentChildren;
}

export function Section({ title, hint, actions, children, ...rest }: SectionProps): JSX.Element {
  return (
    <section class={`admin-section ${rest.class ?? ""}`} aria-label={title}>
      <header>
        <h2>{title}</h2>
        {actions}
      </header>
      {hint !== undefined && <p class="admin-hint">{hint}</p>}
      {children}
    </section>
  );
}

interface ListedProps<T> {
  readonly of: Fresh<T>;
  readonly children: (value: T) => JSX.Element;
}

/** What is listed; before it has come a word, and when a newer answer fails a line above what is known. */
export function Listed<T>({ of, children }: ListedProps<T>): JSX.Element {
  const value = of.value.value;
  const failed = of.failure.value;
  if (value === null) {
    if (failed) return <FailureNotice failed={failed} retry={() => void of.ask()} />;
    return <p class="admin-hint">{t("loading")}</p>;
  }
  return (
    <>
      {failed && (
        <p class="problem" role="status">
          {problemText(failed)}
        </p>
      )}
      {children(value)}
    </>
  );
}

interface RowListProps {
  readonly name: string;
  /** What the rows are made of: when it changes, some may be gone. */
  readonly of: readonly unknown[];
  readonly class?: string;
  readonly children: ComponentChildren;
}

export function RowList({ name, of, children, ...rest }: RowListProps): JSX.Element {
  const list = useRef<HTMLUListElement>(null);
  useKeptFocus(list, of);
  return (
    <ul ref={list} class={`admin-list ${rest.class ?? ""}`} tabIndex={-1} aria-label={name} onKeyDown={moveThroughRows}>
      {children}
    </ul>
  );
}

/** A row that had the focus may be gone when the list is refreshed: then the list has it, and not the top of the page. */
function useKeptFocus(list: { readonly current: HTMLElement | null }, rows: readonly unknown[]): void {
  const wasInside = useRef(false);
  useLayoutEffect(() => {
    if (wasInside.current && document.activeElement === document.body) list.current?.focus({ preventScroll: true });
  }, [rows]);
  useEffect(() => {
    const note = (): void => {
      wasInside.current = list.current?.contains(document.activeElement) ?? false;
    };
    document.addEventListener("focusin", note);
    return () => document.removeEventListener("focusin", note);
  }, []);
}

/** The arrows move through what leads on from each row: its first link or button. */
export function moveThroughRows(event: KeyboardEvent): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const focused = document.activeElement;
  if (step === undefined || !(focused instanceof HTMLAnchorElement || focused instanceof HTMLButtonElement)) return;
  const rows = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>("[data-row]")];
  const at = rows.findIndex((row) => row.contains(focused));
  const next = rows[at + step]?.querySelector<HTMLElement>("a, button");
  if (at < 0 || !next) return;
  event.preventDefault();
  next.focus();
}
