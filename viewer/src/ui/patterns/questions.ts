// What is asked of each pattern, in the order in which they are shown.
import type { PatternName } from "../../geom/patterns";

export const QUESTIONS: readonly { readonly pattern: PatternName; readonly asked: readonly Question[] }[] = [
  { pattern: "smpte", asked: ["five", "ninety_five", "lines", "trails"] },
  { pattern: "tg18-qc", asked: ["patches", "ramps", "border"] },
  { pattern: "tg18-ad", asked: ["ambient"] },
  { pattern: "tg18-ct", asked: ["targets"] },
  { pattern: "tg18-unl", asked: ["even", "dead"] },
  { pattern: "tg18-ln", asked: ["steps", "bands"] },
];

export type Question =
  | "five"
  | "ninety_five"
  | "lines"
  | "trails"
  | "patches"
  | "ramps"
  | "border"
  | "ambient"
  | "targets"
  | "even"
  | "dead"
  | "steps"
  | "bands";
