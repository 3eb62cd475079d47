// The series document: what the viewer must know of a series before its frames come, shared attributes once.
// Its schema is told in pacs/dicom/series_document.py; names are those of the attributes in snake_case, lengths in mm.
import type { Lut, Palette } from "../geom/lut";
import type { ImageOrientation } from "../geom/orient";
import type { PixelDescription } from "../geom/pixels";
import type { PixelSize } from "../geom/scale";
import type { VoiFunction } from "../geom/window";
import { valueOf } from "./passes";

export type SeriesKind = "image" | "segmentation" | "video" | "sr" | "key_object" | "presentation_state" | "document" | "waveform" | "rt" | "other";

export interface Patient {
  /** The whole PN value, component groups joined by `=`. */
  readonly patient_name: string;
  readonly patient_id: string;
  readonly patient_birth_date: string;
  readonly patient_sex: string;
}

/** A look-up table as it is sent: base64 of unsigned 16-bit little-endian entries. */
interface LutDocument {
  readonly first: number;
  readonly bits: number;
  readonly values: string;
}

/** A palette as it is sent: base64 of bytes. */
interface PaletteDocument {
  readonly first: number;
  readonly red: string;
  readonly green: string;
  readonly blue: string;
}

/** Frames that lie one behind the other. */
export interface Stack {
  /** mm between neighbours along the normal: the median. */
  readonly spacing: number;
  readonly regular: boolean;
  readonly sheared: boolean;
  readonly phases: number;
}

/** A calibrated region of an ultrasound image (PS3.3 C.8.5.5), in pixels counted from 0, ends included. */
export interface Region {
  /** Its place in the sequence, from 1. */
  readonly number: number;
  /** Region Spatial Format: 1 2D, 2 M-mode, 3 spectral, 4 wave form, 5 graphics. */
  readonly spatial_format: number;
  /** Region Data Type: 1 tissue, 2 colour flow, 3 PW spectral ... */
  readonly data_type: number;
  /** Of those that overlap, it counts before the others. */
  readonly is_above: boolean;
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
  readonly physical_units_x: number;
  readonly physical_units_y: number;
  readonly physical_delta_x: number;
  readonly physical_delta_y: number;
  /** Of the row at which the vertical axis has `reference_value_y`, from the region's corner: the baseline of a spectrum. */
  readonly reference_pixel_y: number | null;
  readonly reference_value_y: number;
}

/** Factors from the values of a PET image, in their own unit, to standardised uptake values. */
export interface Suv {
  /** Units (0054,1001) of the values: BQML, CNTS ... */
  readonly units: string;
  /** By body weight, to g/ml. */
  readonly bw: number | null;
  /** By lean body mass (James), to g/ml. */
  readonly lbm: number | null;
  /** By body surface (Du Bois), to cm2/ml. */
  readonly bsa: number | null;
  /** Why one or all are missing; "": none is. */
  readonly reason: SuvReason;
}

export type SuvReason =
  | ""
  | "not_corrected"
  | "decay_correction"
  | "units"
  | "no_dose"
  | "no_half_life"
  | "no_injection_time"
  | "no_scan_time"
  | "injected_later"
  | "no_weight"
  | "no_height"
  | "no_sex";

