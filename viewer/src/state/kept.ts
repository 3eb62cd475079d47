// Keeps what the reader draws, and shows what everybody has drawn: fetched when a study is opened and now and then again.
import { batch, computed, effect, signal } from "@preact/signals-core";
import type { Annotation, KeptAnnotation } from "../net/annotation";
import { fetchAnnotations, publishStudy, type HowToPublish, type KeyImage, type Publication } from "../net/annotations";
import type { Failed } from "../net/api";
import { adoptAnnotation, adoptAnnotations, draft, newId, onChange, selectedId, type Change } from "./annotations";
import { adoptStars, noteStar, starred } from "./keyimages";
import { openOutbox, outbox, post, type Clash } from "./outbox";
import { studies } from "./reading";
import { me } from "./session";

/** How often others' work is looked for while the page is seen. */
const AGAIN_MS = 30_000;

/** As the server has them, by id. */
const kept = signal<ReadonlyMap<string, KeptAnnotation>>(new Map());
const publications = signal<ReadonlyMap<string, readonly Publication[]>>(new Map());

/** What the reader should know about what he drew. */
export type Word = "only_author" | "changed_elsewhere" | "may_not";
export const word = signal<{ readonly of: Word; readonly author: string } | null>(null);

export const mayAnnotate = computed(() => me.value?.permissions.includes("annotate") ?? false);

/** Whether the reader has anything here that can be published, by study. */
export function hasOwn(studyUid: string): boolean {
  const own = me.value?.name;
  const isDrawn = [...kept.value.values()].some(({ author, place }) => author === own && place.study_instance_uid === studyUid);
  return isDrawn || starred.value.some((each) => each.studyUid === studyUid && each.image.author === own);
}

/** What was published of a study, the newest first. */
export function publicationsOf(studyUid: string): readonly Publication[] {
  return [...(publications.value.get(studyUid) ?? [])].reverse();
}

/** Begins keeping, for as long as the page lives. */
export function startKeeping(): void {
  onChange(noteChange);
  effect(() => {
    const name = me.value?.name;
    if (name !== undefined) queueMicrotask(() => openOutboxOf(name));
  });
  let opened: readonly string[] = [];
  effect(() => {
    const now = studies.value.map(({ uid }) => uid);
    const [added, gone] = [now.filter((uid) => !opened.includes(uid)), opened.filter((uid) => !now.includes(uid))];
    opened = now;
    queueMicrotask(() => {
      gone.forEach(forget);
      added.forEach((uid) => void look(uid));
    });
  });
  const lookAgain = (): void => {
    if (document.visibilityState === "visible") for (const uid of opened) void look(uid);
  };
  setInterval(lookAgain, AGAIN_MS);
  document.addEventListener("visibilitychange", lookAgain);
}

/** Publishes the study; null when it is done. */
export async function publish(studyUid: string, how: HowToPublish): Promise<Failed | null> {
  const answer = await publishStudy(studyUid, how);
  if (!answer.ok) return answer;
  await look(studyUid);
  return null;
}

let account: string | null = null;

function openOutboxOf(name: string): void {
  if (account === name) return;
  account = name;
  openOutbox(name, { clash: settleClash, kept: noteKept });
  // What was left over from another time is shown again.
  for (const uid of new Set([...outbox.peek().values()].map(({ studyUid }) => studyUid))) showAll(uid);
}

/** Takes what the server has of a study, but for what is on its way there. */
async function look(studyUid: string): Promise<void> {
  const before = outbox.peek();
  const answer = await fetchAnnotations(studyUid);
  if (!answer.ok || !studies.peek().some(({ uid }) => uid === studyUid)) return;
  // What was kept meanwhile may not be in the answer yet.
  if (before !== outbox.peek()) return look(studyUid);
  const { annotations, key_images, publications: published } = answer.value;
  batch(() => {
    const others = [...kept.peek().values()].filter(({ place }) => place.study_instance_uid !== studyUid);
    const isNew = JSON.stringify(annotations) !== JSON.stringify([...kept.peek().values()].filter(({ place }) => place.study_instance_uid === studyUid));
    kept.value = new Map([...others, ...annotations].map((each) => [each.id, each]));
    adoptStars(studyUid, key_images);
    publications.value = new Map([...publications.peek(), [studyUid, published]]);
    if (isNew) showAll(studyUid);
  });
}

