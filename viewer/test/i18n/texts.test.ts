// The three languages say the same things, and all that the page says is there.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Language, Text } from "../../src/i18n";

type Texts = Readonly<Record<string, Text>>;

const FOLDER = join(import.meta.dirname, "../../src/i18n");

/** The files of a language: what every page says, then what a part of the page says. */
function filesOf(language: Language): readonly Texts[] {
  const names = readdirSync(FOLDER).filter((name) => name === `${language}.json` || name.endsWith(`.${language}.json`));
  return names.map((name) => JSON.parse(readFileSync(join(FOLDER, name), "utf8")) as Texts);
}

const textsOf = (language: Language): Texts => Object.assign({}, ...filesOf(language)) as Texts;

const en = textsOf("en");
const TEXTS: Readonly<Record<Language, Texts>> = { vi: textsOf("vi"), en, fr: textsOf("fr") };
const LANGUAGES = Object.keys(TEXTS) as Language[];
const SOURCE = join(import.meta.dirname, "../../src");

/** Plural forms every language here must give; French has a third, of millions, that falls back to "other". */
const FORMS: Readonly<Record<Language, readonly string[]>> = { vi: ["other"], en: ["one", "other"], fr: ["one", "other"] };

function formsOf(text: Text): Readonly<Record<string, string>> {
  return typeof text === "string" ? { other: text } : text;
}

function wordsIn(text: string): readonly string[] {
  return [...text.matchAll(/\{(\w+)\}/g)].map(([, word]) => word!).sort();
}

function sourceText(): string {
  const files = readdirSync(SOURCE, { recursive: true, encoding: "utf8" }).filter((name) => /\.tsx?$/.test(name));
  return files.map((name) => readFileSync(join(SOURCE, name), "utf8")).join("\n");
}

describe.each(LANGUAGES)("%s", (language) => {
  const texts = TEXTS[language];

  test("has exactly the keys of English", () => {
    expect(Object.keys(texts).sort()).toEqual(Object.keys(en).sort());
  });

  test("has no empty text and no stray space", () => {
    const bad = Object.entries(texts).filter(([, text]) => Object.values(formsOf(text)).some((form) => form.trim() === "" || form !== form.trim()));
    expect(bad).toEqual([]);
  });

  test("fills in the same words as English", () => {
    const english: Readonly<Record<string, Text>> = en;
    const wanted = Object.entries(english).map(([key, text]) => [key, wordsIn(formsOf(text)["other"]!)]);
    const found = Object.keys(english).map((key) => [key, wordsIn(formsOf(texts[key]!)["other"]!)]);
    expect(found).toEqual(wanted);
  });

  test("has the plural forms of its grammar", () => {
    const plurals = Object.entries(texts).filter(([, text]) => typeof text !== "string");
    expect(plurals.length).toBeGreaterThan(0);
    for (const [key, text] of plurals) expect([key, Object.keys(text).sort()]).toEqual([key, FORMS[language]]);
  });

  test("is written in NFC, as names are", () => {
    expect(JSON.stringify(texts)).toBe(JSON.stringify(texts).normalize("NFC"));
  });
});

test("a text is in one file only: what every page says, or what a part of it says", () => {
  const keys = filesOf("en").flatMap((texts) => Object.keys(texts));
  expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
});

test("every text is said somewhere", () => {
  const source = sourceText();
  const madeUp = [...source.matchAll(/`([a-z_]+\.[a-z_]*)\$\{/g)].map(([, prefix]) => prefix!);
  const unsaid = Object.keys(en).filter((key) => !source.includes(`"${key}"`) && !madeUp.some((prefix) => key.startsWith(prefix)));
  expect(unsaid).toEqual([]);
});

test("nothing is written into a component in one language", () => {
  const source = readdirSync(SOURCE, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".tsx"))
    .map((name) => readFileSync(join(SOURCE, name), "utf8"))
    .join("\n");
  const attributes = [...source.matchAll(/(?:aria-label|title|placeholder|alt)="([^"]+)"/g)].map(([, text]) => text);
  expect(attributes).toEqual([]);
});
