// The ways into what is for administrators: their texts, then their place, or the removal of a study of the list.
import type { ComponentType } from "preact";
import { HANG_TEXTS } from "../../hang/texts";
import { speakAlso } from "../../i18n";
import { LIST_TEXTS } from "../listtexts";
import { Admin } from "./admin";
import { StudyRemoval } from "./studyremoval";
import { ADMIN_TEXTS } from "./texts";

export async function start(): Promise<ComponentType> {
  await Promise.all([ADMIN_TEXTS, LIST_TEXTS, HANG_TEXTS].map(speakAlso));
  return Admin;
}

export async function startRemoval(): Promise<ComponentType> {
  await Promise.all([ADMIN_TEXTS, LIST_TEXTS].map(speakAlso));
  return StudyRemoval;
}
