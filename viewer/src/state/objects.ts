// What others wrote about the opened studies: what there is, what has been fetched of it, and what of it is to be seen.
import { computed, effect, type ReadonlySignal, signal, type Signal } from "@preact/signals-core";
import type { Answer } from "../net/api";
import {
  type Content,
  fetchContent,
  fetchMask,
  fetchObjects,
  fetchPlaces,
  fetchPlanes,
  type ObjectList,
  type ObjectRef,
  type Places,
  type Plane,
  type Segmentation,
  type ToldObject,
} from "../net/objects";
import { openPanel } from "./panel";
import { type SeriesRef, studies } from "./reading";

/** Bytes of masks that are kept. */
const MOST_MASKS = 64 << 20;
const MOST_PLANES = 100;

/** What the panel is called. */
export const OBJECTS_PANEL = "objects";

/** An object of an opened study. */
export interface Listed extends ToldObject {
  readonly studyUid: string;
}

/** SOP Instance UIDs of what is drawn over pictures. */
export const drawn = signal<ReadonlySet<string>>(new Set());

/** Segments and structures that are not: `sop/number`. */
export const hidden = signal<ReadonlySet<string>>(new Set());

/** Of what fills an area, 0 to 1. */
export const opacity = signal(0.4);

/** Overlay planes of the images themselves. */
export const planesSeen = signal(true);

/** Of presentation states only what they draw: greys, area, turns and shutters stay as the reader has them. */
export const drawingsOnly = signal(false);

/** The report that is read beside the pictures, and which of its marks was chosen. */
export const openReport = signal<ObjectRef | null>(null);
export const chosenMark = signal<number | null>(null);

const lists = signal<ReadonlyMap<string, Answer<ObjectList>>>(new Map());
const contents = new Map<string, Signal<Answer<Content> | null>>();
const places = new Map<string, Signal<Answer<Places<unknown>> | null>>();
const planes = new Map<string, Signal<Answer<{ readonly planes: readonly Plane[] }> | null>>();
const masks = new Map<string, Signal<Answer<Uint8Array<ArrayBuffer>> | null>>();

export const objects = computed<readonly Listed[]>(() =>
  [...lists.value].flatMap(([studyUid, answer]) => (answer.ok ? answer.value.objects.map((each) => ({ ...each, studyUid })) : [])),
);

/** Of how many studies it could not be asked what there is. */
export const unlisted = computed(() => [...lists.value.values()].filter(({ ok }) => !ok).length);

/** Lists what the opened studies hold; forgets those that are closed. */
export function bindObjects(): () => void {
  return effect(() => {
    const open = studies.value.filter(({ study }) => study !== null).map(({ uid }) => uid);
    const known = lists.peek();
    lists.value = new Map([...known].filter(([uid]) => open.includes(uid)));
    for (const uid of open) if (!known.has(uid)) void list(uid);
    if (open.length === 0) forget();
  });
}

async function list(uid: string): Promise<void> {
  const answer = await fetchObjects(uid);
  if (studies.peek().some((each) => each.uid === uid)) lists.value = new Map(lists.peek()).set(uid, answer);
}

export function listAgain(): void {
  for (const [uid, { ok }] of lists.peek()) if (!ok) void list(uid);
}

function forget(): void {
  for (const kept of [contents, places, planes, masks]) kept.clear();
  drawn.value = new Set();
  hidden.value = new Set();
  openReport.value = null;
}

export function listedAs(sop: string): Listed | undefined {
  return objects.value.find((each) => each.sop_instance_uid === sop);
}

export function refOf({ studyUid, sop_instance_uid: sop }: Listed): ObjectRef {
  return { studyUid, sop };
}

/** What an object says; null while it is awaited. */
export function contentOf(object: ObjectRef): ReadonlySignal<Answer<Content> | null> {
  return asked(contents, object.sop, () => fetchContent(object));
}

