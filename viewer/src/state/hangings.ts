// The ways in which the study that is read can be laid out, one after the other.
import { signal } from "@preact/signals-core";
import type { Hanging } from "../net/api";
import { fetchHangings } from "../net/hanging";
import { hang, hangingName, studies } from "./reading";

interface Offered {
  readonly studyUid: string;
  readonly hangings: readonly Hanging[];
  readonly index: number;
}

/** Asked for when somebody first wants another one. */
export const offered = signal<Offered | null>(null);

/** Lays the study out by the hanging `by` places further. */
export async function stepHanging(by: number): Promise<void> {
  const known = await offeredNow();
  if (!known || known.hangings.length === 0) return;
  const { length } = known.hangings;
  // What was laid out by hand goes back to the one that the study opened with.
  const index = hangingName.peek() === "" ? 0 : (((known.index + by) % length) + length) % length;
  offered.value = { ...known, index };
  hang(known.hangings[index]!);
}

/** After a rule was kept or changed. */
export function forgetHangings(): void {
  offered.value = null;
}

async function offeredNow(): Promise<Offered | null> {
  const studyUid = studies.peek()[0]?.uid;
  if (studyUid === undefined) return null;
  const before = offered.peek();
  if (before?.studyUid === studyUid) return before;
  const answer = await fetchHangings(studyUid);
  return answer.ok ? { studyUid, hangings: answer.value, index: 0 } : null;
}
