// Leads to the series and the image that an address names besides its studies.
import { effect } from "@preact/signals-core";
import { frameOf, type SeriesDocument } from "../net/series";
import { activePaneId, allSeries, panes, showIn } from "../state/reading";
import type { AskedPlace } from "../state/route";
import { viewports } from "../tools/viewports";

/** Opens it in the active pane once its study has come and is hung. Returns what ends that. */
export function bindPlace(place: AskedPlace): () => void {
  let end = (): void => undefined;
  const unbind = effect(() => {
    const series = allSeries.value.find(({ seriesUid }) => seriesUid === place.seriesUid);
    if (!series || panes.value.every((pane) => pane.series === null)) return;
    // Not within this effect: what it changes is what it looks at.
    queueMicrotask(() => {
      unbind();
      const paneId = activePaneId.peek();
      showIn(paneId, series, place.sopInstanceUid || undefined);
      end = bindFrame(paneId, place);
    });
  });
  return () => {
    unbind();
    end();
  };
}

/** Goes to the frame when the pane has its series, once. */
function bindFrame(paneId: number, place: AskedPlace): () => void {
  let done = place.sopInstanceUid === "";
  return effect(() => {
    const viewport = viewports.value.get(paneId);
    const document = viewport?.document.value;
    if (done || !viewport || document?.series_instance_uid !== place.seriesUid) return;
    done = true;
    viewport.setFrame(indexOf(document, place));
  });
}

/** Frames of one instance follow one another. */
function indexOf(document: SeriesDocument, { sopInstanceUid, frameNumber }: AskedPlace): number {
  return Math.min(frameOf(document, sopInstanceUid) + frameNumber - 1, document.number_of_frames - 1);
}
