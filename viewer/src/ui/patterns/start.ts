// The way into the page of test patterns: its texts, then the page.
import type { ComponentType } from "preact";
import { speakAlso, type Texts } from "../../i18n";
import { Patterns } from "./page";

const TEXTS: Texts = {
  vi: () => import("../../i18n/patterns.vi.json"),
  en: () => import("../../i18n/patterns.en.json"),
  fr: () => import("../../i18n/patterns.fr.json"),
};

export async function start(): Promise<ComponentType> {
  await speakAlso(TEXTS);
  return Patterns;
}
