// Results in words: with a unit, as many digits as make sense, and where they come from.
import { measureText, t, type Key } from "../i18n";
import type { Annotation, AnnotationKind, Result } from "../net/annotation";

const UNIT_TEXTS: Readonly<Record<string, string>> = {
  deg: "°",
  mm2: "mm²",
  px2: "px²",
  cm2: "cm²",
  cm3: "cm³",
  "cm2/ml": "cm²/ml",
  "[hnsf'U]": "HU",
  "{counts}": "counts",
  "{cps}": "cps",
  "10*-3": "mOD",
  "1": "",
};

/** (group,element) of the attributes that scales and units are read from. */
const TAGS: Readonly<Record<string, string>> = {
  PixelSpacing: "0028,0030",
  ImagerPixelSpacing: "0018,1164",
  NominalScannedPixelSpacing: "0018,2010",
  SequenceOfUltrasoundRegions: "0018,6011",
  RescaleType: "0028,1054",
  Modality: "0008,0060",
  RadiopharmaceuticalInformationSequence: "0054,0016",
  Units: "0054,1001",
};

const PLAIN: Readonly<Record<AnnotationKind, Key>> = {
  length: "action.length",
  angle: "action.angle",
  cobb: "action.cobb",
  ellipse: "action.ellipse",
  rectangle: "action.rectangle",
  freehand: "action.freehand",
  probe: "action.probe",
  arrow: "action.arrow",
  text: "action.text",
};

export function kindText(kind: AnnotationKind): string {
  return t(PLAIN[kind]);
}

/** What stands beside a drawing, line by line. */
export function linesOfText({ text, results }: Pick<Annotation, "text" | "results">): readonly string[] {
  const of = (quantity: Result["quantity"]): Result | undefined => results.find((each) => each.quantity === quantity);
  const [mean, sd, min, max] = [of("mean"), of("sd"), of("min"), of("max")];
  return [
    text,
    ...results.filter(({ quantity }) => quantity === "length" || quantity === "angle" || quantity === "value").map(valueText),
    ...results.filter(({ quantity }) => quantity === "width" || quantity === "height").map(valueText),
    mean && sd ? t("measure.mean_sd", { mean: valueText(mean), sd: numberOf(sd) }) : "",
    min && max ? t("measure.min_max", { min: numberOf(min), max: numberOf(max) }) : "",
    ...results.filter(({ quantity }) => quantity === "area").map(valueText),
  ].filter(Boolean);
}

/** "12.3 mm", "12.3 mm at detector", "45 HU", "3.21 SUVbw". */
export function valueText(result: Result): string {
  const unit = unitText(result);
  const value = `${numberOf(result)}${unit === "°" || unit === "" ? "" : " "}${unit}`;
  return isEstimate(result) ? t("measure.at_detector", { value }) : value;
}

/** Where a number comes from: the attribute, or the reader's own length; nothing: pixels are counted. */
export function sourceText({ source, unit }: Result): string {
  if (source === "calibrated") return t("measure.source_calibrated");
  if (source === "") return unit.startsWith("px") ? t("measure.source_none") : "";
  const [, keyword, more] = /^(\w+)(?:\[(.+)\])?$/.exec(source) ?? [];
  const attribute = `${keyword} (${TAGS[keyword!] ?? ""})`;
  if (!more) return attribute;
  switch (keyword) {
    case "SequenceOfUltrasoundRegions":
      return t("measure.source_region", { attribute, region: more });
    case "ImagerPixelSpacing":
      return t("measure.source_magnified", { attribute, factor: measureText(Number(more), 2) });
    default:
      return t("measure.source_how", { attribute, how: more });
  }
}

function unitText({ unit, type }: Result): string {
  const told = UNIT_TEXTS[unit] ?? unit;
  if (type.startsWith("SUV")) return type;
  return told || type;
}

/** A length that is true at the detector, or on a film, and not in the body. */
function isEstimate({ in_body, unit }: Result): boolean {
  return !in_body && !unit.startsWith("px");
}

function numberOf({ value, unit, type }: Result): string {
  return measureText(value, decimalsOf(Math.abs(value), unit, type));
}

function decimalsOf(size: number, unit: string, type: string): number {
  if (type.startsWith("SUV")) return 2;
  if (unit === "s") return 3;
  if (unit === "mm2" || unit === "px2") return size < 100 ? 1 : 0;
  return size !== 0 && size < 0.1 ? 4 : size >= 10_000 ? 0 : 1;
}
