// Lengths, angles and areas of what is drawn on pixels that need not be square, and the pixels inside.
import type { Point } from "./plane";

/** What a column and a row measure, in one unit. */
export interface Step {
  readonly x: number;
  readonly y: number;
}

/** Columns `from` to `to` (not included) of a row. */
export interface Span {
  readonly row: number;
  readonly from: number;
  readonly to: number;
}

/** An outline whose inside is counted. */
export type Outline =
  | { readonly kind: "rectangle"; readonly points: readonly Point[] }
  | { readonly kind: "ellipse"; readonly points: readonly Point[] }
  | { readonly kind: "freehand"; readonly points: readonly Point[] };

export function lengthOf(one: Point, other: Point, step: Step): number {
  return Math.hypot((other.x - one.x) * step.x, (other.y - one.y) * step.y);
}

/** 0 to 180 degrees, at `vertex`. */
export function angleAt(one: Point, vertex: Point, other: Point, step: Step): number {
  return between(towards(vertex, one, step), towards(vertex, other, step));
}

/** 0 to 90 degrees, between two lines wherever they meet. */
export function angleOfLines([a, b]: readonly [Point, Point], [c, d]: readonly [Point, Point], step: Step): number {
  const angle = between(towards(a, b, step), towards(c, d, step));
  return Math.min(angle, 180 - angle);
}

/** In the square of the unit of `step`. */
export function areaOf({ kind, points }: Outline, step: Step): number {
  return areaInPixels(kind, points) * Math.abs(step.x * step.y);
}

function areaInPixels(kind: Outline["kind"], points: readonly Point[]): number {
  switch (kind) {
    case "rectangle":
      return Math.abs((points[1]!.x - points[0]!.x) * (points[1]!.y - points[0]!.y));
    case "ellipse": {
      const { u, v } = axesOf(points);
      return Math.PI * Math.abs(u.x * v.y - u.y * v.x);
    }
    case "freehand":
      return Math.abs(points.reduce((sum, point, index) => sum + cross(point, points[(index + 1) % points.length]!), 0)) / 2;
  }
}

/** The centre and the two half axes of an ellipse given by the ends of its axes. */
export function axesOf(points: readonly Point[]): { readonly centre: Point; readonly u: Point; readonly v: Point } {
  const [a, b, c, d] = points as [Point, Point, Point, Point];
  const centre = { x: (a.x + b.x + c.x + d.x) / 4, y: (a.y + b.y + c.y + d.y) / 4 };
  return { centre, u: { x: (b.x - a.x) / 2, y: (b.y - a.y) / 2 }, v: { x: (d.x - c.x) / 2, y: (d.y - c.y) / 2 } };
}

/** Ends of the axes of the ellipse that fills a box. */
export function ellipseIn(one: Point, other: Point): readonly Point[] {
  const [x, y] = [(one.x + other.x) / 2, (one.y + other.y) / 2];
  return [{ x: one.x, y }, { x: other.x, y }, { x, y: one.y }, { x, y: other.y }];
}

/** The pixels whose middles lie inside, row by row, within the picture. */
export function spansIn(outline: Outline, rows: number, columns: number): readonly Span[] {
  const { top, bottom } = extentOf(outline);
  const spans: Span[] = [];
  for (let row = Math.max(0, Math.ceil(top - 0.5)); row <= Math.min(rows - 1, Math.floor(bottom - 0.5)); row++) {
    for (const [left, right] of cutsAt(outline, row + 0.5)) {
      const from = Math.max(0, Math.ceil(left - 0.5));
      const to = Math.min(columns, Math.floor(right - 0.5) + 1);
      if (from < to) spans.push({ row, from, to });
    }
  }
  return spans;
}

function extentOf({ kind, points }: Outline): { readonly top: number; readonly bottom: number } {
  if (kind === "ellipse") {
    const { centre, u, v } = axesOf(points);
    const half = Math.hypot(u.y, v.y);
    return { top: centre.y - half, bottom: centre.y + half };
  }
  const ys = points.map(({ y }) => y);
  return { top: Math.min(...ys), bottom: Math.max(...ys) };
}

