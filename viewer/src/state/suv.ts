// In which unit a reader wants the uptake of PET.
import { kept } from "./prefs";

export const SUV_KINDS = ["bw", "lbm", "bsa", "none"] as const;

/** none: as the values are recorded. */
export const suvKind = kept<(typeof SUV_KINDS)[number]>("suv", "bw", (value) => SUV_KINDS.includes(value as "bw"));
