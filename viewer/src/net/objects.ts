// What others wrote, as the server tells it: pacs/web/shown.py and the modules it names say the same in Python.
import { fetchJson, reasonOf, tellSignedOut, type Answer } from "./api";
import { studyPath } from "./paths";

export type ObjectKind = "presentation_state" | "key_object" | "sr" | "segmentation" | "contours" | "document" | "video" | "waveform" | "rt" | "other";

/** Images that something is about. */
export interface AboutImage {
  /** "" where it is not told. */
  readonly series: string;
  readonly sop: string;
  /** Empty: all of it. */
  readonly frames: readonly number[];
}

export interface ToldObject {
  readonly sop_instance_uid: string;
  readonly series_instance_uid: string;
  readonly sop_class_uid: string;
  readonly kind: ObjectKind;
  readonly label: string;
  /** The code value of its title, as a report or a key object note has one; else "". */
  readonly title_code: string;
  readonly description: string;
  readonly creator: string;
  readonly date: string;
  readonly time: string;
  readonly series_number: number | null;
  readonly instance_number: number | null;
  readonly frame_of_reference_uids: readonly string[];
  readonly series: readonly string[];
  readonly images: readonly AboutImage[];
  readonly media_type: string;
}

export interface ObjectList {
  readonly objects: readonly ToldObject[];
  readonly left_out: number;
}

/** An object of a study. */
export interface ObjectRef {
  readonly studyUid: string;
  readonly sop: string;
}

export interface Segment {
  readonly number: number;
  readonly label: string;
  readonly description: string;
  readonly category: string;
  readonly kind: string;
  readonly algorithm: string;
  readonly colour: string;
}

export interface Segmentation {
  readonly kind: "segmentation";
  readonly type: "BINARY" | "FRACTIONAL" | "LABELMAP";
  readonly rows: number;
  readonly columns: number;
  /** The value of what is wholly in a segment. */
  readonly most: number;
  readonly bits: 1 | 8 | 16;
  readonly segments: readonly Segment[];
  readonly frames: readonly { readonly segment: number | null }[];
  readonly left_out: number;
}

export interface Structure {
  readonly number: number;
  readonly label: string;
  readonly description: string;
  readonly kind: string;
  readonly algorithm: string;
  readonly colour: string;
  readonly contours: number;
}

export interface StructureSet {
  readonly kind: "contours";
  readonly structures: readonly Structure[];
  readonly left_out: number;
}

export interface Code {
  readonly meaning: string;
  readonly value: string;
  readonly scheme: string;
}

export interface Reference {
  readonly study: string;
  readonly series: string;
  readonly sop: string;
  readonly sop_class: string;
  readonly frames: readonly number[];
}

/** A content item of a report (PS3.3 C.17.3). */
export interface Item {
  readonly kind: string;
  readonly relationship: string;
  readonly concept?: Code;
  readonly value?: string;
  readonly unit?: string;
  readonly code?: Code;
  readonly reference?: Reference;
  /** Index into the marks. */
  readonly mark?: number;
  readonly children?: readonly Item[];
}

export interface Mark {
  readonly label: string;
  readonly shape: string;
  readonly points: readonly number[];
  readonly reference: Reference | null;
  readonly frame_of_reference_uid: string;
}

export interface Report {
  readonly kind: "sr";
  readonly title: string;
  readonly facts: readonly (readonly [string, string])[];
  readonly content: readonly Item[];
  readonly marks: readonly Mark[];
  readonly left_out: number;
}

/** A bitmap of one bit over a frame. */
export interface Plane {
  readonly group: number;
  readonly label: string;
  readonly rows: number;
  readonly columns: number;
  readonly top: number;
  readonly left: number;
  /** base64, the first pixel in the lowest bit. */
  readonly bits: string;
}

export interface StateGraphic {
  readonly shape: string;
  readonly units: string;
  readonly points: readonly number[];
  readonly filled: boolean;
  readonly colour: string;
  readonly thickness: number | null;
  readonly dashed: boolean;
}

export interface StateText {
  readonly value: string;
  readonly box: readonly number[] | null;
  readonly box_units: string;
  readonly align: string;
  readonly anchor: readonly number[] | null;
  readonly anchor_units: string;
  readonly anchor_visible: boolean;
  readonly colour: string;
}

export interface StateAnnotation {
  readonly layer: string;
  readonly images: readonly AboutImage[];
  readonly graphics: readonly StateGraphic[];
  readonly texts: readonly StateText[];
}

export interface StateArea {
  readonly images: readonly AboutImage[];
  readonly top_left: readonly [number, number];
  readonly bottom_right: readonly [number, number];
  readonly mode: string;
  readonly magnification: number | null;
}

