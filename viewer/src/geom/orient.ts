// Which side of the patient each edge of the picture shows (PS3.3 C.7.6.1.1.1, C.7.6.2.1.1).
import type { View } from "./plane";

/** Direction cosines of the first row and the first column, in the patient's coordinates (x to the left, y to the back, z to the head). */
export type ImageOrientation = readonly [number, number, number, number, number, number];
export type Vector = readonly [number, number, number];

/** Letters at the edges of the picture as shown; empty where the orientation is not known. */
export interface EdgeLetters {
  readonly left: string;
  readonly right: string;
  readonly top: string;
  readonly bottom: string;
}

const OPPOSITE: Readonly<Record<string, string>> = { L: "R", R: "L", A: "P", P: "A", H: "F", F: "H" };

/** Of an animal on four legs: left and right, dorsal and ventral, cranial (rostral) and caudal, and those of its limbs. */
const OF_ANIMALS: Readonly<Record<string, string>> = {
  LE: "RT",
  RT: "LE",
  D: "V",
  V: "D",
  CR: "CD",
  CD: "CR",
  R: "CD",
  M: "L",
  L: "M",
  PR: "DI",
  DI: "PR",
  PA: "D",
  PL: "D",
};

const BIPED = ["L", "R", "P", "A", "H", "F"] as const;
const QUADRUPED = ["LE", "RT", "D", "V", "CR", "CD"] as const;

/** Below this a second axis is not worth a letter: about 11 degrees. */
const OBLIQUE = 0.2;

/** The letters of a direction, the strongest axis first: "L", "AL", "HPR". At most `most` of them. */
export function lettersOf(direction: Vector, most = 2, quadruped = false): string {
  const names = quadruped ? QUADRUPED : BIPED;
  const axes = direction.map((part, axis) => ({ size: Math.abs(part), letter: names[2 * axis + (part > 0 ? 0 : 1)]! }));
  return axes
    .filter(({ size }) => size > OBLIQUE)
    .sort((one, other) => other.size - one.size)
    .slice(0, most)
    .map(({ letter }) => letter)
    .join("");
}

/** "AL" to "PR"; of a quadruped "LECR" to "RTCD". What is no axis stays as it is. */
export function oppositeOf(letters: string, quadruped = false): string {
  if (!quadruped) return [...letters].map((letter) => OPPOSITE[letter] ?? letter).join("");
  return letters.replace(/LE|RT|CR|CD|PR|DI|PA|PL|[DVRML]/g, (name) => OF_ANIMALS[name]!);
}

/**
 * The edges of the unturned picture. Image Orientation (Patient) wins; else Patient Orientation (0020,0020), whose two
 * values name the direction of the rows (to the right) and of the columns (downwards).
 */
export function edgesOf(orientation: ImageOrientation | null, patientOrientation: readonly string[] = [], quadruped = false): EdgeLetters {
  const [rx, ry, rz, cx, cy, cz] = orientation ?? [0, 0, 0, 0, 0, 0];
  const right = orientation ? lettersOf([rx, ry, rz], 2, quadruped) : (patientOrientation[0] ?? "");
  const bottom = orientation ? lettersOf([cx, cy, cz], 2, quadruped) : (patientOrientation[1] ?? "");
  return { left: oppositeOf(right, quadruped), right, top: oppositeOf(bottom, quadruped), bottom };
}

/** The edges after the flips and the turn of a view. */
export function edgesInView(edges: EdgeLetters, { rotate, flipH, flipV }: Pick<View, "rotate" | "flipH" | "flipV">): EdgeLetters {
  const left = flipH ? edges.right : edges.left;
  const right = flipH ? edges.left : edges.right;
  const top = flipV ? edges.bottom : edges.top;
  const bottom = flipV ? edges.top : edges.bottom;
  const clockwise = [top, right, bottom, left];
  const quarter = ((rotate / 90) % 4 + 4) % 4;
  const edge = (position: number): string => clockwise[(position - quarter + 4) % 4]!;
  return { top: edge(0), right: edge(1), bottom: edge(2), left: edge(3) };
}

/** The normal of the plane: row direction × column direction. */
export function normalOf(orientation: ImageOrientation): Vector {
  const [rx, ry, rz, cx, cy, cz] = orientation;
  return [ry * cz - rz * cy, rz * cx - rx * cz, rx * cy - ry * cx];
}
