// From what somebody wrote to the picture it is about.
import { presentedDocument, areaOf, namedAt, viewUnder } from "../overlay/presenting";
import { isAbout, type PresentationState, type Reference } from "../net/objects";
import { frameAttributes, frameName, type SeriesDocument } from "../net/series";
import type { Viewport } from "../render/viewport";
import { chosenMark, contentOf, drawingsOnly, type Listed, placesOf, refOf } from "../state/objects";
import { activePane, activePaneId, allSeries, documentOf, panes, showIn, type SeriesRef, summaryOf } from "../state/reading";
import { activeViewport, viewports } from "../tools/viewports";

/** Shows an image that is named: where its series is on screen, else in the pane in use. False: it is not here. */
export async function showImage({ series, sop, frames }: Pick<Reference, "series" | "sop" | "frames">): Promise<boolean> {
  for (const ref of candidates(series)) {
    const answer = await documentOf(ref);
    const index = answer.ok ? indexOf(answer.value, sop, frames[0] ?? 1) : -1;
    if (answer.ok && index >= 0) {
      showFrame(ref, answer.value, index);
      return true;
    }
  }
  return false;
}

/** The series that is named; else all with pictures, the one in use first. */
function candidates(seriesUid: string): readonly SeriesRef[] {
  const all = allSeries.peek();
  const named = all.filter((each) => each.seriesUid === seriesUid);
  if (named.length > 0) return named;
  const active = activePane.peek().series;
  return all
    .filter((each) => (summaryOf(each)?.number_of_frames ?? 0) > 0)
    .sort((one, other) => Number(other.seriesUid === active?.seriesUid) - Number(one.seriesUid === active?.seriesUid));
}

function indexOf(document: SeriesDocument, sop: string, frame: number): number {
  return Array.from({ length: document.number_of_frames }, (_, index) => frameName(document, index)).indexOf(`${sop}/${frame}`);
}

/** Shows a frame of a series: in the pane that has it, else in the one in use. */
export function showFrame(ref: SeriesRef, document: SeriesDocument, index: number): void {
  const active = activePane.peek();
  const pane = active.series?.seriesUid === ref.seriesUid ? active : (panes.peek().find(({ series }) => series?.seriesUid === ref.seriesUid) ?? active);
  activePaneId.value = pane.id;
  const viewport = viewports.peek().get(pane.id);
  if (pane.series?.seriesUid === ref.seriesUid && viewport?.document.peek()) viewport.setFrame(index);
  else {
    const { sop } = namedAt(document, index);
    showIn(pane.id, ref, sop);
  }
}

/** Shows what a report marks, and makes it stand out. */
export async function showMark(object: Listed, number: number): Promise<boolean> {
  const content = contentOf(refOf(object)).peek();
  const mark = content?.ok && content.value.kind === "sr" ? content.value.marks[number] : undefined;
  chosenMark.value = number;
  if (mark?.reference) return showImage(mark.reference);
  return mark ? showPlaced(object, (placed: { readonly mark: number }) => placed.mark === number) : false;
}

/** Shows the frame in the middle of those on which something of an object lies: in the series in use. */
export async function showPlaced<Placed>(object: Listed, isMeant: (placed: Placed) => boolean): Promise<boolean> {
  const { series } = activePane.peek();
  const answer = series ? await documentOf(series) : null;
  if (!series || !answer?.ok) return false;
  const places = await arrival(placesOf<Placed>(refOf(object), series, answer.value.revision));
  const indices = Object.entries(places?.ok ? places.value.frames : {})
    .filter(([, placed]) => placed.some(isMeant))
    .map(([index]) => Number(index));
  const middle = indices[indices.length >> 1];
  if (middle === undefined) return false;
  showFrame(series, answer.value, middle);
  return true;
}

/** The first value that is not null. */
function arrival<T>(awaited: { readonly value: T | null; subscribe(listener: (value: T | null) => void): () => void }): Promise<T> {
  return new Promise((resolve) => {
    let end: (() => void) | undefined;
    end = awaited.subscribe((value) => {
      if (value === null) return;
      resolve(value);
      queueMicrotask(() => end?.());
    });
  });
}

/** The states that are about the picture in use. */
export function isOfPicture(state: Listed, viewport: Viewport): boolean {
  const document = viewport.document.value;
  const index = viewport.shown.value;
  if (!document || index < 0) return false;
  const { sop, frame } = namedAt(document, index);
  return isAbout(state.images, sop, frame);
}

/** Shows the picture in use under a state; null: as it says itself. */
export async function presentUnder(object: Listed | null): Promise<void> {
  const viewport = activeViewport.peek();
  if (!viewport) return;
  if (!object) return viewport.present(null);
  const content = await arrival(contentOf(refOf(object)));
  const document = viewport.document.peek();
  if (content.ok && content.value.kind === "presentation_state" && document) present(viewport, document, object.sop_instance_uid, content.value);
}

function present(viewport: Viewport, document: SeriesDocument, name: string, state: PresentationState): void {
  if (drawingsOnly.peek()) return viewport.present({ name, document });
  viewport.present({ name, document: presentedDocument(document, state) });
  const placement = viewport.placement.peek();
  if (!placement) return;
  const index = Math.max(0, viewport.shown.peek());
  const { sop, frame } = namedAt(document, index);
  const aspect = frameAttributes(document, index).pixel_aspect_ratio;
  viewport.setView(viewUnder(state, areaOf(state, sop, frame), placement.image, aspect, placement.pane));
}
