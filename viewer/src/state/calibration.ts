// Known lengths: what a reader says that a line on an image measures, and from it each pixel of that object. Kept for his account.
import type { Step } from "../geom/shapes";
import { kept } from "./prefs";

/** The latest are remembered. */
const MOST = 100;

/** mm for a column and a row, by SOP Instance UID. */
export const calibrations = kept<Readonly<Record<string, Step>>>("calibrations", {}, isCalibrations);

export function calibrationOf(sopInstanceUid: string): Step | null {
  return calibrations.value[sopInstanceUid] ?? null;
}

/** Null: as the image says itself. */
export function calibrate(sopInstanceUid: string, step: Step | null): void {
  const others = Object.entries(calibrations.peek()).filter(([uid]) => uid !== sopInstanceUid);
  calibrations.value = Object.fromEntries([...others, ...(step ? [[sopInstanceUid, step] as const] : [])].slice(-MOST));
}

function isCalibrations(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.values(value).every(isStep);
}

function isStep(value: unknown): boolean {
  const { x, y } = value as Step;
  return x > 0 && y > 0 && Number.isFinite(x * y);
}
