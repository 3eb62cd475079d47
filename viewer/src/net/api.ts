// Our own REST API, typed. An answer is a value: a caller sees at once that it may have failed.
import { ME, seriesPath, studyPath } from "./paths";
import type { SeriesDocument } from "./series";

export { seriesPath, studyPath };

export interface Failed {
  readonly ok: false;
  /** The HTTP status; 0 when the server was not reached, -1 when the request was aborted. */
  readonly status: number;
  /** What the server says went wrong (RFC 9457 `detail` or `title`), for a person. */
  readonly reason: string;
}

/** A series as it lies, or a plane through the volume it makes. */
export type PaneKind = "stack" | "axial" | "coronal" | "sagittal" | "oblique";

export type Answer<T> = { readonly ok: true; readonly value: T } | Failed;

/** Who is signed in. */
export interface Me {
  readonly name: string;
  readonly role: string;
  readonly permissions: readonly string[];
}

/** One row of the study list. Names are those of the attributes; dates and times the strings of DICOM. */
export interface StudySummary {
  readonly study_instance_uid: string;
  readonly patient_name: string;
  readonly patient_id: string;
  readonly patient_birth_date: string;
  readonly patient_sex: string;
  readonly study_date: string;
  readonly study_time: string;
  readonly study_description: string;
  readonly accession_number: string;
  readonly referring_physician_name: string;
  readonly modalities_in_study: readonly string[];
  readonly number_of_study_related_series: number;
  readonly number_of_study_related_instances: number;
}

export interface StudyPage {
  readonly studies: readonly StudySummary[];
  /** How many match in all. */
  readonly total: number;
}

export interface SeriesSummary {
  readonly series_instance_uid: string;
  readonly modality: string;
  readonly series_number: number | null;
  readonly series_description: string;
  readonly body_part_examined: string;
  readonly number_of_series_related_instances: number;
  readonly protocol_name: string;
  readonly laterality: string;
  /** Frames that can be shown; 0 for a report, a presentation state and the like. */
  readonly number_of_frames: number;
  readonly is_localiser: boolean;
}

/** What hangs in one pane. */
export interface HungPane {
  readonly study_instance_uid: string;
  /** "": nothing that fits was found. */
  readonly series_instance_uid: string;
  /** The picture it begins with; "": the first of the series. */
  readonly sop_instance_uid: string;
  readonly kind: PaneKind;
  readonly window: { readonly center: number; readonly width: number } | null;
}

/** How a study is laid out, by the rule of that name. */
export interface Hanging {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  readonly linked: boolean;
  readonly panes: readonly HungPane[];
}

/** An earlier study of the same patient. */
export interface PriorStudy {
  readonly study_instance_uid: string;
  readonly study_date: string;
  readonly study_description: string;
  readonly modalities_in_study: readonly string[];
  readonly body_parts: readonly string[];
  /** 3: same modality and body part; 2: same modality, the part is not known; 1: same part only; 0: neither. */
  readonly relevance: number;
}

export interface Study extends StudySummary {
  readonly series: readonly SeriesSummary[];
  /** Null: there is nothing to look at. */
  readonly hanging: Hanging | null;
  /** The most relevant first. */
  readonly priors: readonly PriorStudy[];
}

export interface StudyQuery {
  /** What was typed: names with or without accents, ids, accession numbers, words of the description. */
  readonly q?: string;
  readonly from?: string;
  readonly to?: string;
  readonly modality?: string;
  readonly offset?: number;
  readonly limit?: number;
}

const signedOutListeners = new Set<() => void>();

/** Calls `listener` whenever the server answers 401. Returns what ends that. */
export function onSignedOut(listener: () => void): () => void {
  signedOutListeners.add(listener);
  return () => signedOutListeners.delete(listener);
}

/** Tells those who asked that the server no longer knows this caller. */
export function tellSignedOut(): void {
  for (const listener of signedOutListeners) listener();
}

export function fetchMe(signal?: AbortSignal): Promise<Answer<Me>> {
  return fetchJson(ME, signal);
}

export function fetchStudies(query: StudyQuery, signal?: AbortSignal): Promise<Answer<StudyPage>> {
  const parameters = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  return fetchJson(`/api/studies?${new URLSearchParams(parameters.map(([key, value]) => [key, String(value)]))}`, signal);
}

/** One study with its series. Takes what the boot script has asked for already. */
export function fetchStudy(studyUid: string, signal?: AbortSignal): Promise<Answer<Study>> {
  return fetchJson(studyPath(studyUid), signal);
}

/** What the viewer must know of a series, in one document. Takes what the boot script has asked for already. */
export function fetchSeriesDocument(studyUid: string, seriesUid: string, signal?: AbortSignal): Promise<Answer<SeriesDocument>> {
  return fetchJson(seriesPath(studyUid, seriesUid), signal);
}

/** GETs JSON, or what the boot script fetched from the same path. */
export async function fetchJson<T>(path: string, signal?: AbortSignal): Promise<Answer<T>> {
  try {
    const response = await (takeBooted(path) ?? fetch(path, { headers: { Accept: "application/json" }, signal: signal ?? null }));
    if (response.ok) return { ok: true, value: (await response.json()) as T };
    if (response.status === 401) tellSignedOut();
    return { ok: false, status: response.status, reason: await reasonOf(response) };
  } catch (error) {
    return { ok: false, status: signal?.aborted ? -1 : 0, reason: String(error) };
  }
}

/** The promise the boot script left for a path; once, so that a later look is fresh. */
export function takeBooted(path: string): Promise<Response> | undefined {
  const booted = globalThis.booted?.[path];
  if (booted) delete globalThis.booted![path];
  return booted;
}

/** What the server says went wrong. */
export async function reasonOf(response: Response): Promise<string> {
  try {
    const problem = (await response.json()) as { detail?: string; title?: string };
    return problem.detail ?? problem.title ?? response.statusText;
  } catch {
    return response.statusText;
  }
}

declare global {
  /** Requests that src/boot.ts has begun, by path. */
  var booted: Record<string, Promise<Response>> | undefined;
}
