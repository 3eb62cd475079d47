// The series document: what the viewer must know of a series before its frames come, shared attributes once.

/** As the server sends it; its schema is told in pacs/archive/metadata.py. */
export interface SeriesDocument {
  readonly study_instance_uid: string;
  readonly series_instance_uid: string;
}

/** How many frames the series has, over all its instances. */
export function frameCount(document: SeriesDocument): number {
  void document;
  return 0;
}
