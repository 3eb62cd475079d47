// Screens that are looked at with test patterns, as the server keeps them. Times are ISO 8601, in UTC.
import type { PatternName } from "../geom/patterns";
import { fetchJson, type Answer } from "./api";
import { send } from "./send";

export type DisplayState = "passed" | "failed" | "overdue";

export interface Check {
  readonly author: string;
  readonly checked_at: string;
  /** Patterns that were not as they should be. */
  readonly failed: readonly PatternName[];
  readonly patterns: readonly PatternName[];
  readonly screen: ScreenFacts;
  readonly note: string;
}

export interface Workstation {
  readonly workstation: string;
  readonly state: DisplayState;
  readonly due_at: string;
  readonly last: Check;
}

/** In pixels of the screen. */
export interface ScreenFacts {
  readonly width: number;
  readonly height: number;
  readonly pixel_ratio: number;
  readonly colour_depth: number;
}

export interface PatternAnswers {
  readonly pattern: PatternName;
  /** By the name of the question; true: as it should be. */
  readonly answers: Readonly<Record<string, boolean>>;
}

export function fetchDisplays(signal?: AbortSignal): Promise<Answer<readonly Workstation[]>> {
  return fetchJson("/api/displays", signal);
}

export function recordCheck(workstation: string, patterns: readonly PatternAnswers[], screen: ScreenFacts, note: string): Promise<Answer<Workstation>> {
  return send("POST", "/api/displays", { workstation, patterns, screen, note });
}

export function forgetDisplay(workstation: string): Promise<Answer<unknown>> {
  return send("DELETE", `/api/displays?${new URLSearchParams({ workstation })}`);
}
