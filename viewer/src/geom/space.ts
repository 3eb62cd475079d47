// Where pictures lie in the patient (PS3.3 C.7.6.2.1.1): from image points to mm and back, and where planes cross.
import { type ImageOrientation, normalOf, type Vector } from "./orient";
import type { Point } from "./plane";

/** A picture in space. Directions are unit vectors at right angles. */
export interface Plane {
  /** Middle of the first pixel, in mm. */
  readonly origin: Vector;
  /** Along a row, with rising columns. */
  readonly right: Vector;
  /** Along a column, with rising rows. */
  readonly down: Vector;
  readonly normal: Vector;
  /** mm between rows, and between columns. */
  readonly rowMm: number;
  readonly columnMm: number;
  readonly rows: number;
  readonly columns: number;
  readonly frameOfReferenceUid: string;
}

/** What a plane is told by. */
export interface PlaneFacts {
  readonly image_orientation: ImageOrientation | null;
  readonly image_position: Vector | null;
  readonly pixel_spacing: readonly [number, number] | null;
  readonly rows: number;
  readonly columns: number;
  readonly frame_of_reference_uid: string;
}

export interface Segment {
  readonly from: Point;
  readonly to: Point;
}

/** Cosines this near to 1 and 0 are taken for it: positions have been rounded on their way. */
const UNIT = 1e-2;
/** Planes that differ by less than this angle are parallel: 5 degrees. */
const PARALLEL = Math.cos((5 * Math.PI) / 180);

export function dot(one: Vector, other: Vector): number {
  return one[0] * other[0] + one[1] * other[1] + one[2] * other[2];
}

export function sum(one: Vector, other: Vector): Vector {
  return [one[0] + other[0], one[1] + other[1], one[2] + other[2]];
}

export function difference(one: Vector, other: Vector): Vector {
  return [one[0] - other[0], one[1] - other[1], one[2] - other[2]];
}

export function scaled(vector: Vector, by: number): Vector {
  return [vector[0] * by, vector[1] * by, vector[2] * by];
}

export function cross(one: Vector, other: Vector): Vector {
  return normalOf([...one, ...other]);
}

export function unit(vector: Vector): Vector {
  return scaled(vector, 1 / Math.hypot(...vector));
}

/** The plane of a picture; null when it is not told, or what is told cannot be. */
export function planeOf(facts: PlaneFacts): Plane | null {
  const { image_orientation: cosines, image_position: origin, pixel_spacing: spacing } = facts;
  if (!cosines || !origin || !spacing) return null;
  const right: Vector = [cosines[0], cosines[1], cosines[2]];
  const down: Vector = [cosines[3], cosines[4], cosines[5]];
  const isSound = Math.abs(Math.hypot(...right) - 1) < UNIT && Math.abs(Math.hypot(...down) - 1) < UNIT && Math.abs(dot(right, down)) < UNIT;
  if (!isSound) return null;
  return {
    origin,
    right: unit(right),
    down: unit(down),
    normal: unit(normalOf(cosines)),
    rowMm: spacing[0],
    columnMm: spacing[1],
    rows: facts.rows,
    columns: facts.columns,
    frameOfReferenceUid: facts.frame_of_reference_uid,
  };
}

/** Image points count from the corner of the first pixel, positions from its middle. */
export function toPatient(plane: Plane, { x, y }: Point): Vector {
  const across = scaled(plane.right, (x - 0.5) * plane.columnMm);
  return sum(sum(plane.origin, across), scaled(plane.down, (y - 0.5) * plane.rowMm));
}

/** The foot of a position on the plane, as an image point. */
export function toImage(plane: Plane, at: Vector): Point {
  const from = difference(at, plane.origin);
  return { x: dot(from, plane.right) / plane.columnMm + 0.5, y: dot(from, plane.down) / plane.rowMm + 0.5 };
}

/** mm from the plane to a position, along its normal. */
export function heightOver(plane: Plane, at: Vector): number {
  return dot(difference(at, plane.origin), plane.normal);
}

/** Whether both are told in the same coordinates: only then can their positions be compared. */
export function sameSpace(one: Plane, other: Plane): boolean {
  return one.frameOfReferenceUid !== "" && one.frameOfReferenceUid === other.frameOfReferenceUid;
}

export function areParallel(one: Plane, other: Plane): boolean {
  return Math.abs(dot(one.normal, other.normal)) > PARALLEL;
}

/** Where another picture crosses this one, as far as both reach; null when it does not, or both are parallel. */
export function crossing(plane: Plane, other: Plane): Segment | null {
  if (areParallel(plane, other)) return null;
  const along = unit(cross(plane.normal, other.normal));
  const start = onBoth(plane, other, along);
  const reaches = [plane, other].flatMap((each) => {
    const [from, to] = [toImage(each, start), toImage(each, sum(start, along))];
    return [
      { at: from.x, step: to.x - from.x, most: each.columns },
      { at: from.y, step: to.y - from.y, most: each.rows },
    ];
  });
  let [low, high] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (const { at, step, most } of reaches) {
    if (Math.abs(step) < 1e-9) {
      if (at < 0 || at > most) return null;
      continue;
    }
    const [one, two] = [-at / step, (most - at) / step];
    low = Math.max(low, Math.min(one, two));
    high = Math.min(high, Math.max(one, two));
  }
  if (low >= high) return null;
  return { from: toImage(plane, sum(start, scaled(along, low))), to: toImage(plane, sum(start, scaled(along, high))) };
}

/** The point of both planes that is nearest to the middle between their origins. */
function onBoth(plane: Plane, other: Plane, along: Vector): Vector {
  const inPlane = cross(along, plane.normal);
  const steps = -heightOver(other, plane.origin) / dot(inPlane, other.normal);
  return sum(plane.origin, scaled(inPlane, steps));
}

/** The plane nearest to a position; null when none is told. */
export function nearestPlane(planes: readonly (Plane | null)[], at: Vector): { readonly index: number; readonly distanceMm: number } | null {
  let nearest: { readonly index: number; readonly distanceMm: number } | null = null;
  planes.forEach((plane, index) => {
    if (!plane) return;
    const distanceMm = Math.abs(heightOver(plane, at));
    if (!nearest || distanceMm < nearest.distanceMm - 1e-6) nearest = { index, distanceMm };
  });
  return nearest;
}

/** A vector turned about a unit axis, by Rodrigues' formula. */
export function turned(vector: Vector, axis: Vector, radians: number): Vector {
  const [cos, sin] = [Math.cos(radians), Math.sin(radians)];
  return sum(sum(scaled(vector, cos), scaled(cross(axis, vector), sin)), scaled(axis, dot(axis, vector) * (1 - cos)));
}
