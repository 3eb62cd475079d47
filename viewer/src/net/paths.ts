// The addresses of our own API. The boot script asks by them too, so what it fetched is found again under the same text.

export const ME = "/api/me";

export function studyPath(studyUid: string): string {
  return `/api/studies/${encodeURIComponent(studyUid)}`;
}

export function seriesPath(studyUid: string, seriesUid: string): string {
  return `${studyPath(studyUid)}/series/${encodeURIComponent(seriesUid)}`;
}

/** What names the frames of a series: an index holds for one revision of it only. */
export interface Frames {
  readonly study_instance_uid: string;
  readonly series_instance_uid: string;
  readonly revision: number;
}

export function framesPath({ study_instance_uid, series_instance_uid, revision }: Frames, order: readonly number[]): string {
  return `${seriesPath(study_instance_uid, series_instance_uid)}/frames?order=${order.join(",")}&revision=${revision}`;
}
