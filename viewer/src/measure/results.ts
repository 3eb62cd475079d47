// The numbers of an annotation, from its points on the image, the scale there, and the pixels beneath.
import type { Point } from "../geom/plane";
import { angleAt, angleOfLines, areaOf, crossesItself, lengthOf, type Outline } from "../geom/shapes";
import { modalityValue } from "../geom/lut";
import type { AnnotationKind, Result } from "../net/annotation";
import type { FrameAttributes, SeriesDocument } from "../net/series";
import { heightAt, scaleOf, type Calibration, type Scale } from "./scale";
import { statisticsOf, type Values } from "./statistics";
import { valueKindOf, type SuvKind, type ValueKind } from "./values";

/** What is measured on. */
export interface Measured {
  readonly document: SeriesDocument;
  readonly frame: FrameAttributes;
  /** Null while the whole frame is awaited: its values are told later. */
  readonly values: Values | null;
  readonly calibration: Calibration | null;
  readonly suv: SuvKind;
}

/** Spectra and curves are read at points, not counted. */
const PICTURES: ReadonlySet<number> = new Set([0, 1]);

/** Points are of the image. */
export function resultsOf(kind: AnnotationKind, points: readonly Point[], measured: Measured): readonly Result[] {
  return [...shapeResults(kind, points, measured), ...valueResults(kind, points, measured)];
}

/** Those that need no pixels. */
export function shapeResults(kind: AnnotationKind, points: readonly Point[], { document, frame, calibration }: Measured): readonly Result[] {
  const scale = scaleOf(frame, document.modality, points, calibration);
  switch (kind) {
    case "length":
      return lengthResults(points, scale);
    case "angle":
      return isOneUnit(scale) ? [angleResult(angleAt(points[0]!, points[1]!, points[2]!, scale.step), scale)] : [];
    case "cobb":
      return isOneUnit(scale) ? [angleResult(angleOfLines([points[0]!, points[1]!], [points[2]!, points[3]!], scale.step), scale)] : [];
    case "ellipse":
    case "rectangle":
    case "freehand":
      return areaResults({ kind, points }, scale);
    case "probe":
      return heightResults(points[0]!, scale);
    case "arrow":
    case "text":
      return [];
  }
}

/** Those counted of the pixels; none while they are awaited, and of colour. */
export function valueResults(kind: AnnotationKind, points: readonly Point[], measured: Measured): readonly Result[] {
  const { document, frame, values, calibration, suv } = measured;
  if (!values || frame.samples_per_pixel !== 1 || frame.palette !== null) return [];
  const { region } = scaleOf(frame, document.modality, points, calibration);
  if (region && !PICTURES.has(region.spatial_format)) return [];
  const told = valueKindOf(document, frame, suv);
  switch (kind) {
    case "probe":
      return probeResults(points[0]!, values, told);
    case "ellipse":
    case "rectangle":
    case "freehand":
      return countedResults({ kind, points }, values, told);
    default:
      return [];
  }
}

/** Whether the numbers of an annotation come from pixels, so that they have to wait for them. */
export function needsPixels(kind: AnnotationKind): boolean {
  return kind === "ellipse" || kind === "rectangle" || kind === "freehand" || kind === "probe";
}

function lengthResults([one, other]: readonly Point[], scale: Scale): readonly Result[] {
  const { step, unitX, unitY } = scale;
  if (isOneUnit(scale)) return [result("length", lengthOf(one!, other!, step), unitX, scale)];
  // Along axes of different units there is no length between two points, but a time and a depth, or a time and a velocity.
  return [
    result("width", Math.abs(other!.x - one!.x) * step.x, unitX, scale),
    result("height", Math.abs(other!.y - one!.y) * step.y, unitY, scale),
  ];
}

function areaResults(outline: Outline, scale: Scale): readonly Result[] {
  if (outline.kind === "freehand" && crossesItself(outline.points)) return [];
  const { step, unitX } = scale;
  if (unitX === "px") return [result("area", areaOf(outline, { x: 1, y: 1 }), "px2", scale)];
  return isOneUnit(scale) && unitX === "mm" ? [result("area", areaOf(outline, step), "mm2", scale)] : [];
}

function heightResults(point: Point, scale: Scale): readonly Result[] {
  const height = isOneUnit(scale) ? null : heightAt(scale, point);
  return height === null ? [] : [result("height", height, scale.unitY, scale)];
}

function probeResults({ x, y }: Point, { frame, modality, padding }: Values, told: ValueKind): readonly Result[] {
  const [column, row] = [Math.floor(x), Math.floor(y)];
  if (frame.samples !== 1 || column < 0 || row < 0 || column >= frame.columns || row >= frame.rows) return [];
  const stored = frame.values[row * frame.columns + column]!;
  if (Number.isNaN(stored) || (padding && stored >= padding[0] && stored <= padding[1])) return [];
  return [valueResult("value", modalityValue(stored, modality), told)];
}

function countedResults(outline: Outline, values: Values, told: ValueKind): readonly Result[] {
  if (outline.kind === "freehand" && crossesItself(outline.points)) return [];
  const counted = statisticsOf(values, outline);
  return counted ? (["mean", "sd", "min", "max"] as const).map((quantity) => valueResult(quantity, counted[quantity], told)) : [];
}

function angleResult(degrees: number, scale: Scale): Result {
  return { quantity: "angle", value: degrees, unit: "deg", type: "", source: scale.source, in_body: true };
}

function result(quantity: Result["quantity"], value: number, unit: string, { source, inBody }: Scale): Result {
  return { quantity, value, unit, type: "", source, in_body: inBody };
}

function valueResult(quantity: Result["quantity"], value: number, { factor, unit, type, source }: ValueKind): Result {
  return { quantity, value: value * factor, unit, type, source, in_body: true };
}

function isOneUnit({ unitX, unitY }: Scale): boolean {
  return unitX === unitY;
}
