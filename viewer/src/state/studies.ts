// The study list: what is looked for, what was found so far, and which row is chosen.
import { batch, computed, effect, signal } from "@preact/signals-core";
import { fetchStudies, type Failed, type StudyPage, type StudyQuery, type StudySummary } from "../net/api";
import { EVERYTHING, filterFrom, parametersOf, queryOf, type Filter } from "./filter";
import { firstFilter, isEverything, savedFilters } from "./saved";
import { listAddress, route } from "./route";

/** Rows of one request. */
const PAGE = 100;
/** How often to look for what has arrived meanwhile. */
const REFRESH_MS = 15_000;
/** A pause in typing that means "look now". */
const PAUSE_MS = 120;

export const filter = signal<Filter>(EVERYTHING);

/** The answers of one search. */
export interface Found {
  /** How many match in all. */
  readonly total: number;
  /** By place in the list; what has not come yet is not there. */
  readonly rows: ReadonlyMap<number, StudySummary>;
}

/** Null until the first answer. It stays on screen while a newer search runs. */
export const found = signal<Found | null>(null);
export const searching = signal(false);
export const failure = signal<Failed | null>(null);
export const selected = signal(0);
/** How far the list is scrolled, in CSS px: Back comes to the same place. */
export const listTop = signal(0);

/** The search in force: an answer to any other is stale. */
const current = signal<{ readonly stop: AbortController; readonly asked: Set<number>; readonly filter: Filter } | null>(null);

/** Whether what was found answers what is asked now. Until then no row may be opened: it could be somebody else's. */
export const isSettled = computed(() => !searching.value && current.value?.filter === filter.value);

/** The list was opened before: who has cleared its filters since wants no first one. */
let hasBegun = false;

/** Searches whenever the filter changes, and tells it in the address. Returns what ends that. */
export function bindSearch(): () => void {
  const asked = askedFilter();
  // Who comes back finds the list as he left it: the same rows, the same place.
  if (isSame(asked, filter.peek()) && found.peek()) lookAgain();
  else filter.value = asked;
  hasBegun = true;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const unbind = effect(() => {
    const wanted = filter.value;
    clearTimeout(timer);
    if (current.peek()?.filter === wanted) return;
    timer = setTimeout(() => search(wanted), current.peek() ? PAUSE_MS : 0);
  });
  return () => {
    clearTimeout(timer);
    unbind();
  };
}

/** Looks from time to time for what has arrived meanwhile, while the top of the list is in sight. Returns what ends that. */
export function bindRefresh(): () => void {
  const timer = setInterval(() => {
    if (!document.hidden && listTop.peek() === 0 && found.peek() && !searching.peek()) void refresh();
  }, REFRESH_MS);
  return () => clearInterval(timer);
}

/** The first page anew; the chosen study stays chosen. A failure is left for the next question to meet. */
export async function refresh(): Promise<void> {
  const search = current.peek();
  if (!search) return;
  const answer = await fetchStudies(pageOf(search.filter, 0), search.stop.signal);
  if (!answer.ok || current.peek() !== search || listTop.peek() !== 0) return;
  const chosen = found.peek()?.rows.get(selected.peek())?.study_instance_uid;
  const { studies, total } = answer.value;
  search.asked.clear();
  search.asked.add(0);
  batch(() => {
    found.value = { total, rows: new Map(studies.entries()) };
    selected.value = Math.max(0, studies.findIndex(({ study_instance_uid }) => study_instance_uid === chosen));
  });
}

/** Asks anew for what is in sight, at the same place of the list: a study of it has gone, or is back. */
export function lookAgain(): void {
  const known = found.peek();
  if (!known || searching.peek()) return;
  // Of an empty list no row is in sight.
  if (known.total === 0) return searchAgain();
  current.peek()?.asked.clear();
  // Another object of the same rows: who shows them asks for what he shows.
  found.value = { ...known };
}

/** Looks again for the same, as after a failure. */
export function searchAgain(): void {
  search(filter.peek());
}

export function choose(index: number): void {
  const last = (found.peek()?.total ?? 0) - 1;
  selected.value = Math.max(0, Math.min(last, index));
}

/** Asks for those of the rows `first` to `last` that are neither here nor on their way. */
export function need(first: number, last: number): void {
  const search = current.peek();
  const known = found.peek();
  if (!search || !known || searching.peek()) return;
  const end = Math.min(last, known.total - 1);
  for (let page = Math.floor(first / PAGE); page * PAGE <= end; page += 1) {
    if (!search.asked.has(page)) void askPage(page);
  }
}

/** What the address says; of one that says nothing, what the reader wants to begin with, once. */
function askedFilter(): Filter {
  const asked = filterFrom(route.peek().searchParams);
  const first = savedFilters.peek().find(({ name }) => name === firstFilter.peek());
  if (hasBegun || !first || !isEverything(asked)) return asked;
  return filterFrom(new URLSearchParams(first.parameters));
}

function isSame(one: Filter, other: Filter): boolean {
  return parametersOf(one).toString() === parametersOf(other).toString();
}

function search(wanted: Filter): void {
  current.peek()?.stop.abort();
  current.value = { stop: new AbortController(), asked: new Set(), filter: wanted };
  searching.value = true;
  tellAddress(wanted);
  void askPage(0);
}

async function askPage(page: number): Promise<void> {
  const search = current.peek();
  if (!search) return;
  search.asked.add(page);
  const answer = await fetchStudies(pageOf(search.filter, page), search.stop.signal);
  if (current.peek() !== search) return;
  batch(() => {
    if (answer.ok) take(answer.value, page);
    else search.asked.delete(page);
    failure.value = answer.ok ? null : answer;
    searching.value = false;
  });
}

function pageOf(wanted: Filter, page: number): StudyQuery {
  return { ...queryOf(wanted, new Date()), offset: page * PAGE, limit: PAGE };
}

function take(answer: StudyPage, page: number): void {
  const isNew = searching.peek();
  const rows = new Map(isNew ? [] : (found.peek()?.rows ?? []));
  answer.studies.forEach((study, index) => rows.set(page * PAGE + index, study));
  found.value = { total: answer.total, rows };
  if (!isNew) return;
  selected.value = 0;
  listTop.value = 0;
}

function tellAddress(wanted: Filter): void {
  if (location.pathname !== "/") return;
  const parameters = parametersOf(wanted).toString();
  listAddress.value = parameters ? `/?${parameters}` : "/";
  history.replaceState(null, "", listAddress.value);
}