export interface StateGreys {
  readonly images: readonly AboutImage[];
  /** By the names of `FrameAttributes`, in whose place they stand; tables are those of the state. */
  readonly attributes: Readonly<Record<string, unknown>> & { readonly modality_lut: number | null; readonly voi_lut: number | null };
}

export interface Shutter {
  readonly rectangle: readonly number[] | null;
  readonly circle: readonly number[] | null;
  readonly polygon: readonly number[] | null;
  readonly bitmap: Plane | null;
  readonly colour: string;
}

export interface PresentationState {
  readonly kind: "presentation_state";
  readonly label: string;
  readonly description: string;
  readonly creator: string;
  readonly images: readonly AboutImage[];
  readonly layers: readonly { readonly name: string; readonly order: number; readonly colour: string; readonly description: string }[];
  readonly annotations: readonly StateAnnotation[];
  readonly areas: readonly StateArea[];
  /** Clockwise, in degrees, before the flip. */
  readonly rotate: number;
  readonly flip: boolean;
  readonly greys: readonly StateGreys[];
  readonly luts: readonly { readonly first: number; readonly bits: number; readonly values: string }[];
  readonly shutter: Shutter | null;
  readonly overlays: readonly (readonly [string, Plane])[];
  readonly activated: readonly (readonly [string, number])[];
  readonly left_out: number;
}

export type Content = Segmentation | StructureSet | Report | PresentationState;

/** x' = a·x + c·y + e, y' = b·x + d·y + f: a, b, c, d, e, f. */
export type AffineTuple = readonly [number, number, number, number, number, number];

export interface DrawnContour {
  readonly structure: number;
  readonly shape: string;
  readonly points: readonly number[];
}

export interface PlacedMark {
  readonly mark: number;
  readonly points: readonly number[];
}

/** Where an object lies on the frames of a series, by their indices. */
export interface Places<Placed> {
  /** Of the series' document. */
  readonly revision: number;
  readonly frames: Readonly<Record<string, readonly Placed[]>>;
}

/** A frame of a segmentation, from 1, and how it lies. */
export type PlacedMask = readonly [number, AffineTuple];

export function fetchObjects(studyUid: string): Promise<Answer<ObjectList>> {
  return fetchJson(`${studyPath(studyUid)}/objects`);
}

export function fetchContent(object: ObjectRef): Promise<Answer<Content>> {
  return fetchJson(objectPath(object));
}

export function fetchPlaces<Placed>(object: ObjectRef, studyUid: string, seriesUid: string): Promise<Answer<Places<Placed>>> {
  return fetchJson(`${objectPath(object)}/on/${encodeURIComponent(seriesUid)}?study=${encodeURIComponent(studyUid)}`);
}

export function fetchPlanes(image: ObjectRef, frame: number): Promise<Answer<{ readonly planes: readonly Plane[] }>> {
  return fetchJson(`${objectPath(image)}/overlays/${frame}`);
}

/** A frame of a segmentation: bits packed from the lowest of a byte, bytes, or words in little endian. */
export async function fetchMask(object: ObjectRef, frame: number): Promise<Answer<Uint8Array<ArrayBuffer>>> {
  try {
    const response = await fetch(`${objectPath(object)}/frames/${frame}`);
    if (response.ok) return { ok: true, value: new Uint8Array(await response.arrayBuffer()) };
    if (response.status === 401) tellSignedOut();
    return { ok: false, status: response.status, reason: await reasonOf(response) };
  } catch (error) {
    return { ok: false, status: 0, reason: String(error) };
  }
}

export function documentPath(object: ObjectRef): string {
  return `${objectPath(object)}/document`;
}

export function videoPath(object: ObjectRef): string {
  return `${objectPath(object)}/video`;
}

/** A small picture of a frame. */
export function keyImagePath(studyUid: string, { series, sop, frames }: AboutImage): string {
  const instance = `/dicom-web/studies/${studyUid}/series/${series}/instances/${sop}`;
  return frames.length > 0 ? `${instance}/frames/${frames[0]}/thumbnail` : `${instance}/thumbnail`;
}

/** Whether a frame is among the images that are named. */
export function isAbout(images: readonly AboutImage[], sop: string, frame: number): boolean {
  return images.some((image) => image.sop === sop && (image.frames.length === 0 || image.frames.includes(frame)));
}

function objectPath({ studyUid, sop }: ObjectRef): string {
  return `${studyPath(studyUid)}/objects/${encodeURIComponent(sop)}`;
}
