// Windows that a reader likes, by modality, in the order of the keys 1 to 9 and 0. Kept for his account.
import { kept } from "./prefs";

export interface NamedWindow {
  readonly name: string;
  /** In modality units (HU for CT); of PET in SUVbw. */
  readonly center: number;
  readonly width: number;
}

/** By modality; those that are not here have the usual ones. */
export const ownWindows = kept<Readonly<Record<string, readonly NamedWindow[]>>>("windows", {}, isWindows);

function isWindows(value: unknown): boolean {
  const isOne = ({ name, center, width }: NamedWindow): boolean => typeof name === "string" && Number.isFinite(center) && width > 0;
  return typeof value === "object" && value !== null && Object.values(value).every((each) => Array.isArray(each) && each.every(isOne));
}
