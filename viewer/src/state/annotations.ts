// Annotations of the studies that are read, the one in hand, and the one that is being drawn. Each change is one step to undo.
import { batch, computed, signal } from "@preact/signals-core";
import type { Annotation } from "../net/annotation";
import { perform, type Step } from "./history";

/** What became of one: null before it was made, and once it is deleted. */
export interface Change {
  readonly before: Annotation | null;
  readonly after: Annotation | null;
}

/** By id, in the order in which they were made. */
export const annotations = signal<ReadonlyMap<string, Annotation>>(new Map());

/** The one in hand, by id. */
export const selectedId = signal<string | null>(null);

export const selected = computed(() => (selectedId.value === null ? null : (annotations.value.get(selectedId.value) ?? null)));

/** Being drawn or changed: shown in place of what is kept under its id, until it is let go. */
export const draft = signal<Annotation | null>(null);

/** Where a reader has moved a label, from where it would stand, in CSS px; as long as the page lives. */
export const labelShifts = signal<ReadonlyMap<string, { readonly x: number; readonly y: number }>>(new Map());

const listeners = new Set<(change: Change) => void>();

/** Tells of each change that the reader made, undid or did again; not of what was adopted. Returns what ends it. */
export function onChange(listener: (change: Change) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Takes what the server keeps of a study, in place of all that was known of it. */
export function adoptAnnotations(studyUid: string, kept: readonly Annotation[]): void {
  const others = [...annotations.peek().values()].filter(({ place }) => place.study_instance_uid !== studyUid);
  annotations.value = new Map([...others, ...kept].map((each) => [each.id, each]));
}

/** Takes one as the server keeps it; null: it is not kept any more. */
export function adoptAnnotation(id: string, kept: Annotation | null): void {
  set(id, kept);
}

export function annotationsOf(studyUid: string): readonly Annotation[] {
  return [...annotations.value.values()].filter(({ place }) => place.study_instance_uid === studyUid);
}

export function addAnnotation(added: Annotation): void {
  perform(stepOf([{ before: null, after: added }]));
  selectedId.value = added.id;
}

export function changeAnnotation(changed: Annotation): void {
  perform(stepOf([{ before: annotations.peek().get(changed.id) ?? null, after: changed }]));
}

export function removeAnnotation(id: string): void {
  const before = annotations.peek().get(id);
  if (!before) return;
  perform(stepOf([{ before, after: null }]));
  if (selectedId.peek() === id) selectedId.value = null;
}

/** Results that could not be had when it was drawn, or are wanted in another unit: no step of the reader's. */
export function completeAnnotation(changed: Annotation): void {
  tell([{ before: annotations.peek().get(changed.id) ?? null, after: changed }]);
}

export function stepOf(changes: readonly Change[]): Step {
  const back = changes.map(({ before, after }) => ({ before: after, after: before }));
  return { redo: () => tell(changes), undo: () => tell(back) };
}

/** Random, as RFC 9562 has version 4. `crypto.randomUUID` is there only where the page came by HTTPS. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

function tell(changes: readonly Change[]): void {
  batch(() => {
    for (const { before, after } of changes) set((after ?? before)!.id, after);
  });
  for (const change of changes) for (const listener of listeners) listener(change);
}

function set(id: string, annotation: Annotation | null): void {
  const all = new Map(annotations.peek());
  if (annotation) all.set(id, annotation);
  else all.delete(id);
  annotations.value = all;
}
