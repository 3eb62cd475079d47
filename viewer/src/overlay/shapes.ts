// Outlines of what others drew (PS3.3 C.10.5, C.18.6, C.18.9), as points one after the other.
import { type Affine, apply, type Point } from "../geom/plane";

export interface Outline {
  readonly points: readonly Point[];
  readonly closed: boolean;
  /** Each point by itself: no line. */
  readonly apart: boolean;
}

const CORNERS = 72;
/** Between two points of a curve. */
const STEPS = 12;

/** Pairs of a list of coordinates. */
export function pointsOf(values: readonly number[]): readonly Point[] {
  return Array.from({ length: Math.floor(values.length / 2) }, (_, index) => ({ x: values[2 * index]!, y: values[2 * index + 1]! }));
}

/** The outline of a shape; what has not the points that it needs is drawn as what it has. */
export function outlineOf(shape: string, values: readonly number[], filled = false): Outline {
  const points = pointsOf(values);
  switch (shape) {
    case "POINT":
    case "MULTIPOINT":
      return { points, closed: false, apart: true };
    case "CIRCLE":
      return { points: points.length === 2 ? circle(points[0]!, points[1]!) : points, closed: true, apart: false };
    case "ELLIPSE":
      return { points: points.length === 4 ? ellipse(points) : points, closed: true, apart: false };
    case "INTERPOLATED":
      return { points: curve(points), closed: filled, apart: false };
    case "POLYGON":
    case "CLOSED_PLANAR":
    case "CLOSEDPLANAR_XOR":
      return { points, closed: true, apart: false };
    case "ELLIPSOID":
      return { points, closed: false, apart: true };
    default:
      return { points, closed: filled, apart: points.length === 1 };
  }
}

/** Of its middle and a point on it. */
function circle(middle: Point, on: Point): readonly Point[] {
  const radius = Math.hypot(on.x - middle.x, on.y - middle.y);
  return around(middle, { x: radius, y: 0 }, { x: 0, y: radius });
}

/** Of the ends of one axis, then of the other. */
function ellipse([a, b, c, d]: readonly Point[]): readonly Point[] {
  const half = (from: Point, to: Point): Point => ({ x: (to.x - from.x) / 2, y: (to.y - from.y) / 2 });
  return around({ x: (a!.x + b!.x) / 2, y: (a!.y + b!.y) / 2 }, half(a!, b!), half(c!, d!));
}

function around(middle: Point, one: Point, other: Point): readonly Point[] {
  return Array.from({ length: CORNERS }, (_, index) => {
    const angle = (2 * Math.PI * index) / CORNERS;
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    return { x: middle.x + cos * one.x + sin * other.x, y: middle.y + cos * one.y + sin * other.y };
  });
}

/** Through all points, without corners (Catmull-Rom); closed where the last is the first. */
function curve(points: readonly Point[]): readonly Point[] {
  if (points.length < 3) return points;
  const last = points.length - 1;
  const isClosed = points[0]!.x === points[last]!.x && points[0]!.y === points[last]!.y;
  const at = (index: number): Point => {
    if (isClosed) return points[((index % last) + last) % last]!;
    return points[Math.min(last, Math.max(0, index))]!;
  };
  const found: Point[] = [points[0]!];
  for (let index = 0; index < last; index++) {
    for (let step = 1; step <= STEPS; step++) found.push(between([at(index - 1), at(index), at(index + 1), at(index + 2)], step / STEPS));
  }
  return found;
}

function between([p0, p1, p2, p3]: readonly [Point, Point, Point, Point], part: number): Point {
  const along = (a: number, b: number, c: number, d: number): number =>
    0.5 * (2 * b + (c - a) * part + (2 * a - 5 * b + 4 * c - d) * part ** 2 + (3 * b - a - 3 * c + d) * part ** 3);
  return { x: along(p0.x, p1.x, p2.x, p3.x), y: along(p0.y, p1.y, p2.y, p3.y) };
}

/** The `d` of an SVG path. */
export function pathOf({ points, closed, apart }: Outline, toPane: (point: Point) => Point): string {
  if (apart) return points.map((point) => cross(toPane(point))).join("");
  const told = points.map(toPane).map(({ x, y }) => `${x.toFixed(2)} ${y.toFixed(2)}`);
  return told.length > 0 ? `M${told.join("L")}${closed ? "Z" : ""}` : "";
}

const ARM_PX = 6;

function cross({ x, y }: Point): string {
  return `M${(x - ARM_PX).toFixed(2)} ${y.toFixed(2)}h${2 * ARM_PX}M${x.toFixed(2)} ${(y - ARM_PX).toFixed(2)}v${2 * ARM_PX}`;
}

export function through(map: Affine): (point: Point) => Point {
  return (point) => apply(map, point);
}
