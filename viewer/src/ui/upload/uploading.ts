// Uploading: its texts, then its sheet.
import type { ComponentType } from "preact";
import { speakAlso, type Texts } from "../../i18n";
import { UploadSheet } from "./uploadsheet";

const TEXTS: Texts = {
  vi: () => import("../../i18n/upload.vi.json"),
  en: () => import("../../i18n/upload.en.json"),
  fr: () => import("../../i18n/upload.fr.json"),
};

export async function start(): Promise<ComponentType> {
  await speakAlso(TEXTS);
  return UploadSheet;
}