/** Where the line at height `y` is inside. */
function cutsAt({ kind, points }: Outline, y: number): readonly (readonly [number, number])[] {
  switch (kind) {
    case "rectangle": {
      const [one, other] = [points[0]!.x, points[1]!.x];
      return [[Math.min(one, other), Math.max(one, other)]];
    }
    case "ellipse":
      return cutsOfEllipse(points, y);
    case "freehand":
      return cutsOfPolygon(points, y);
  }
}

function cutsOfEllipse(points: readonly Point[], y: number): readonly (readonly [number, number])[] {
  const { centre, u, v } = axesOf(points);
  const determinant = u.x * v.y - u.y * v.x;
  if (determinant === 0) return [];
  // (x, y) = centre + s·u + t·v with s² + t² = 1, for x: a·x² + 2b·x + c = 0, from the centre.
  const h = y - centre.y;
  const a = v.y ** 2 + u.y ** 2;
  const b = -h * (v.x * v.y + u.x * u.y);
  const c = h ** 2 * (v.x ** 2 + u.x ** 2) - determinant ** 2;
  const under = b ** 2 - a * c;
  if (under < 0) return [];
  const root = Math.sqrt(under);
  return [[centre.x + (-b - root) / a, centre.x + (-b + root) / a]];
}

function cutsOfPolygon(points: readonly Point[], y: number): readonly (readonly [number, number])[] {
  const xs: number[] = [];
  points.forEach((one, index) => {
    const other = points[(index + 1) % points.length]!;
    if (one.y <= y !== other.y <= y) xs.push(one.x + ((y - one.y) / (other.y - one.y)) * (other.x - one.x));
  });
  xs.sort((one, other) => one - other);
  return Array.from({ length: xs.length >> 1 }, (_, pair) => [xs[2 * pair]!, xs[2 * pair + 1]!] as const);
}

/** Whether an outline crosses itself: then what is inside is a matter of taste. */
export function crossesItself(points: readonly Point[]): boolean {
  const sides = points.map((point, index) => [point, points[(index + 1) % points.length]!] as const);
  return sides.some((side, index) =>
    sides.slice(index + 2).some((other, later) => !(index === 0 && later === sides.length - 3) && cross2(side, other)),
  );
}

function cross2([a, b]: readonly [Point, Point], [c, d]: readonly [Point, Point]): boolean {
  return turn(a, b, c) * turn(a, b, d) < 0 && turn(c, d, a) * turn(c, d, b) < 0;
}

/** A drawn line without the points that lie within `tolerance` of the line between their neighbours (Douglas and Peucker). */
export function simplified(points: readonly Point[], tolerance: number): readonly Point[] {
  const [first, last] = [points[0]!, points.at(-1)!];
  let farthest = 0;
  let distance = 0;
  points.forEach((point, index) => {
    const away = distanceToSegment(point, first, last);
    if (away > distance) [farthest, distance] = [index, away];
  });
  if (distance <= tolerance) return points.length < 2 ? points : [first, last];
  return [...simplified(points.slice(0, farthest + 1), tolerance).slice(0, -1), ...simplified(points.slice(farthest), tolerance)];
}

export function distanceToSegment(point: Point, one: Point, other: Point): number {
  const along = { x: other.x - one.x, y: other.y - one.y };
  const squared = along.x ** 2 + along.y ** 2;
  const share = squared === 0 ? 0 : ((point.x - one.x) * along.x + (point.y - one.y) * along.y) / squared;
  const nearest = Math.min(1, Math.max(0, share));
  return Math.hypot(point.x - one.x - nearest * along.x, point.y - one.y - nearest * along.y);
}

function towards(from: Point, to: Point, step: Step): Point {
  return { x: (to.x - from.x) * step.x, y: (to.y - from.y) * step.y };
}

function between(one: Point, other: Point): number {
  return (Math.abs(Math.atan2(cross(one, other), one.x * other.x + one.y * other.y)) * 180) / Math.PI;
}

function cross(one: Point, other: Point): number {
  return one.x * other.y - one.y * other.x;
}

function turn(a: Point, b: Point, c: Point): number {
  return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}
