// What a pixel measures where something is drawn, and which attribute says so. Without one it measures a pixel.
import type { Point } from "../geom/plane";
import type { Step } from "../geom/shapes";
import type { FrameAttributes, Region } from "../net/series";

/** UCUM. */
export type Unit = "mm" | "s" | "cm/s" | "Hz" | "dB" | "%" | "deg" | "cm2" | "cm2/s" | "cm3" | "cm3/s" | "dB/s" | "1" | "px";

/** Why there is no better scale: "" where there is one. */
export type Lack = "" | "none" | "regions" | "outside";

export interface Scale {
  /** For a column and a row, each in its own unit. */
  readonly step: Step;
  readonly unitX: Unit;
  readonly unitY: Unit;
  /**
   * The attribute, as a keyword; "calibrated": a known length of the reader's; "": none. In brackets what is to be known with
   * it: the number of a region, how a spacing was calibrated, by how much a projection enlarges.
   */
  readonly source: string;
  readonly inBody: boolean;
  /** Where all of it was drawn in one region of an ultrasound image. */
  readonly region: Region | null;
  readonly lack: Lack;
}

/** mm for a column and for a row, by a known length. */
export type Calibration = Step;

/** Modalities that project the body onto a detector. */
const PROJECTIONS: ReadonlySet<string> = new Set(["CR", "DX", "MG", "XA", "RF", "PX", "IO", "DR", "RG", "RTIMAGE"]);

/** Units of PS3.3 C.8.5.5.1.15, with what makes ours of them. */
const UNITS: readonly (readonly [Unit, number])[] = [
  ["1", 1],
  ["%", 1],
  ["dB", 1],
  ["mm", 10],
  ["s", 1],
  ["Hz", 1],
  ["dB/s", 1],
  ["cm/s", 1],
  ["cm2", 1],
  ["cm2/s", 1],
  ["cm3", 1],
  ["cm3/s", 1],
  ["deg", 1],
];

/** The scale of what is drawn with these points (of the image) on a frame. */
export function scaleOf(frame: FrameAttributes, modality: string, points: readonly Point[], calibration: Calibration | null): Scale {
  if (calibration) return inMm(calibration, "calibrated", true);
  if (frame.regions.length > 0) return scaleInRegion(frame, points);
  if (!frame.pixel_spacing) return inPixels(frame, "none");
  const [rowMm, columnMm] = frame.pixel_spacing;
  const step = { x: columnMm, y: rowMm };
  switch (frame.pixel_spacing_source) {
    case "calibrated":
      return inMm(step, `PixelSpacing[${/^\w+/.exec(frame.pixel_spacing_calibration)?.[0] ?? "CALIBRATED"}]`, true);
    case "detector":
      return inMm(step, frame.magnification === null ? "ImagerPixelSpacing" : `ImagerPixelSpacing[${frame.magnification}]`, false);
    case "scanned":
      return inMm(step, "NominalScannedPixelSpacing", false);
    default:
      // Of a projection, Pixel Spacing that nobody says to be calibrated is taken for that at the detector (PS3.3 10.7.1.1).
      return inMm(step, "PixelSpacing", !PROJECTIONS.has(modality));
  }
}

/** The region that counts at a point: of those with units, the one above the others, the smallest first. */
export function regionAt(regions: readonly Region[], { x, y }: Point): Region | null {
  const there = regions.filter(({ x0, y0, x1, y1 }) => x >= x0 && x <= x1 + 1 && y >= y0 && y <= y1 + 1);
  const known = there.filter(({ physical_units_x, physical_units_y }) => physical_units_x > 0 && physical_units_y > 0);
  return known.sort((one, other) => Number(other.is_above) - Number(one.is_above) || areaOf(one) - areaOf(other))[0] ?? null;
}

function areaOf({ x0, y0, x1, y1 }: Region): number {
  return (x1 - x0) * (y1 - y0);
}

/** What the vertical axis says at a point of a spectrum or curve: a velocity, a frequency; null where no baseline is told. */
export function heightAt({ region, step }: Scale, { y }: Point): number | null {
  if (!region || region.reference_pixel_y === null) return null;
  const [, factor] = unitOf(region.physical_units_y);
  const rows = y - 0.5 - region.y0 - region.reference_pixel_y;
  return region.reference_value_y * factor + rows * Math.sign(region.physical_delta_y) * step.y;
}

function scaleInRegion(frame: FrameAttributes, points: readonly Point[]): Scale {
  const regions = points.map((point) => regionAt(frame.regions, point));
  const [region] = regions;
  if (regions.some((each) => each !== region)) return inPixels(frame, "regions");
  if (!region) return inPixels(frame, "outside");
  const [unitX, factorX] = unitOf(region.physical_units_x);
  const [unitY, factorY] = unitOf(region.physical_units_y);
  const step = { x: Math.abs(region.physical_delta_x) * factorX, y: Math.abs(region.physical_delta_y) * factorY };
  return { step, unitX, unitY, source: `SequenceOfUltrasoundRegions[${region.number}]`, inBody: true, region, lack: "" };
}

function unitOf(code: number): readonly [Unit, number] {
  return UNITS[code] ?? ["1", 1];
}

function inMm(step: Step, source: string, inBody: boolean): Scale {
  return { step, unitX: "mm", unitY: "mm", source, inBody, region: null, lack: "" };
}

/** Rows count by the aspect of a pixel, so that angles are right: a pixel is that of a row. */
function inPixels(frame: FrameAttributes, lack: Lack): Scale {
  const step = { x: 1, y: frame.pixel_aspect_ratio };
  return { step, unitX: "px", unitY: "px", source: "", inBody: false, region: null, lack };
}
