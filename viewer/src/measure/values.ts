// What the values of pixels are called, and in which unit they are told: HU, SUV, counts.
import type { FrameAttributes, SeriesDocument } from "../net/series";

export type SuvKind = "bw" | "lbm" | "bsa" | "none";

export interface ValueKind {
  /** From a modality value to the value told. */
  readonly factor: number;
  /** UCUM. */
  readonly unit: string;
  /** "HU", "SUVbw" ...; "" where only the unit is known. */
  readonly type: string;
  /** The attribute that says so, as a keyword; "": none. */
  readonly source: string;
}

/** Rescale Type (PS3.3 C.11.1.1.2) in UCUM; what is not here is told as the type alone. */
const RESCALED: Readonly<Record<string, string>> = {
  HU: "[hnsf'U]",
  HU_MOD: "[hnsf'U]",
  OD: "10*-3",
  "MGML": "mg/ml",
  Z_EFF: "1",
  ED: "10*23/ml",
  EDW: "1",
  PCT: "%",
};

/** Units (0054,1001) of PET in UCUM. */
const PET_UNITS: Readonly<Record<string, string>> = { BQML: "Bq/ml", CNTS: "{counts}", GML: "g/ml", CM2ML: "cm2/ml", PROPCPS: "{cps}", CPS: "{cps}" };

const SUV: Readonly<Record<Exclude<SuvKind, "none">, readonly [string, string]>> = {
  bw: ["SUVbw", "g/ml"],
  lbm: ["SUVlbm", "g/ml"],
  bsa: ["SUVbsa", "cm2/ml"],
};

/** How the values of a frame are told; those of PET as `suv` where it can be computed. */
export function valueKindOf({ modality }: SeriesDocument, frame: FrameAttributes, suv: SuvKind): ValueKind {
  if (modality === "PT") return petKindOf(frame, suv);
  const told = frame.rescale_type;
  // CT without Rescale Type is in HU, localizers left aside (C.8.2.1.1.6).
  const type = told || (modality === "CT" && !frame.image_type.includes("LOCALIZER") ? "HU" : "");
  if (!type || type === "US") return { factor: 1, unit: "1", type: "", source: "" };
  return { factor: 1, unit: RESCALED[type] ?? "1", type: type === "HU_MOD" ? "HU" : type, source: told ? "RescaleType" : "Modality" };
}

function petKindOf(frame: FrameAttributes, wanted: SuvKind): ValueKind {
  const factor = wanted === "none" ? null : (frame.suv?.[wanted] ?? null);
  if (factor !== null && wanted !== "none") {
    const [type, unit] = SUV[wanted];
    return { factor, unit, type, source: "RadiopharmaceuticalInformationSequence" };
  }
  const units = frame.suv?.units ?? "";
  return { factor: 1, unit: PET_UNITS[units] ?? "1", type: units, source: units && "Units" };
}
