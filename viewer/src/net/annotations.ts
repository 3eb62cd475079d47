// What readers draw on the images of a study and which they mark, kept by the server; and publishing both as DICOM.
import { fetchJson, reasonOf, studyPath, tellSignedOut, type Answer, type Failed } from "./api";
import type { Annotation, FramePlace, KeptAnnotation } from "./annotation";
import { send } from "./send";

/** A frame with a star. */
export interface KeyImage extends Omit<FramePlace, "on" | "study_instance_uid"> {
  /** A random UUID. */
  readonly id: string;
  readonly author: string;
  readonly created_at: string;
}

/** A DICOM object that was made: a report, a presentation state, a selection of key images. */
export interface Publication {
  readonly sop_instance_uid: string;
  readonly series_instance_uid: string;
  readonly kind: "sr" | "gsps" | "kos";
  readonly author: string;
  readonly published_at: string;
  /** The versions of annotations that are in it, by id. */
  readonly annotations: Readonly<Record<string, number>>;
  /** Ids. */
  readonly key_images: readonly string[];
}

export interface StudyAnnotations {
  readonly annotations: readonly KeptAnnotation[];
  readonly key_images: readonly KeyImage[];
  readonly publications: readonly Publication[];
}

/** The change was made from an older version: what it is now, and whether it was removed. */
export interface Changed extends Failed {
  readonly current?: KeptAnnotation;
  readonly removed?: boolean;
}

export interface HowToPublish {
  /** Of what was typed. */
  readonly language: string;
  readonly title: "of-interest" | "for-referring-provider";
  /** How the series are looked at. */
  readonly windows: readonly { readonly series_instance_uid: string; readonly center: number; readonly width: number; readonly is_inverted: boolean }[];
}

/** The browser asks whether what it has is still right. */
export function fetchAnnotations(studyUid: string, signal?: AbortSignal): Promise<Answer<StudyAnnotations>> {
  return fetchJson(annotationsPath(studyUid), signal);
}

/** Keeps it; its version from then on. version: the one it was made from; null: it is new. */
export async function keepAnnotation(annotation: Annotation, version: number | null): Promise<Answer<number> | Changed> {
  // What is shown may be what the server told before, with its author and times: those are not the reader's to send.
  const { id, kind, place, points, text, results } = annotation;
  const path = `${annotationsPath(place.study_instance_uid)}/${id}`;
  return versioned("PUT", path, version, { id, kind, place, points, text, results });
}

/** Takes it away; its version from then on, by which it can be kept again. */
export async function removeKept(studyUid: string, id: string, version: number | null): Promise<Answer<number> | Changed> {
  return versioned("DELETE", `${annotationsPath(studyUid)}/${id}`, version);
}

export function keepStar(studyUid: string, { id, series_instance_uid, sop_class_uid, sop_instance_uid, frame_number }: KeyImage): Promise<Answer<unknown>> {
  return send("PUT", `${studyPath(studyUid)}/key-images/${id}`, { series_instance_uid, sop_class_uid, sop_instance_uid, frame_number });
}

export function removeStar(studyUid: string, id: string): Promise<Answer<unknown>> {
  return send("DELETE", `${studyPath(studyUid)}/key-images/${id}`);
}

/** Makes DICOM objects of all that the reader has drawn and marked in the study. */
export function publishStudy(studyUid: string, how: HowToPublish): Promise<Answer<readonly Publication[]>> {
  return send("POST", `${annotationsPath(studyUid)}/publish`, how);
}

function annotationsPath(studyUid: string): string {
  return `${studyPath(studyUid)}/annotations`;
}

async function versioned(method: "PUT" | "DELETE", path: string, version: number | null, body?: object): Promise<Answer<number> | Changed> {
  const headers = { ...(body && { "Content-Type": "application/json" }), ...(version !== null && { "If-Match": `"${version}"` }) };
  try {
    const response = await fetch(path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    if (response.ok) return { ok: true, value: Number((response.headers.get("etag") ?? "").replace(/^W\/|"/g, "")) };
    if (response.status === 401) tellSignedOut();
    if (response.status !== 409) return { ok: false, status: response.status, reason: await reasonOf(response) };
    return { ok: false, status: 409, reason: "", ...((await response.json()) as Pick<Changed, "current" | "removed">) };
  } catch (error) {
    return { ok: false, status: 0, reason: String(error) };
  }
}
