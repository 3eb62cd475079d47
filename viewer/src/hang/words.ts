// A rule in words, before it is kept and where it is listed.
import { numberText, t, type Key } from "../i18n";
import { windowText } from "../i18n/format";
import type { HangingMatch, Selector } from "../net/hanging";

/** The name of a rule; those that are built in are called in the reader's language. */
export function ruleName(name: string): string {
  return name.startsWith(":") ? t(`hang.rule_${name.slice(1)}` as Key) : name;
}

/** Which studies it is for. */
export function matchWords({ modalities, body_parts, description, least_series, has_prior }: HangingMatch): string {
  const said = [
    modalities?.join(", ") ?? "",
    body_parts?.join(", ") ?? "",
    description ? `“${description}”` : "",
    least_series ? t("hang.least_series", { n: least_series }) : "",
    has_prior === true ? t("hang.with_prior") : "",
    has_prior === false ? t("hang.without_prior") : "",
  ];
  return said.filter(Boolean).join(" · ") || t("hang.every_study");
}

/** What hangs in one pane. */
export function selectorWords({ prior, modality, description, body_part, laterality, views, position, kind, window }: Selector): string {
  const said = [
    prior ? t("hang.of_prior") : "",
    modality ?? "",
    description ? `“${description}”` : "",
    body_part ?? "",
    laterality ?? "",
    views?.join("/") ?? "",
    position ? t("hang.nth", { n: numberText(position) }) : "",
    kind && kind !== "stack" ? t(`hang.kind_${kind}`) : "",
    window ? t("corner.window", { center: windowText(window.center), width: windowText(window.width) }) : "",
  ];
  return said.filter(Boolean).join(" · ") || t("hang.any_series");
}
