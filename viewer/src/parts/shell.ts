// What stands around the pictures besides the tools: the keys.
import { speakAlso } from "../i18n";
import { HelpPlace } from "../ui/help";
import { LIST_TEXTS } from "../ui/listtexts";
import type { Part } from "../ui/parts";

export const shell: Part = {
  texts: {
    vi: () => import("../i18n/shell.vi.json"),
    en: () => import("../i18n/shell.en.json"),
    fr: () => import("../i18n/shell.fr.json"),
  },
  places: [HelpPlace],
  start: () => void speakAlso(LIST_TEXTS),
};
