// A series as a presentation state has it (PS3.4 N.2): greys, displayed area, turn and flip.
import { apply, FIT, fitScale, imageToPane, type Point, type Size, type View } from "../geom/plane";
import { isAbout, type PresentationState, type StateArea } from "../net/objects";
import { frameAttributes, instanceOf, type FrameAttributes, type SeriesDocument } from "../net/series";

/** The document with what the state says of greys in place of what the images say; its tables are behind theirs. */
export function presentedDocument(document: SeriesDocument, state: PresentationState): SeriesDocument {
  const before = document.luts.length;
  const own = Array.from({ length: document.number_of_frames }, (_, index) => greysOf(document, state, index, before));
  const keys = [...new Set(own.flatMap((each) => Object.keys(each ?? {})))] as (keyof FrameAttributes)[];
  if (keys.length === 0) return document;
  const frames = own.map((_, index) => frameAttributes(document, index));
  const changed = keys.map((key) => [key, frames.map((frame, index) => own[index]?.[key] ?? (own[index] && key in own[index] ? null : frame[key]))]);
  return { ...document, luts: [...document.luts, ...state.luts], per_frame: { ...document.per_frame, ...Object.fromEntries(changed) } };
}

function greysOf(document: SeriesDocument, state: PresentationState, index: number, before: number): Partial<Record<keyof FrameAttributes, unknown>> | null {
  const { sop, frame } = namedAt(document, index);
  if (!isAbout(state.images, sop, frame)) return null;
  const found = state.greys.find(({ images }) => images.length === 0 || isAbout(images, sop, frame))?.attributes;
  if (!found) return null;
  const behind = (table: number | null): number | null => (table === null ? null : table + before);
  return { ...found, modality_lut: behind(found.modality_lut), voi_lut: behind(found.voi_lut) };
}

export function namedAt(document: SeriesDocument, index: number): { readonly sop: string; readonly frame: number } {
  return { sop: instanceOf(document, index).sop_instance_uid, frame: frameAttributes(document, index).frame_number };
}

/** The area of a frame that a state displays. */
export function areaOf(state: PresentationState, sop: string, frame: number): StateArea | null {
  return state.areas.find(({ images }) => images.length === 0 || isAbout(images, sop, frame)) ?? null;
}

/** Left, top, right and bottom of an area, in image points: its corners are pixels, which belong to it. */
export function boundsOf({ top_left, bottom_right }: StateArea): readonly [number, number, number, number] {
  const [left, right] = [Math.min(top_left[0], bottom_right[0]) - 1, Math.max(top_left[0], bottom_right[0])];
  const [top, bottom] = [Math.min(top_left[1], bottom_right[1]) - 1, Math.max(top_left[1], bottom_right[1])];
  return [left, top, right, bottom];
}

/** How a frame lies in a pane as a state has it. PS3.3 C.10.6 turns, then flips; a view flips, then turns. */
export function viewUnder(state: PresentationState, area: StateArea | null, image: Size, aspect: number, pane: Size): View {
  const turned: View = { ...FIT, rotate: state.flip ? (360 - state.rotate) % 360 : state.rotate, flipH: state.flip };
  if (!area) return turned;
  const [left, top, right, bottom] = boundsOf(area);
  const seen = { width: right - left, height: bottom - top };
  const whole = fitScale(image, aspect, pane, turned.rotate);
  const scale = area.mode === "MAGNIFY" && area.magnification ? area.magnification / devicePixelRatio : fitScale(seen, aspect, pane, turned.rotate);
  const zoomed = { ...turned, zoom: scale / whole };
  const middle = apply(imageToPane(image, aspect, pane, zoomed), { x: (left + right) / 2, y: (top + bottom) / 2 });
  return { ...zoomed, panX: pane.width / 2 - middle.x, panY: pane.height / 2 - middle.y };
}

/** From parts of the displayed area, as it is seen, to the pane (PS3.3 C.10.5.1.2). bounds: of the area, in image points. */
export function fromDisplay(bounds: readonly [number, number, number, number], toPane: (point: Point) => Point): (point: Point) => Point {
  const [left, top, right, bottom] = bounds;
  const [one, other] = [toPane({ x: left, y: top }), toPane({ x: right, y: bottom })];
  const [x, y] = [Math.min(one.x, other.x), Math.min(one.y, other.y)];
  const [width, height] = [Math.abs(one.x - other.x), Math.abs(one.y - other.y)];
  return (point) => ({ x: x + point.x * width, y: y + point.y * height });
}
