// Where the frames of a series lie in space, and whether they make a volume; worked out once for each document.
import { type Plane, planeOf } from "../geom/space";
import { geometryOf, type NoVolume, type VolumeGeometry } from "../geom/volume";
import type { FrameAttributes, SeriesDocument } from "../net/series";

const planes = new WeakMap<SeriesDocument, readonly (Plane | null)[]>();
const volumes = new WeakMap<SeriesDocument, VolumeGeometry | NoVolume>();

/** Of each frame; null: it is not told where it lies, or its scale is not that of the body. */
export function planesOf(document: SeriesDocument): readonly (Plane | null)[] {
  const known = planes.get(document) ?? Array.from({ length: document.number_of_frames }, (_, index) => planeAt(document, index));
  planes.set(document, known);
  return known;
}

/** The volume that the frames of a series make, or why they make none. */
export function volumeOf(document: SeriesDocument): VolumeGeometry | NoVolume {
  const known = volumes.get(document) ?? madeOf(document);
  volumes.set(document, known);
  return known;
}

function planeAt(document: SeriesDocument, index: number): Plane | null {
  const source = valueAt(document, "pixel_spacing_source", index);
  return planeOf({
    image_orientation: valueAt(document, "image_orientation", index),
    image_position: valueAt(document, "image_position", index),
    pixel_spacing: source === "patient" || source === "calibrated" ? valueAt(document, "pixel_spacing", index) : null,
    rows: valueAt(document, "rows", index),
    columns: valueAt(document, "columns", index),
    frame_of_reference_uid: valueAt(document, "frame_of_reference_uid", index),
  });
}

function madeOf(document: SeriesDocument): VolumeGeometry | NoVolume {
  const all = Array.from({ length: document.number_of_frames }, (_, index) => index);
  const some = (test: (index: number) => boolean): boolean => all.some(test);
  if (document.modality === "US") return "ultrasound";
  if (some((index) => valueAt(document, "image_type", index).split("\\").includes("LOCALIZER"))) return "localiser";
  if (some((index) => valueAt(document, "samples_per_pixel", index) !== 1 || valueAt(document, "palette", index) !== null)) return "colour";
  if (some((index) => planesOf(document)[index] === null)) return "unplaced";
  if (document.order === "phase_position" || (document.stack?.phases ?? 1) > 1) return "phases";
  if (document.stack === null) return document.number_of_frames < 3 ? "few" : isMixed(document) ? "mixed" : "phases";
  return geometryOf(planesOf(document));
}

/** Whether frames differ in size, or look in different directions. */
function isMixed(document: SeriesDocument): boolean {
  const [first, ...others] = planesOf(document);
  return others.some((plane) => {
    const directions = [plane!.right, plane!.down].flat().map((part, index) => Math.abs(part - [...first!.right, ...first!.down][index]!));
    return plane!.rows !== first!.rows || plane!.columns !== first!.columns || Math.max(...directions) > 1e-3;
  });
}

function valueAt<Key extends keyof FrameAttributes>({ per_frame, shared }: SeriesDocument, key: Key, index: number): FrameAttributes[Key] {
  const own = per_frame[key];
  return (own ? own[index] : shared[key]) as FrameAttributes[Key];
}
