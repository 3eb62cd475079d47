// The addresses of our own API. The boot script asks by them too, so what it fetched is found again under the same text.
import type { Levels } from "./passes";

export const ME = "/api/me";

export function studyPath(studyUid: string): string {
  return `/api/studies/${encodeURIComponent(studyUid)}`;
}

export function seriesPath(studyUid: string, seriesUid: string): string {
  return `${studyPath(studyUid)}/series/${encodeURIComponent(seriesUid)}`;
}

/** A study as an archive: as a medium has it, with its DICOMDIR, or by names for people. */
export function exportPath(studyUid: string, asMedium: boolean): string {
  return `/api/export?${new URLSearchParams({ study: studyUid, dicomdir: String(asMedium) })}`;
}

/** What names the frames of a series: an index holds for one revision of it only. */
export interface Frames {
  readonly study_instance_uid: string;
  readonly series_instance_uid: string;
  readonly revision: number;
}

/** Levels: of frames that come in passes; null: as they are stored. */
export function framesPath({ study_instance_uid, series_instance_uid, revision }: Frames, order: readonly number[], levels: Levels): string {
  const part = levels ? `&from=${levels[0]}&to=${levels[1]}` : "";
  return `${seriesPath(study_instance_uid, series_instance_uid)}/frames?order=${order.join(",")}&revision=${revision}${part}`;
}
