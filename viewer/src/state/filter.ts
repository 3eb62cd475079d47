// What is looked for in the study list, and how that is written in the page's address.
import { daOf } from "../i18n/format";
import type { StudyQuery } from "../net/api";

export type Span = "today" | "week" | "month" | "all" | "range";

export interface Filter {
  readonly words: string;
  /** Defined terms of Modality (0008,0060); none: all. */
  readonly modalities: readonly string[];
  readonly span: Span;
  /** DA values, for the span "range" only; "" leaves that end open. */
  readonly from: string;
  readonly to: string;
}

export const EVERYTHING: Filter = { words: "", modalities: [], span: "all", from: "", to: "" };

const DAYS_BACK: Readonly<Partial<Record<Span, number>>> = { today: 0, week: 6, month: 29 };

/** The first and the last day meant, as DA; "" where there is no bound. */
export function boundsOf({ span, from, to }: Filter, today: Date): { readonly from: string; readonly to: string } {
  if (span === "range") return { from, to };
  const back = DAYS_BACK[span];
  if (back === undefined) return { from: "", to: "" };
  const first = new Date(today.getFullYear(), today.getMonth(), today.getDate() - back);
  return { from: daOf(first), to: span === "today" ? daOf(today) : "" };
}

export function queryOf(filter: Filter, today: Date): StudyQuery {
  const { from, to } = boundsOf(filter, today);
  return { q: filter.words.trim().normalize("NFC"), modality: filter.modalities.join(","), from, to };
}

export function isNarrowed({ modalities, span }: Filter): boolean {
  return modalities.length > 0 || span !== "all";
}

const SPANS: readonly string[] = ["today", "week", "month", "range"];

/** The filter as the parameters of the page's address. */
export function parametersOf(filter: Filter): URLSearchParams {
  const said = Object.entries({
    q: filter.words,
    modality: filter.modalities.join(","),
    date: filter.span === "all" ? "" : filter.span,
    from: filter.span === "range" ? filter.from : "",
    to: filter.span === "range" ? filter.to : "",
  }).filter(([, value]) => value !== "");
  return new URLSearchParams(said);
}

export function filterFrom(parameters: URLSearchParams): Filter {
  const said = (name: string): string => parameters.get(name) ?? "";
  const span = said("date");
  return {
    words: said("q"),
    modalities: said("modality").split(",").filter(Boolean),
    span: SPANS.includes(span) ? (span as Span) : "all",
    from: said("from"),
    to: said("to"),
  };
}
