// What is drawn on: a frame, or a plane through a volume; and the ways between the points kept and those of the picture.
import type { Point } from "../geom/plane";
import type { Annotation, FramePlace, PlanePlace } from "../net/annotation";
import type { FrameAttributes, SeriesDocument } from "../net/series";

type Vector = readonly [number, number, number];

export interface Ground {
  readonly document: SeriesDocument;
  readonly frame: FrameAttributes;
  readonly place: FramePlace | PlanePlace;
  /** Points of the picture count from the corner of its first pixel. */
  readonly toPicture: (kept: readonly number[]) => Point;
  readonly toKept: (point: Point) => readonly number[];
  readonly has: (annotation: Annotation) => boolean;
}

/** Planes are the same where their normals differ by less than this, as a cosine. */
const PARALLEL = 0.9999;

/** The frame on screen. */
export function frameGround(document: SeriesDocument, frame: FrameAttributes): Ground {
  const instance = document.instances[frame.instance]!;
  const place: FramePlace = {
    on: "frame",
    study_instance_uid: document.study_instance_uid,
    series_instance_uid: document.series_instance_uid,
    sop_class_uid: instance.sop_class_uid,
    sop_instance_uid: instance.sop_instance_uid,
    frame_number: frame.frame_number,
  };
  return {
    document,
    frame,
    place,
    toPicture: ([x, y]) => ({ x: x!, y: y! }),
    toKept: ({ x, y }) => [x, y],
    has: ({ place: other }) =>
      other.on === "frame" && other.sop_instance_uid === place.sop_instance_uid && other.frame_number === place.frame_number,
  };
}

/** The plane on screen; null where it does not lie in space. */
export function planeGround(document: SeriesDocument, frame: FrameAttributes): Ground | null {
  const { image_orientation, image_position, pixel_spacing } = frame;
  if (!image_orientation || !image_position || !pixel_spacing) return null;
  const row = image_orientation.slice(0, 3) as unknown as Vector;
  const column = image_orientation.slice(3) as unknown as Vector;
  const normal = cross(row, column);
  const [rowMm, columnMm] = pixel_spacing;
  const place: PlanePlace = {
    on: "plane",
    study_instance_uid: document.study_instance_uid,
    series_instance_uid: document.series_instance_uid,
    frame_of_reference_uid: frame.frame_of_reference_uid,
    normal,
  };
  const toPicture = (kept: readonly number[]): Point => {
    const from = minus(kept as unknown as Vector, image_position);
    return { x: dot(from, row) / columnMm + 0.5, y: dot(from, column) / rowMm + 0.5 };
  };
  const away = (kept: readonly number[]): number => Math.abs(dot(minus(kept as unknown as Vector, image_position), normal));
  return {
    document,
    frame,
    place,
    toPicture,
    toKept: ({ x, y }) => {
      const [along, down] = [(x - 0.5) * columnMm, (y - 0.5) * rowMm];
      return image_position.map((start, axis) => start + row[axis]! * along + column[axis]! * down);
    },
    has: ({ place: other, points }) =>
      other.on === "plane" &&
      other.series_instance_uid === place.series_instance_uid &&
      Math.abs(dot(other.normal, normal)) > PARALLEL &&
      points.every((point) => away(point) < Math.max(rowMm, columnMm) / 2),
  };
}

function dot(one: Vector, other: Vector): number {
  return one[0] * other[0] + one[1] * other[1] + one[2] * other[2];
}

function cross(one: Vector, other: Vector): Vector {
  return [one[1] * other[2] - one[2] * other[1], one[2] * other[0] - one[0] * other[2], one[0] * other[1] - one[1] * other[0]];
}

function minus(one: Vector, other: Vector): Vector {
  return [one[0] - other[0], one[1] - other[1], one[2] - other[2]];
}
