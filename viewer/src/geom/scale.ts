// Lengths on the screen: what a pixel measures, and the scale bar.

/** Height and width of a pixel in mm, and where they are measured. */
export interface PixelSize {
  readonly rowMm: number;
  readonly columnMm: number;
  /**
   * "patient": in the body, or calibrated; "detector": at the detector, so the body is smaller (PS3.3 10.7);
   * "region": right within the largest calibrated region of an ultrasound image only.
   */
  readonly at: "patient" | "detector" | "region";
}

export interface ScaleBar {
  readonly lengthMm: number;
  readonly lengthPx: number;
  /** "5 cm", "2 mm". */
  readonly label: string;
}

const LENGTHS_MM = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

/** The longest round length that takes no more than `mostPx`; null when none does. */
export function scaleBar(pxPerMm: number, mostPx: number): ScaleBar | null {
  const lengthMm = LENGTHS_MM.filter((length) => length * pxPerMm <= mostPx).at(-1);
  if (lengthMm === undefined) return null;
  return { lengthMm, lengthPx: lengthMm * pxPerMm, label: lengthMm < 10 ? `${lengthMm} mm` : `${lengthMm / 10} cm` };
}
