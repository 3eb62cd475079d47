// Hanging rules, as the server keeps them: one's own, and everybody's.
import { fetchJson, type Answer, type Hanging, type PaneKind } from "./api";
import { send } from "./send";

/** What hangs in a pane; what is left out does not narrow it. */
export interface Selector {
  /** Of the most relevant earlier study. */
  readonly prior?: boolean;
  readonly modality?: string;
  /** Words that are all in the description or the protocol of the series. */
  readonly description?: string;
  readonly body_part?: string;
  readonly laterality?: string;
  readonly views?: readonly string[];
  /** Which of those that fit, from 1; 0: the first that hangs nowhere yet. */
  readonly position?: number;
  readonly kind?: PaneKind;
  readonly window?: { readonly center: number; readonly width: number } | null;
}

/** Which studies a rule is for. */
export interface HangingMatch {
  readonly modalities?: readonly string[];
  readonly body_parts?: readonly string[];
  readonly description?: string;
  readonly least_series?: number;
  readonly has_prior?: boolean | null;
}

export interface HangingRule {
  readonly match?: HangingMatch;
  /** 1 unless told, as the columns. */
  readonly rows?: number;
  readonly columns?: number;
  readonly panes?: readonly Selector[];
  readonly needs_all?: boolean;
  readonly linked?: boolean;
}

export interface NamedRule {
  readonly name: string;
  readonly rule: HangingRule;
}

export interface KeptRule extends NamedRule {
  readonly pk: number;
  readonly everybody: boolean;
}

export interface HangingRules {
  readonly rules: readonly KeptRule[];
  readonly built_in: readonly NamedRule[];
}

export interface NewRule extends NamedRule {
  readonly everybody: boolean;
  /** Among those of its owner, from 0. */
  readonly position?: number;
}

const PATH = "/api/hanging";

export function fetchHangingRules(signal?: AbortSignal): Promise<Answer<HangingRules>> {
  return fetchJson(PATH, signal);
}

/** All the ways to lay out a study, the one it opens with first. */
export function fetchHangings(studyUid: string): Promise<Answer<readonly Hanging[]>> {
  return fetchJson(`${PATH}/studies/${encodeURIComponent(studyUid)}`);
}

export function addHangingRule(rule: NewRule): Promise<Answer<unknown>> {
  return send("POST", PATH, rule);
}

export function changeHangingRule(pk: number, rule: NamedRule): Promise<Answer<unknown>> {
  return send("PUT", `${PATH}/${pk}`, rule);
}

export function removeHangingRule(pk: number): Promise<Answer<unknown>> {
  return send("DELETE", `${PATH}/${pk}`);
}

export function moveHangingRule(pk: number, position: number): Promise<Answer<unknown>> {
  return send("PUT", `${PATH}/${pk}/position`, { position });
}

/** How a rule would lay out a study; null: it is not for it. */
export function tryHangingRule(studyUid: string, rule: HangingRule): Promise<Answer<Hanging | null>> {
  return send("POST", `${PATH}/trial`, { study_instance_uid: studyUid, rule });
}
