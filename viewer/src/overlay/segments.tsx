// Bitmaps over a picture: segmentations, and overlay planes.
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { type Affine, after } from "../geom/plane";
import type { PlacedMask, Plane, Segmentation } from "../net/objects";
import type { SeriesDocument } from "../net/series";
import type { Viewport } from "../render/viewport";
import { contentOf, drawn, hidden, type Listed, maskOf, mayLieOn, objects, opacity, partName, placesOf, planesOf, planesSeen, refOf } from "../state/objects";
import { type Bitmap, maskBitmap, planeBitmap } from "./bitmaps";
import { contentShown } from "./graphics";
import { namedAt } from "./presenting";
import "./objects.css";

export interface LayerProps {
  readonly viewport: Viewport;
  readonly document: SeriesDocument;
}

interface Placed {
  readonly bitmap: Bitmap;
  readonly toImage: Affine;
  readonly opacity: number;
}

const IN_PLACE: Affine = { a: 1, b: 0, c: 0, d: 1, e: 0, f: 0 };
const PLANE_COLOUR = "#ffffff";

export function Bitmaps({ viewport, document }: LayerProps): JSX.Element | null {
  const canvas = useRef<HTMLCanvasElement>(null);
  const placement = viewport.placement.value;
  const index = viewport.shown.value;
  const isHere = viewport.document.value === document && index >= 0;
  const bitmaps = isHere ? [...planesAt(viewport, document, index), ...segmentsAt(document, index)] : [];
  useEffect(() => {
    if (canvas.current && placement) paint(canvas.current, bitmaps, placement.toPane, placement.pane);
  });
  return placement && bitmaps.length > 0 ? <canvas ref={canvas} class="over-bitmaps" data-bitmaps={bitmaps.length} aria-hidden="true" /> : null;
}

function paint(canvas: HTMLCanvasElement, bitmaps: readonly Placed[], toPane: Affine, pane: { readonly width: number; readonly height: number }): void {
  const ratio = devicePixelRatio;
  canvas.width = Math.round(pane.width * ratio);
  canvas.height = Math.round(pane.height * ratio);
  const context = canvas.getContext("2d");
  if (!context) return;
  context.imageSmoothingEnabled = false;
  for (const { bitmap, toImage, opacity: alpha } of bitmaps) {
    const { a, b, c, d, e, f } = after(toPane, toImage);
    context.setTransform(a * ratio, b * ratio, c * ratio, d * ratio, e * ratio, f * ratio);
    context.globalAlpha = alpha;
    context.drawImage(bitmap, 0, 0);
  }
}

function* segmentsAt(document: SeriesDocument, index: number): Generator<Placed> {
  for (const object of objects.value) {
    if (object.kind !== "segmentation" || !drawn.value.has(object.sop_instance_uid) || !liesOn(object, document)) continue;
    const content = contentOf(refOf(object)).value;
    const places = placesOf<PlacedMask>(refOf(object), seriesOf(document), document.revision).value;
    if (!content?.ok || content.value.kind !== "segmentation" || !places?.ok || places.value.revision !== document.revision) continue;
    for (const [frame, [a, b, c, d, e, f]] of places.value.frames[index] ?? []) {
      const bitmap = bitmapOf(object, content.value, frame);
      if (bitmap) yield { bitmap, toImage: { a, b, c, d, e, f }, opacity: opacity.value };
    }
  }
}

function bitmapOf(object: Listed, segmentation: Segmentation, frame: number): Bitmap | null {
  const sop = object.sop_instance_uid;
  const colours = new Map(
    segmentation.segments.filter(({ number }) => !hidden.value.has(partName(sop, number))).map(({ number, colour }) => [number, colour]),
  );
  const own = segmentation.frames[frame - 1]?.segment ?? null;
  if (own !== null && !colours.has(own)) return null;
  const mask = maskOf(refOf(object), segmentation, frame).value;
  return mask?.ok ? maskBitmap(`${sop}/${frame}`, segmentation, own, mask.value, colours) : null;
}

/** Overlay planes of the image, and those of the state it is shown under: where that says which, those alone. */
function* planesAt(viewport: Viewport, document: SeriesDocument, index: number): Generator<Placed> {
  const state = contentShown(viewport);
  for (const [layer, plane] of state?.overlays ?? []) {
    const colour = state?.layers.find(({ name }) => name === layer)?.colour || PLANE_COLOUR;
    if (layer !== "") yield placedPlane(plane, colour);
  }
  if (!planesSeen.value || !viewport.attributes.value?.overlays) return;
  const { sop, frame } = namedAt(document, index);
  const answer = planesOf({ studyUid: document.study_instance_uid, sop }, frame).value;
  for (const plane of answer?.ok ? answer.value.planes : []) {
    const layer = state?.activated.find(([, group]) => group === plane.group)?.[0];
    if (state && layer === undefined) continue;
    yield placedPlane(plane, state?.layers.find(({ name }) => name === layer)?.colour || PLANE_COLOUR);
  }
}

function placedPlane(plane: Plane, colour: string): Placed {
  return { bitmap: planeBitmap(plane, colour), toImage: { ...IN_PLACE, e: plane.left, f: plane.top }, opacity: 1 };
}

export function liesOn(object: Listed, document: SeriesDocument): boolean {
  return mayLieOn(object, document.series_instance_uid, spaceOf(document));
}

function spaceOf({ shared, per_frame }: SeriesDocument): string {
  return shared.frame_of_reference_uid ?? per_frame.frame_of_reference_uid?.[0] ?? "";
}

export function seriesOf({ study_instance_uid: studyUid, series_instance_uid: seriesUid }: SeriesDocument): { readonly studyUid: string; readonly seriesUid: string } {
  return { studyUid, seriesUid };
}