function showAll(studyUid: string): void {
  const waiting = [...outbox.peek().values()].filter((each) => each.what === "annotation" && each.studyUid === studyUid);
  const all = new Map<string, Annotation>([...kept.peek()].filter(([, { place }]) => place.study_instance_uid === studyUid));
  for (const { id, body } of waiting) {
    if (body) all.set(id, body as Annotation);
    else all.delete(id);
  }
  adoptAnnotations(studyUid, [...all.values()]);
}

function forget(studyUid: string): void {
  batch(() => {
    kept.value = new Map([...kept.peek()].filter(([, { place }]) => place.study_instance_uid !== studyUid));
    publications.value = new Map([...publications.peek()].filter(([uid]) => uid !== studyUid));
    adoptStars(studyUid, null);
    adoptAnnotations(studyUid, []);
  });
}

function noteChange({ before, after }: Change): void {
  const changed = (after ?? before)!;
  const { id, place } = changed;
  const known = kept.peek().get(id);
  if (known && known.author !== me.peek()?.name) return leaveToAuthor(known, after);
  if (!mayAnnotate.peek()) {
    word.value = { of: "may_not", author: "" };
    return;
  }
  const version = outbox.peek().get(id)?.version ?? known?.version ?? removedVersions.get(id) ?? null;
  post({ what: "annotation", studyUid: place.study_instance_uid, id, body: after, version });
}

/** Another's is as he left it; what is only counted anew is no change of his. */
function leaveToAuthor(known: KeptAnnotation, after: Annotation | null): void {
  const isCountedOnly = after !== null && JSON.stringify([after.points, after.text]) === JSON.stringify([known.points, known.text]);
  if (isCountedOnly) return;
  queueMicrotask(() => adoptAnnotation(known.id, known));
  word.value = { of: "only_author", author: known.author };
}

/** The versions under which removed ones can be kept again. */
const removedVersions = new Map<string, number>();

function noteKept({ what, studyUid, id, body }: { what: "annotation" | "star"; studyUid: string; id: string; body: Annotation | KeyImage | null }, version: number): void {
  if (what === "star") return noteStar(studyUid, id, body as KeyImage | null);
  const all = new Map(kept.peek());
  if (body) all.set(id, { ...authorship(all.get(id)), ...(body as Annotation), version });
  else {
    all.delete(id);
    removedVersions.set(id, version);
  }
  kept.value = all;
}

function authorship(known: KeptAnnotation | undefined): Pick<KeptAnnotation, "author" | "created_at" | "changed_at"> {
  const now = new Date().toISOString();
  return { author: me.peek()?.name ?? "", created_at: known?.created_at ?? now, changed_at: now };
}

/** Changed here and elsewhere at once: both are kept, this one under a new id. What was removed elsewhere is kept again. */
function settleClash({ unsent, current, removed }: Clash): void {
  const { id, studyUid, body } = unsent;
  const mine = body as Annotation | null;
  if (removed) {
    removedVersions.set(id, current.version);
    if (mine) post({ ...unsent, version: current.version });
    return;
  }
  kept.value = new Map([...kept.peek(), [id, current]]);
  if (draft.peek()?.id !== id) adoptAnnotation(id, current);
  word.value = { of: "changed_elsewhere", author: current.author };
  if (!mine) return;
  const copy = { ...mine, id: newId() };
  adoptAnnotation(copy.id, copy);
  if (selectedId.peek() === id) selectedId.value = copy.id;
  post({ what: "annotation", studyUid, id: copy.id, body: copy, version: null });
}
