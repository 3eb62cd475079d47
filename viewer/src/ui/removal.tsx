// The way to removing a study of the list. What does it is fetched when it is first asked for.
import { batch, signal } from "@preact/signals";
import type { ComponentType, JSX } from "preact";
import type { StudySummary } from "../net/api";
import { me } from "../state/session";
import { Later } from "./later";

/** The study whose removal is asked for, while that sheet is open. */
export const leaving = signal<StudySummary | null>(null);
const isNeeded = signal(false);

const load = async (): Promise<ComponentType> => (await import("./admin/administration")).startRemoval();

export function mayRemove(): boolean {
  return me.value?.role === "admin";
}

export function askRemoval(study: StudySummary): void {
  batch(() => {
    leaving.value = study;
    isNeeded.value = true;
  });
}

/** Where the sheet and the way back lie: the row of the study will be gone. */
export function RemovalPlace(): JSX.Element | null {
  return isNeeded.value && mayRemove() ? <Later load={load} /> : null;
}
