// The way into the administrator's place: its texts, then its page.
import type { ComponentType } from "preact";
import { speakAlso, type Texts } from "../../i18n";
import { Admin } from "./admin";

const TEXTS: Texts = {
  vi: () => import("../../i18n/admin.vi.json"),
  en: () => import("../../i18n/admin.en.json"),
  fr: () => import("../../i18n/admin.fr.json"),
};

export async function start(): Promise<ComponentType> {
  await speakAlso(TEXTS);
  return Admin;
}
