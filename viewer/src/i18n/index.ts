// What the page says, in the reader's language: vi, en or fr. A text is added in all three files; a test compares them.
import { signal } from "@preact/signals-core";
import type english from "./en.json";
import type englishAdmin from "./admin.en.json";
import type englishHang from "./hang.en.json";
import type englishKept from "./kept.en.json";
import type englishList from "./list.en.json";
import type englishMeasure from "./measure.en.json";
import type englishObjects from "./objects.en.json";
import type englishPatterns from "./patterns.en.json";
import type englishScreen from "./screen.en.json";
import type englishShell from "./shell.en.json";
import type englishSpace from "./space.en.json";
import type englishUpload from "./upload.en.json";

export type Language = "vi" | "en" | "fr";
export type Key =
  | keyof typeof english
  | keyof typeof englishAdmin
  | keyof typeof englishHang
  | keyof typeof englishKept
  | keyof typeof englishList
  | keyof typeof englishMeasure
  | keyof typeof englishObjects
  | keyof typeof englishPatterns
  | keyof typeof englishScreen
  | keyof typeof englishShell
  | keyof typeof englishSpace
  | keyof typeof englishUpload;
/** A text, or one for each plural form the language has (CLDR: "one", "other"). */
export type Text = string | Readonly<Record<string, string>>;
export type Values = Readonly<Record<string, string | number>>;

/** Each language by its own name. */
export const LANGUAGES: Readonly<Record<Language, string>> = { vi: "Tiếng Việt", en: "English", fr: "Français" };

const KEPT_UNDER = "filmless.language";

export const language = signal<Language>("en");
const texts = signal<Readonly<Record<string, Text>>>({});

/** What fetches the texts of a part of the page in each language. */
export type Texts = Readonly<Record<Language, () => Promise<{ default: Readonly<Record<string, Text>> }>>>;

/** The parts of the page that have been opened: all speak the same language. */
const opened: Texts[] = [{ vi: () => import("./vi.json"), en: () => import("./en.json"), fr: () => import("./fr.json") }];

function isLanguage(word: string | null): word is Language {
  return word !== null && word in LANGUAGES;
}

/** The reader's last choice, else the first language of the browser that we speak, else English. */
export function preferred(kept: string | null, browser: readonly string[]): Language {
  if (isLanguage(kept)) return kept;
  const spoken = browser.map((tag) => tag.slice(0, 2).toLowerCase());
  return spoken.find(isLanguage) ?? "en";
}

/** The page speaks `wanted` once this resolves. */
export async function speak(wanted: Language): Promise<void> {
  const { length } = opened;
  const loaded = await Promise.all(opened.map((part) => part[wanted]()));
  // A part was opened meanwhile: it must not stay without words.
  if (opened.length > length) return speak(wanted);
  texts.value = Object.assign({}, ...loaded.map((part) => part.default));
  language.value = wanted;
  if (typeof document !== "undefined") document.documentElement.lang = wanted;
}

/** A part of the page that is not always needed has its texts too once this resolves. */
export async function speakAlso(part: Texts): Promise<void> {
  if (!opened.includes(part)) opened.push(part);
  const wanted = language.peek();
  const { default: added } = await part[wanted]();
  // Where another language was chosen meanwhile, all parts are said in that one.
  if (language.peek() !== wanted) return speak(language.peek());
  texts.value = { ...texts.peek(), ...added };
}

export function speakPreferred(): Promise<void> {
  return speak(preferred(localStorage.getItem(KEPT_UNDER), navigator.languages));
}

/** The reader chose a language: it is kept in this browser. */
export function choose(wanted: Language): Promise<void> {
  localStorage.setItem(KEPT_UNDER, wanted);
  return speak(wanted);
}

/** The text of `key` with its `{words}` filled in; `n` also chooses the plural form and is written the language's way. */
export function t(key: Key, values: Values = {}): string {
  const text = texts.value[key] ?? "";
  const { n } = values;
  const form = typeof text === "string" ? text : (text[pluralForm(n)] ?? text["other"] ?? "");
  return form.replace(/\{(\w+)\}/g, (_, word: string) => written(values[word]));
}

function pluralForm(n: string | number | undefined): string {
  return new Intl.PluralRules(language.value).select(Number(n ?? 0));
}

function written(value: string | number | undefined): string {
  return typeof value === "number" ? numberText(value) : (value ?? "");
}

/** A count as the language writes it: 1.234 in vi, 1 234 in fr. */
export function numberText(value: number): string {
  return new Intl.NumberFormat(language.value).format(value);
}

/** A share of 0 to 1, in whole per cent. */
export function percentText(share: number): string {
  return new Intl.NumberFormat(language.value, { style: "percent", maximumFractionDigits: 0 }).format(share);
}

/** A measured value: the language's decimal sign, and no grouping, so that 1.500 is never taken for one and a half. */
export function measureText(value: number, decimals: number): string {
  return new Intl.NumberFormat(language.value, {
    useGrouping: false,
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  }).format(value);
}
