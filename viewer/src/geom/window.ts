// Window level and width: modality values to grey (PS3.3 C.11.2.1.2).

export type VoiFunction = "LINEAR" | "LINEAR_EXACT" | "SIGMOID";

export interface Window {
  readonly center: number;
  readonly width: number;
}

/** A window that can be chosen. */
export interface WindowPreset extends Window {
  /** As (0028,1055) or the table's explanation gives it, perhaps ""; or what ours are called. */
  readonly name: string;
  /** recorded: a window of the data set; table: its VOI LUT; range: from its lowest to its highest value; usual: ours for the modality. */
  readonly kind: "recorded" | "table" | "range" | "usual";
}

/** Grey 0 to 255, not rounded, of modality value `x`. */
export function grey(x: number, { center, width }: Window, voi: VoiFunction = "LINEAR"): number {
  switch (voi) {
    case "LINEAR":
      return linear(x, center, width);
    case "LINEAR_EXACT":
      return clamp(((x - center) / width + 0.5) * 255);
    case "SIGMOID":
      return 255 / (1 + Math.exp((-4 * (x - center)) / width));
  }
}

// PS3.3 C.11.2.1.2.1. A width of 1 is a threshold: the division never happens.
function linear(x: number, center: number, width: number): number {
  const half = (width - 1) / 2;
  if (x <= center - 0.5 - half) return 0;
  if (x > center - 0.5 + half) return 255;
  return ((x - (center - 0.5)) / (width - 1) + 0.5) * 255;
}

function clamp(value: number): number {
  return Math.min(255, Math.max(0, value));
}

/** Widths the standard allows: at least 1 for LINEAR, more than 0 for the others. */
export function validWindow({ center, width }: Window, voi: VoiFunction = "LINEAR"): Window {
  return { center, width: voi === "LINEAR" ? Math.max(1, width) : Math.max(1e-6, width) };
}

/** The window that shows every value from `low` to `high`: the ends are black and white. */
export function windowOver(low: number, high: number, voi: VoiFunction = "LINEAR"): Window {
  if (voi === "LINEAR") return { center: (low + high + 1) / 2, width: high - low + 1 };
  return validWindow({ center: (low + high) / 2, width: high - low }, voi);
}

/** The usual windows of CT, in HU, in the order of the keys 1 to 4. */
export const CT_PRESETS: readonly WindowPreset[] = [
  { name: "soft tissue", center: 40, width: 400, kind: "usual" },
  { name: "lung", center: -600, width: 1500, kind: "usual" },
  { name: "bone", center: 480, width: 2500, kind: "usual" },
  { name: "brain", center: 40, width: 80, kind: "usual" },
];
