// To a place in space: the other panes show the frame through it, and mark it.
import type { Vector } from "../geom/orient";
import { apply, inverse, type Point } from "../geom/plane";
import { nearestPlane, type Plane, toPatient } from "../geom/space";
import type { Viewport } from "../render/viewport";
import { crosshair } from "../state/link";
import { planesOf } from "../state/planes";
import { viewports } from "./viewports";

/** The plane on screen. */
export function shownPlane(viewport: Viewport): Plane | null {
  const document = viewport.document.value;
  return (document && planesOf(document)[viewport.shown.value]) ?? null;
}

/** The position under a point in CSS px of the pane; null where it is not told. */
export function placeUnder(viewport: Viewport, point: Point): { readonly plane: Plane; readonly at: Vector } | null {
  const plane = shownPlane(viewport);
  const placement = viewport.placement.peek();
  if (!plane || !placement || plane.frameOfReferenceUid === "") return null;
  return { plane, at: toPatient(plane, apply(inverse(placement.toPane), point)) };
}

/** Marks the place under a point, and shows it in the other panes. False: it is not told where that is. */
export function jumpTo(viewport: Viewport, point: Point): boolean {
  const place = placeUnder(viewport, point);
  if (!place) return false;
  showPlace(place.at, place.plane.frameOfReferenceUid, viewport);
  return true;
}

/** Every pane in the same space but `from` shows the frame nearest to a place. */
export function showPlace(at: Vector, frameOfReferenceUid: string, from: Viewport): void {
  crosshair.value = { at, frameOfReferenceUid };
  for (const viewport of viewports.peek().values()) {
    const document = viewport.document.peek();
    if (viewport === from || !document) continue;
    const planes = planesOf(document).map((plane) => (plane?.frameOfReferenceUid === frameOfReferenceUid ? plane : null));
    const nearest = nearestPlane(planes, at);
    if (nearest) viewport.setFrame(nearest.index);
  }
}
