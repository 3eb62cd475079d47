// What the study list says: the places of administrators say some of it too.
import type { Texts } from "../i18n";

export const LIST_TEXTS: Texts = {
  vi: () => import("../i18n/list.vi.json"),
  en: () => import("../i18n/list.en.json"),
  fr: () => import("../i18n/list.fr.json"),
};
