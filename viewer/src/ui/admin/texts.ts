// The texts of the administrator's place and of its forms.
import type { Texts } from "../../i18n";

export const ADMIN_TEXTS: Texts = {
  vi: () => import("../../i18n/admin.vi.json"),
  en: () => import("../../i18n/admin.en.json"),
  fr: () => import("../../i18n/admin.fr.json"),
};
