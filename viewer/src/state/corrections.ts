// Corrections: what was found wrong in a study's text, and what was decided.
import { signal } from "@preact/signals-core";
import { fetchCorrections, type Correction, type CorrectionAction, type CorrectionState } from "../net/admin";
import { fresh } from "./fresh";

export const shownCorrections = signal<CorrectionState>("suggested");
export const corrections = fresh((stop) => fetchCorrections(shownCorrections.peek(), stop));

export function showCorrections(state: CorrectionState): void {
  if (shownCorrections.peek() !== state) corrections.forget();
  shownCorrections.value = state;
  void corrections.ask();
}

const OFFERED: Readonly<Record<CorrectionState, readonly CorrectionAction[]>> = {
  suggested: ["apply", "dismiss"],
  applied: ["revoke"],
  dismissed: ["apply"],
  revoked: ["apply"],
};

export function decisionsFor({ state }: Pick<Correction, "state">): readonly CorrectionAction[] {
  return OFFERED[state];
}
