// Hanging rules as an administrator edits them, and what a form says of one.
import { fetchHangingRules, type HangingMatch, type HangingRule, type NamedRule, type Selector } from "../net/hanging";
import { said, saidList } from "./form";
import { fresh } from "./fresh";

export const hangingRules = fresh(fetchHangingRules);

export const LATERALITIES = ["", "R", "L", "B"] as const;
export const KINDS = ["stack", "axial", "coronal", "sagittal", "oblique"] as const;

/** What a form says of a rule of so many panes. The fields of a pane have its number behind their names. */
export function ruleOf(form: FormData): NamedRule {
  const rows = numberOf(form, "rows") ?? 1;
  const columns = numberOf(form, "columns") ?? 1;
  const panes = Array.from({ length: rows * columns }, (_, index) => selectorOf(form, index));
  const rule: HangingRule = { match: matchOf(form), rows, columns, panes, needs_all: form.has("needs_all"), linked: form.has("linked") };
  return { name: said(form, "name"), rule };
}

function matchOf(form: FormData): HangingMatch {
  const prior = said(form, "has_prior");
  return {
    modalities: saidList(form, "modalities"),
    body_parts: saidList(form, "body_parts"),
    description: said(form, "description"),
    least_series: numberOf(form, "least_series") ?? 0,
    has_prior: prior === "" ? null : prior === "yes",
  };
}

function selectorOf(form: FormData, index: number): Selector {
  const of = (name: string): string => `${name}${index}`;
  const [center, width] = [numberOf(form, of("center")), numberOf(form, of("width"))];
  return {
    prior: form.has(of("prior")),
    modality: said(form, of("modality")).toUpperCase(),
    description: said(form, of("words")),
    body_part: said(form, of("part")),
    laterality: said(form, of("side")),
    views: saidList(form, of("views")),
    position: numberOf(form, of("position")) ?? 0,
    kind: KINDS.find((each) => each === said(form, of("kind"))) ?? "stack",
    window: center !== null && width !== null ? { center, width } : null,
  };
}

function numberOf(form: FormData, name: string): number | null {
  const text = said(form, name);
  return text === "" || Number.isNaN(Number(text)) ? null : Number(text);
}
