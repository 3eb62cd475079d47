// The texts of the reading room and of its rules.
import type { Texts } from "../i18n";

export const HANG_TEXTS: Texts = {
  vi: () => import("../i18n/hang.vi.json"),
  en: () => import("../i18n/hang.en.json"),
  fr: () => import("../i18n/hang.fr.json"),
};
