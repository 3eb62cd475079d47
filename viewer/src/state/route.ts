// Where the page is: its address, changed without loading it anew.
import { signal } from "@preact/signals-core";

export const route = signal(new URL(location.href));

/** The study list as it was left: with what was looked for. */
export const listAddress = signal("/");

/** Opens another page of ours. */
export function go(address: string): void {
  history.pushState(null, "", address);
  arrive();
}

/** Corrects the address of this page; Back does not come here. */
export function replaceAddress(address: string): void {
  history.replaceState(null, "", address);
  arrive();
}

function arrive(): void {
  route.value = new URL(location.href);
}

/** Follows the browser's Back and Forward. Returns what ends that. */
export function bindRoute(): () => void {
  addEventListener("popstate", arrive);
  return () => removeEventListener("popstate", arrive);
}

export function viewerAddress(studyUids: readonly string[]): string {
  return `/viewer?StudyInstanceUIDs=${studyUids.map(encodeURIComponent).join(",")}`;
}

/** The studies an address asks for, by comma or by repeated parameters, each once. */
export function askedStudies(address: URL): readonly string[] {
  const values = address.searchParams.getAll("StudyInstanceUIDs").flatMap((value) => value.split(","));
  return [...new Set(values.map((value) => value.trim()).filter(Boolean))];
}