/** What is known of one frame. */
export interface FrameAttributes {
  /** Index into `instances`. */
  readonly instance: number;
  /** Within its instance, from 1. */
  readonly frame_number: number;
  /** Bytes, as delivered. */
  readonly size: number;
  readonly transfer_syntax_uid: string;
  readonly transcoded: boolean;
  /** Where each resolution ends, in bytes from the frame's beginning, lowest first; null: it comes as a whole only. */
  readonly resolution_ends: readonly number[] | null;
  readonly pixel_data: "integer" | "float" | "double";
  readonly rows: number;
  readonly columns: number;
  readonly samples_per_pixel: number;
  readonly photometric_interpretation: string;
  readonly planar_configuration: number;
  readonly bits_allocated: number;
  readonly bits_stored: number;
  readonly high_bit: number;
  readonly signed: boolean;
  readonly rescale_slope: number;
  readonly rescale_intercept: number;
  readonly rescale_type: string;
  readonly modality_lut: number | null;
  readonly window_center: number | null;
  readonly window_width: number | null;
  readonly windows: readonly (readonly [number, number, string])[];
  readonly voi_lut_function: VoiFunction;
  readonly voi_lut: number | null;
  readonly padding: readonly [number, number] | null;
  readonly inverse: boolean;
  readonly palette: number | null;
  /** mm between rows, then between columns. */
  readonly pixel_spacing: readonly [number, number] | null;
  readonly pixel_spacing_source: "" | "patient" | "calibrated" | "detector" | "scanned" | "region";
  /** How a calibrated spacing was calibrated: its type, and what was written to it. */
  readonly pixel_spacing_calibration: string;
  /** By how much the projection enlarges the body, as the modality estimates it. */
  readonly magnification: number | null;
  readonly pixel_aspect_ratio: number;
  readonly image_orientation: ImageOrientation | null;
  readonly image_position: readonly [number, number, number] | null;
  readonly frame_of_reference_uid: string;
  readonly slice_thickness: number | null;
  readonly slice_location: number | null;
  readonly laterality: string;
  readonly view_position: string;
  readonly patient_orientation: string;
  readonly quadruped: boolean;
  readonly image_type: string;
  readonly content_time: string;
  readonly acquisition_number: number | null;
  readonly frame_time: number | null;
  readonly regions: readonly Region[];
  readonly lossy: boolean;
  readonly lossy_ratio: number | null;
  /** As told: "ISO_10918_1", several joined by a backslash. */
  readonly lossy_method: string;
  /** As it was received. */
  readonly stored_transfer_syntax_uid: string;
  readonly burned_in_annotation: boolean;
  /** There may be overlay planes over it. */
  readonly overlays: boolean;
  /** Of PET; null: another image. */
  readonly suv: Suv | null;
}

export interface Instance {
  readonly sop_instance_uid: string;
  readonly sop_class_uid: string;
  readonly instance_number: number | null;
  readonly number_of_frames: number;
}

/** An object of the series without frames that can be shown as pictures. */
export interface OtherObject {
  readonly sop_instance_uid: string;
  readonly sop_class_uid: string;
  readonly instance_number: number | null;
  readonly kind: SeriesKind;
}

/** What a reader should know before he trusts a place, a side or a length; codes are those of pacs/dicom/series_warnings.py. */
export interface SeriesWarning {
  readonly code: WarningCode;
  readonly facts: Readonly<Record<string, number | string>>;
}

export type WarningCode =
  | "spacing_invalid"
  | "spacing_conflict"
  | "slices_conflict"
  | "orientation_invalid"
  | "same_place"
  | "frames_of_reference"
  | "laterality_conflict"
  | "laterality_described"
  | "burned_in";

type PerFrame = { readonly [Key in keyof FrameAttributes]?: readonly FrameAttributes[Key][] };

/** As the server sends it. */
export interface SeriesDocument {
  readonly study_instance_uid: string;
  readonly series_instance_uid: string;
  /** Indices of frames hold for this revision only. */
  readonly revision: number;
  readonly kind: SeriesKind;
  readonly modality: string;
  readonly series_number: number | null;
  readonly series_description: string;
  readonly series_date: string;
  readonly series_time: string;
  readonly body_part_examined: string;
  readonly protocol_name: string;
  readonly patient: Patient;
  readonly study_date: string;
  readonly study_time: string;
  readonly study_description: string;
  readonly accession_number: string;
  readonly institution_name: string;
  readonly number_of_frames: number;
  readonly order: "position" | "phase_position" | "instance_number";
  readonly stack: Stack | null;
  readonly warnings: readonly SeriesWarning[];
  /** Frames a second, as recorded; null: not a film. */
  readonly recommended_rate: number | null;
  readonly instances: readonly Instance[];
  readonly objects: readonly OtherObject[];
  readonly luts: readonly LutDocument[];
  readonly palettes: readonly PaletteDocument[];
  readonly shared: Partial<FrameAttributes>;
  readonly per_frame: PerFrame;
}

/** Everything known of frame `index`, from 0. Every key is either shared or given for each frame. */
export function frameAttributes(document: SeriesDocument, index: number): FrameAttributes {
  const made = keptIn(attributes, document, () => []);
  return (made[index] ??= madeAttributes(document, index));
}

/** By index; made when they are first asked for. */
const attributes = new WeakMap<SeriesDocument, FrameAttributes[]>();

