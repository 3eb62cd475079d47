// Images with a star, of every reader; one's own are given and taken with a key.
import { computed, signal } from "@preact/signals-core";
import type { FramePlace } from "../net/annotation";
import type { KeyImage } from "../net/annotations";
import { newId } from "./annotations";
import { outbox, post } from "./outbox";
import { me } from "./session";

export interface Starred {
  readonly studyUid: string;
  readonly image: KeyImage;
}

/** As the server told, by study. */
const told = signal<ReadonlyMap<string, readonly KeyImage[]>>(new Map());

/** With what is on its way there. */
export const starred = computed<readonly Starred[]>(() => {
  const waiting = [...outbox.value.values()].filter(({ what }) => what === "star");
  const changed = new Set(waiting.map(({ id }) => id));
  const kept = [...told.value].flatMap(([studyUid, images]) => images.map((image) => ({ studyUid, image }))).filter(({ image }) => !changed.has(image.id));
  const added = waiting.flatMap(({ studyUid, body }) => (body ? [{ studyUid, image: body as KeyImage }] : []));
  return [...kept, ...added.filter(({ studyUid }) => told.value.has(studyUid))];
});

/** Takes what the server keeps of a study; null: the study is not read any more. */
export function adoptStars(studyUid: string, images: readonly KeyImage[] | null): void {
  const others = [...told.peek()].filter(([uid]) => uid !== studyUid);
  told.value = new Map(images ? [...others, [studyUid, images]] : others);
}

/** What the server has taken stays as it is until it tells all again. */
export function noteStar(studyUid: string, id: string, image: KeyImage | null): void {
  const others = (told.peek().get(studyUid) ?? []).filter((each) => each.id !== id);
  adoptStars(studyUid, image ? [...others, image] : others);
}

/** Whose star a frame has; one's own name first. */
export function starsOf({ sop_instance_uid, frame_number }: FramePlace): readonly Starred[] {
  const all = starred.value.filter(({ image }) => image.sop_instance_uid === sop_instance_uid && image.frame_number === frame_number);
  return all.sort((one, other) => Number(isMine(other)) - Number(isMine(one)));
}

export function isMine({ image }: Starred): boolean {
  return image.author === me.value?.name;
}

export function toggleStar(place: FramePlace): void {
  const own = starsOf(place).find(isMine);
  if (own) return unstar(own);
  const { study_instance_uid: studyUid, series_instance_uid, sop_class_uid, sop_instance_uid, frame_number } = place;
  const id = newId();
  const at = { author: me.peek()?.name ?? "", created_at: new Date().toISOString() };
  post({ what: "star", studyUid, id, version: null, body: { id, series_instance_uid, sop_class_uid, sop_instance_uid, frame_number, ...at } });
}

export function unstar({ studyUid, image }: Starred): void {
  post({ what: "star", studyUid, id: image.id, version: null, body: null });
}
