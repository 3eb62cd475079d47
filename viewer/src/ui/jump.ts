// To the picture that something was drawn on: in a pane that shows its series, else in the active one.
import { batch, effect } from "@preact/signals-core";
import type { Annotation, FramePlace } from "../net/annotation";
import { type SeriesDocument } from "../net/series";
import { selectedId } from "../state/annotations";
import { activePaneId, onlyPaneId, panes, showIn } from "../state/reading";
import { viewports } from "../tools/viewports";

export function jumpTo({ id, place }: Annotation): void {
  batch(() => {
    selectedId.value = id;
    jumpToPlace(place);
  });
}

export function jumpToPlace(place: Annotation["place"]): void {
  const isThere = panes.peek().find(({ series, kind }) => series?.seriesUid === place.series_instance_uid && (kind === "stack") === (place.on === "frame"));
  const paneId = isThere?.id ?? activePaneId.peek();
  batch(() => {
    activePaneId.value = paneId;
    if (onlyPaneId.peek() !== null) onlyPaneId.value = paneId;
    if (!isThere) showIn(paneId, { studyUid: place.study_instance_uid, seriesUid: place.series_instance_uid });
  });
  whenShown(paneId, place);
}

/** The document of a series that some pane shows. */
export function documentShown(seriesUid: string): SeriesDocument | null {
  const all = [...viewports.value.values()].map(({ document }) => document.value);
  return all.find((document) => document?.series_instance_uid === seriesUid) ?? null;
}

/** From 0; null where the document does not have it. */
export function frameIndex(document: SeriesDocument, { sop_instance_uid, frame_number }: FramePlace): number | null {
  const instance = document.instances.findIndex((each) => each.sop_instance_uid === sop_instance_uid);
  const { instance: of, frame_number: numbers } = document.per_frame;
  for (let index = 0; index < document.number_of_frames; index++) {
    const isOf = (of?.[index] ?? document.shared.instance) === instance;
    if (isOf && (numbers?.[index] ?? document.shared.frame_number) === frame_number) return index;
  }
  return null;
}

/** Goes to the frame once the pane has the series. */
function whenShown(paneId: number, place: Annotation["place"]): void {
  const end = effect(() => {
    const viewport = viewports.value.get(paneId);
    const document = viewport?.document.value;
    if (!viewport || document?.series_instance_uid !== place.series_instance_uid) return;
    const index = place.on === "frame" ? frameIndex(document, place) : null;
    if (index !== null) viewport.setFrame(index);
    queueMicrotask(() => end());
  });
}