function madeAttributes({ shared, per_frame }: SeriesDocument, index: number): FrameAttributes {
  const made: Record<string, unknown> = { ...shared };
  for (const key in per_frame) made[key] = per_frame[key as keyof PerFrame]![index];
  return made as unknown as FrameAttributes;
}

export function instanceOf(document: SeriesDocument, index: number): Instance {
  return document.instances[valueOf(document, "instance", index)!]!;
}

/** What names a frame whatever the revision of its series: SOP Instance UID and frame number. */
export function frameName(document: SeriesDocument, index: number): string {
  return `${instanceOf(document, index).sop_instance_uid}/${valueOf(document, "frame_number", index)}`;
}

/** How long a frame of a film stays, as a part of the mean of all; 1 where all stay as long, or it is not known. */
export function shareOfTime({ per_frame: { frame_time: times } }: SeriesDocument, index: number): number {
  const known = (times ?? []).filter((time) => time !== null && time > 0) as readonly number[];
  const time = times?.[index];
  return time && time > 0 ? (time * known.length) / known.reduce((sum, each) => sum + each, 0) : 1;
}

/** The index of the first frame of an instance; 0 when it is not there. */
export function frameOf({ instances, shared, per_frame, number_of_frames }: SeriesDocument, sopInstanceUid: string): number {
  const instance = instances.findIndex(({ sop_instance_uid }) => sop_instance_uid === sopInstanceUid);
  const found = per_frame.instance?.indexOf(instance) ?? (shared.instance === instance ? 0 : -1);
  return Math.min(Math.max(0, found), number_of_frames - 1);
}

export function pixelDescription(frame: FrameAttributes): PixelDescription {
  return {
    transferSyntaxUid: frame.transfer_syntax_uid,
    rows: frame.rows,
    columns: frame.columns,
    samplesPerPixel: frame.samples_per_pixel,
    photometric: frame.photometric_interpretation,
    planarConfiguration: frame.planar_configuration,
    bitsAllocated: frame.bits_allocated,
    bitsStored: frame.bits_stored,
    highBit: frame.high_bit,
    signed: frame.signed,
    float: frame.pixel_data !== "integer",
  };
}

/** JPEG-LS, JPEG 2000 and HTJ2K where they may be either: that nothing was lost is then only known when it is said. */
const EITHER = /\.4\.(81|91|93|203|205)$/;

export type Loss = "original" | "lossless" | "maybe_lossy" | "lossy";

/** What was done to the pixels before they came here. "lossless": made anew from what was received, bit for bit the same. */
export function lossOf({ lossy, stored_transfer_syntax_uid, transcoded, resolution_ends }: FrameAttributes): Loss {
  if (lossy) return "lossy";
  if (EITHER.test(stored_transfer_syntax_uid)) return "maybe_lossy";
  return transcoded || resolution_ends ? "lossless" : "original";
}

/** Height and width of a pixel, or null where no length can be told. */
export function pixelSizeOf(frame: FrameAttributes): PixelSize | null {
  if (!frame.pixel_spacing) return null;
  const [rowMm, columnMm] = frame.pixel_spacing;
  const source = frame.pixel_spacing_source;
  return { rowMm, columnMm, at: source === "detector" || source === "region" ? source : "patient" };
}

const luts = new WeakMap<LutDocument, Lut>();
const palettes = new WeakMap<PaletteDocument, Palette>();

/** A table of the document, unpacked once: the same one is the same object. */
export function lutAt(document: SeriesDocument, index: number | null): Lut | null {
  const found = index === null ? undefined : document.luts[index];
  return found ? keptIn(luts, found, lutOf) : null;
}

export function paletteAt(document: SeriesDocument, index: number | null): Palette | null {
  const found = index === null ? undefined : document.palettes[index];
  return found ? keptIn(palettes, found, paletteOf) : null;
}

function lutOf({ first, bits, values }: LutDocument): Lut {
  return { first, bits, values: new Uint16Array(bytesOf(values).buffer) };
}

function paletteOf({ first, red, green, blue }: PaletteDocument): Palette {
  return { first, red: bytesOf(red), green: bytesOf(green), blue: bytesOf(blue) };
}

function keptIn<Key extends WeakKey, Value>(store: WeakMap<Key, Value>, key: Key, make: (key: Key) => Value): Value {
  const known = store.get(key) ?? make(key);
  store.set(key, known);
  return known;
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}
