// What a reader likes: at once from this browser, and kept for his account by `state/keeping.ts`, so that it is the same everywhere.
import { batch, effect, signal, type Signal } from "@preact/signals-core";
import { THEMES, type ThemeChoice } from "./themes";

/** Of what is kept for the account, in this browser. */
export const PREFIX = "filmless.kept.";
const UNSENT = "filmless.unsent";

interface Preference {
  readonly signal: Signal<unknown>;
  readonly otherwise: unknown;
  readonly isOne: (value: unknown) => boolean;
}

const preferences = new Map<string, Preference>();

/** Names of those that the server has not been told of yet. */
export const unsent = signal<ReadonlySet<string>>(new Set((remembered(UNSENT) as string[] | null) ?? []));
effect(() => remember(UNSENT, unsent.value.size > 0 ? [...unsent.value] : null));

/**
 * A preference of the account, as any JSON. What is kept and is none (of an older version, of another one's making)
 * counts for nothing: unless told otherwise, it must have the type of the default.
 */
export function kept<T>(name: string, otherwise: T, isOne = (value: unknown): boolean => typeof value === typeof otherwise): Signal<T> {
  const preference = signal(otherwise);
  preferences.set(name, { signal: preference as Signal<unknown>, otherwise, isOne });
  adopt(name, remembered(PREFIX + name));
  let before: T = preference.peek();
  effect(() => {
    if (preference.value === before) return;
    before = preference.value;
    // What was adopted is what is remembered: it came from the server.
    if (JSON.stringify(before) === JSON.stringify(remembered(PREFIX + name) ?? otherwise)) return;
    remember(PREFIX + name, before);
    unsent.value = new Set(unsent.peek()).add(name);
  });
  return preference;
}

/** Takes what the server keeps; null: nothing. */
export function adopt(name: string, value: unknown): void {
  remember(PREFIX + name, value);
  const preference = preferences.get(name);
  if (!preference) return;
  preference.signal.value = value !== null && preference.isOne(value) ? value : preference.otherwise;
}

/** Forgets what this browser knows: somebody else sits here. */
export function forgetAll(): void {
  batch(() => {
    for (const key of keysOf(PREFIX)) adopt(key.slice(PREFIX.length), null);
    unsent.value = new Set();
  });
}

/** JSON that this browser keeps; null where there is none, or where it may keep nothing, as in another site's frame. */
export function remembered(key: string): unknown {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "null");
  } catch {
    return null;
  }
}

export function remember(key: string, value: unknown): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // It lasts as long as the page.
  }
}

export function keysOf(prefix: string): readonly string[] {
  try {
    return Object.keys(localStorage).filter((key) => key.startsWith(prefix));
  } catch {
    return [];
  }
}

/** The column of series beside the pictures. */
export const sideList = kept("side-list", true);

/** Texts in the corners of a picture. */
export const cornerTexts = kept("corner-texts", true);

export const theme = kept<ThemeChoice>("theme", "dark", (value) => THEMES.includes(value as ThemeChoice));

/** Keys of a reader's own, by the name of the action; "": it has none. */
export const ownKeys = kept<Readonly<Record<string, string>>>("keys", {}, isTexts);

function isTexts(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.values(value).every((each) => typeof each === "string");
}
