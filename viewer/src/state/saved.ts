// What a reader keeps of the study list: filters by name, and the columns he wants.
import { signal } from "@preact/signals-core";
import { EVERYTHING, parametersOf, type Filter } from "./filter";
import { kept } from "./prefs";

export interface SavedFilter {
  readonly name: string;
  /** As the page's address has it. */
  readonly parameters: string;
}

export const savedFilters = kept<readonly SavedFilter[]>("filters", [], (value) => Array.isArray(value) && value.every(isSaved));
/** The name of the one that the list begins with; "": none. */
export const firstFilter = kept("first-filter", "");

function isSaved(value: unknown): boolean {
  const { name, parameters } = (value ?? {}) as Partial<SavedFilter>;
  return typeof name === "string" && typeof parameters === "string";
}

/** One of that name is replaced. */
export function saveFilter(name: string, filter: Filter): void {
  const saved = { name: name.trim().normalize("NFC"), parameters: parametersOf(filter).toString() };
  savedFilters.value = [...savedFilters.peek().filter((each) => each.name !== saved.name), saved].sort((one, other) => one.name.localeCompare(other.name));
}

export function deleteFilter(name: string): void {
  savedFilters.value = savedFilters.peek().filter((each) => each.name !== name);
  if (firstFilter.peek() === name) firstFilter.value = "";
}

export function isEverything(filter: Filter): boolean {
  return parametersOf(filter).toString() === parametersOf(EVERYTHING).toString();
}

export type Width = "narrow" | "usual" | "wide";

export interface ChosenColumn {
  readonly name: string;
  readonly width: Width;
}

/** In their order; []: all, as the window has room. */
export const chosenColumns = kept<readonly ChosenColumn[]>("columns", [], (value) => Array.isArray(value) && value.every(isColumn));

function isColumn(value: unknown): boolean {
  const { name, width } = (value ?? {}) as Partial<ChosenColumn>;
  return typeof name === "string" && (width === "narrow" || width === "usual" || width === "wide");
}

/** Study Instance UIDs to be opened together, in the order in which they were chosen. */
export const chosenStudies = signal<readonly string[]>([]);
/** What one page can read beside one another. */
export const MOST_CHOSEN = 8;

export function toggleChosen(uid: string): void {
  const all = chosenStudies.peek();
  chosenStudies.value = all.includes(uid) ? all.filter((each) => each !== uid) : [...all, uid].slice(-MOST_CHOSEN);
}
