// What stands around the pictures besides the tools: the keys, and the ways out of the page.
import { speakAlso } from "../i18n";
import { toggleSheet } from "../state/sheets";
import { action } from "../ui/actions";
import { ExportPlace } from "../ui/exportimage";
import { HelpPlace } from "../ui/help";
import { LIST_TEXTS } from "../ui/listtexts";
import { PrintPlace } from "../ui/printing";
import type { Part } from "../ui/parts";
import { activeViewport } from "../tools/viewports";

export const shell: Part = {
  texts: {
    vi: () => import("../i18n/shell.vi.json"),
    en: () => import("../i18n/shell.en.json"),
    fr: () => import("../i18n/shell.fr.json"),
  },
  actions: [
    action("page", "print", "document", "ctrl+p", () => toggleSheet("print"), { isOffered: hasPicture }),
    action("page", "export", "download", "ctrl+s", () => toggleSheet("export"), { isOffered: hasPicture }),
  ],
  places: [HelpPlace, PrintPlace, ExportPlace],
  start: () => void speakAlso(LIST_TEXTS),
};

function hasPicture(): boolean {
  return (activeViewport.value?.shown.value ?? -1) >= 0;
}
