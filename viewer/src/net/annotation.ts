// An annotation as it is drawn, kept and sent: the browser makes it, the server keeps it as it came and writes it into DICOM.
// Its schema is told once more, for the server, in pacs/dicom/annotation_document.py; a test compares them.

export type AnnotationKind = "length" | "angle" | "cobb" | "ellipse" | "rectangle" | "freehand" | "probe" | "arrow" | "text";

/** On one frame: points are (column, row) in pixels from the corner of the first pixel, as in PS3.3 C.18.6 (SCOORD). */
export interface FramePlace {
  readonly on: "frame";
  readonly study_instance_uid: string;
  readonly series_instance_uid: string;
  readonly sop_class_uid: string;
  readonly sop_instance_uid: string;
  /** From 1. */
  readonly frame_number: number;
}

/** On a plane through a volume: points are (x, y, z) in mm in the patient's coordinates, as in C.18.9 (SCOORD3D). */
export interface PlanePlace {
  readonly on: "plane";
  readonly study_instance_uid: string;
  /** Of the series the volume is made of. */
  readonly series_instance_uid: string;
  readonly frame_of_reference_uid: string;
  /** Of the plane, through the first point. */
  readonly normal: readonly [number, number, number];
}

/** A number that was measured, with its unit and where both come from. */
export interface Result {
  /** What it is. */
  readonly quantity: "length" | "angle" | "area" | "mean" | "sd" | "min" | "max" | "value" | "width" | "height";
  /** Not rounded. */
  readonly value: number;
  /** UCUM: mm, cm, deg, mm2, [hnsf'U], g/ml, px, px2, s, cm/s, 1 (none) ... */
  readonly unit: string;
  /** What it is a measure of, where the unit does not tell: "HU", "SUVbw" ... */
  readonly type: string;
  /** The attribute its scale was read from, as a keyword: PixelSpacing, ImagerPixelSpacing, SequenceOfUltrasoundRegions ...; "calibrated": a known length; "": none. */
  readonly source: string;
  /** False: at the detector, an estimate, or pixels: not to be taken for a length in the body. */
  readonly in_body: boolean;
}

export interface Annotation {
  /** A random UUID. */
  readonly id: string;
  readonly kind: AnnotationKind;
  readonly place: FramePlace | PlanePlace;
  /**
   * length, arrow: two ends (an arrow's tip first); angle: end, vertex, end; cobb: two of each line; rectangle: two opposite corners;
   * ellipse: ends of one axis, then of the other; freehand: the outline, closed by its first point; probe, text: one.
   */
  readonly points: readonly (readonly number[])[];
  /** What was typed. */
  readonly text: string;
  /** As computed when it was last changed. */
  readonly results: readonly Result[];
}

/** As the server keeps it. */
export interface KeptAnnotation extends Annotation {
  readonly author: string;
  /** ISO 8601, UTC. */
  readonly created_at: string;
  readonly changed_at: string;
  /** Counted from 1. */
  readonly version: number;
}