/** Where an object lies on a series. */
export function placesOf<Placed>(object: ObjectRef, { studyUid, seriesUid }: SeriesRef, revision: number): ReadonlySignal<Answer<Places<Placed>> | null> {
  const key = `${object.sop}/${seriesUid}/${revision}`;
  return asked(places, key, () => fetchPlaces<unknown>(object, studyUid, seriesUid)) as ReadonlySignal<Answer<Places<Placed>> | null>;
}

export function planesOf(image: ObjectRef, frame: number): ReadonlySignal<Answer<{ readonly planes: readonly Plane[] }> | null> {
  if (planes.size > MOST_PLANES) planes.delete([...planes.keys()][0]!);
  return asked(planes, `${image.sop}/${frame}`, () => fetchPlanes(image, frame));
}

export function maskOf(object: ObjectRef, { rows, columns, bits }: Segmentation, frame: number): ReadonlySignal<Answer<Uint8Array<ArrayBuffer>> | null> {
  const most = Math.max(4, MOST_MASKS / ((rows * columns * bits) / 8 || 1));
  if (masks.size > most) masks.delete([...masks.keys()][0]!);
  return asked(masks, `${object.sop}/${frame}`, () => fetchMask(object, frame));
}

/** Asked for once; again only after a failure, when somebody wants it anew. */
function asked<T>(kept: Map<string, Signal<Answer<T> | null>>, key: string, fetch: () => Promise<Answer<T>>): Signal<Answer<T> | null> {
  const known = kept.get(key);
  if (known) return known;
  const made = signal<Answer<T> | null>(null);
  kept.set(key, made);
  void fetch().then((answer) => {
    made.value = answer;
  });
  return made;
}

/** After a failure. */
export function askAgain(sop: string): void {
  for (const kept of [contents, places, masks]) {
    for (const [key, answer] of [...kept]) if (key.startsWith(sop) && answer.peek()?.ok === false) kept.delete(key);
  }
  drawn.value = new Set(drawn.peek());
}

export function toggleDrawn(sop: string): void {
  drawn.value = toggled(drawn.peek(), sop);
}

export function partName(sop: string, number: number): string {
  return `${sop}/${number}`;
}

export function togglePart(sop: string, number: number): void {
  hidden.value = toggled(hidden.peek(), partName(sop, number));
}

/** Hides or shows all of an object's parts. */
export function setParts(sop: string, numbers: readonly number[], seen: boolean): void {
  const names = numbers.map((number) => partName(sop, number));
  hidden.value = seen ? new Set([...hidden.peek()].filter((name) => !names.includes(name))) : new Set([...hidden.peek(), ...names]);
}

/** Opens a report beside the pictures, and draws what it marks. */
export function read(object: ObjectRef): void {
  openReport.value = object;
  chosenMark.value = null;
  drawn.value = new Set(drawn.peek()).add(object.sop);
  openPanel.value = OBJECTS_PANEL;
}

export function closeReport(): void {
  openReport.value = null;
  chosenMark.value = null;
}

/** Titles of lists that say what was sent, and nothing of an image: (113030, DCM), (113031, DCM) (PS3.16 CID 7010). */
const MANIFESTS = ["113030", "113031"];

export function isKeyObject({ kind, title_code }: ToldObject): boolean {
  return kind === "key_object" && !MANIFESTS.includes(title_code);
}

/** What may be drawn over a series: what names it, or lies in its space. */
export function mayLieOn(object: ToldObject, seriesUid: string, frameOfReferenceUid: string): boolean {
  if (object.series.includes(seriesUid)) return true;
  return frameOfReferenceUid !== "" && object.frame_of_reference_uids.includes(frameOfReferenceUid);
}

function toggled(names: ReadonlySet<string>, name: string): ReadonlySet<string> {
  const changed = new Set(names);
  if (!changed.delete(name)) changed.add(name);
  return changed;
}
