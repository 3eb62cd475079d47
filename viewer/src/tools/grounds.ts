// The ground of what a viewport shows, and what is measured on it.
import { apply, inverse, type Point } from "../geom/plane";
import { frameGround, planeGround, type Ground } from "../measure/ground";
import type { Measured } from "../measure/results";
import type { Viewport } from "../render/viewport";
import { calibrationOf } from "../state/calibration";
import { panes } from "../state/reading";
import { suvKind } from "../state/suv";
import { viewports } from "./viewports";

/** Null before the first picture. */
export function groundOf(viewport: Viewport): Ground | null {
  const [document, frame] = [viewport.document.value, viewport.attributes.value];
  if (!document || !frame) return null;
  return isPlane(viewport) ? planeGround(document, frame) : frameGround(document, frame);
}

export function measuredOf(viewport: Viewport, { document, frame, place }: Ground): Measured {
  const calibration = place.on === "frame" ? calibrationOf(place.sop_instance_uid) : null;
  return { document, frame, values: viewport.pixels.value, calibration, suv: suvKind.value };
}

/** The point of the picture under a point of the pane, within the picture. */
export function picturePoint(viewport: Viewport, at: Point): Point | null {
  const placement = viewport.placement.peek();
  if (!placement) return null;
  const { x, y } = apply(inverse(placement.toPane), at);
  return { x: Math.min(placement.image.width, Math.max(0, x)), y: Math.min(placement.image.height, Math.max(0, y)) };
}

function isPlane(viewport: Viewport): boolean {
  const paneId = [...viewports.value].find(([, each]) => each === viewport)?.[0];
  return panes.value.some(({ id, kind }) => id === paneId && kind !== "stack");
}
