// The honest screen: what is to be known of a picture and of the screen it is on, and what a thumb opens.
import { action } from "../ui/actions";
import { DisplayDue } from "../ui/displaydue";
import { MirroredMark, OtherPatient, ScreenMark, WarningMark } from "../ui/marks";
import { MoreSheets } from "../ui/moresheets";
import type { Part } from "../ui/parts";
import { go } from "../state/route";

export const screen: Part = {
  texts: {
    vi: () => import("../i18n/screen.vi.json"),
    en: () => import("../i18n/screen.en.json"),
    fr: () => import("../i18n/screen.fr.json"),
  },
  marks: [ScreenMark, MirroredMark, WarningMark],
  layers: [OtherPatient],
  places: [MoreSheets, DisplayDue],
  actions: [action("page", "patterns", "screen", "shift+b", () => go("/patterns"))],
};
