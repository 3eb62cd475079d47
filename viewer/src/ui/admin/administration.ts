// The ways into what is for administrators: their texts, then their place, or the removal of a study of the list.
import type { ComponentType } from "preact";
import { speakAlso, type Texts } from "../../i18n";
import { LIST_TEXTS } from "../listtexts";
import { Admin } from "./admin";
import { StudyRemoval } from "./studyremoval";

const TEXTS: Texts = {
  vi: () => import("../../i18n/admin.vi.json"),
  en: () => import("../../i18n/admin.en.json"),
  fr: () => import("../../i18n/admin.fr.json"),
};

export async function start(): Promise<ComponentType> {
  await Promise.all([speakAlso(TEXTS), speakAlso(LIST_TEXTS)]);
  return Admin;
}

export async function startRemoval(): Promise<ComponentType> {
  await Promise.all([speakAlso(TEXTS), speakAlso(LIST_TEXTS)]);
  return StudyRemoval;
}
