// How an annotation lies on the screen: its lines and its handles, for drawing and for taking hold of it.
import type { Point } from "../geom/plane";
import { axesOf, distanceToSegment } from "../geom/shapes";
import type { AnnotationKind } from "../net/annotation";

export interface Line {
  readonly points: readonly Point[];
  readonly closed: boolean;
}

/** Corners of the polygon that stands for an ellipse. */
const CORNERS = 72;

/** Lines between points of any plane: of the picture, or of the screen. */
export function linesOf(kind: AnnotationKind, points: readonly Point[]): readonly Line[] {
  switch (kind) {
    case "cobb":
      return [open(points.slice(0, 2)), open(points.slice(2))];
    case "rectangle":
      return [closed(cornersOf(points))];
    case "ellipse":
      return points.length === 4 ? [closed(around(points))] : [];
    case "freehand":
      return [closed(points)];
    case "probe":
    case "text":
      return [];
    default:
      return [open(points)];
  }
}

/** What is taken to reshape it: index of the point that moves, and where. A rectangle has its other two corners besides. */
export function handlesOf(kind: AnnotationKind, points: readonly Point[]): readonly Point[] {
  if (kind === "freehand") return [];
  return kind === "rectangle" && points.length === 2 ? cornersOf(points) : points;
}

/** Its points with one handle moved. */
export function reshaped(kind: AnnotationKind, points: readonly Point[], handle: number, to: Point): readonly Point[] {
  if (kind === "rectangle") return rectangleWith(points, handle, to);
  if (kind === "ellipse") return ellipseWith(points, handle, to);
  return points.map((point, index) => (index === handle ? to : point));
}

export function moved(points: readonly Point[], x: number, y: number): readonly Point[] {
  return points.map((point) => ({ x: point.x + x, y: point.y + y }));
}

/** From the nearest of its lines, or points where it has none. */
export function distanceTo(kind: AnnotationKind, points: readonly Point[], at: Point): number {
  const lines = linesOf(kind, points);
  const ends = lines.length > 0 ? lines.flatMap(sidesOf) : points.map((point) => [point, point] as const);
  return Math.min(...ends.map(([one, other]) => distanceToSegment(at, one, other)));
}

function sidesOf({ points, closed: isClosed }: Line): readonly (readonly [Point, Point])[] {
  const sides = points.slice(1).map((point, index) => [points[index]!, point] as const);
  return isClosed ? [...sides, [points.at(-1)!, points[0]!]] : sides;
}

function open(points: readonly Point[]): Line {
  return { points, closed: false };
}

function closed(points: readonly Point[]): Line {
  return { points, closed: true };
}

function cornersOf([one, other]: readonly Point[]): readonly Point[] {
  return [one!, { x: other!.x, y: one!.y }, other!, { x: one!.x, y: other!.y }];
}

function around(points: readonly Point[]): readonly Point[] {
  const { centre, u, v } = axesOf(points);
  return Array.from({ length: CORNERS }, (_, index) => {
    const angle = (2 * Math.PI * index) / CORNERS;
    return { x: centre.x + u.x * Math.cos(angle) + v.x * Math.sin(angle), y: centre.y + u.y * Math.cos(angle) + v.y * Math.sin(angle) };
  });
}

/** The corner opposite to the handle stays. */
function rectangleWith(points: readonly Point[], handle: number, to: Point): readonly Point[] {
  return [cornersOf(points)[(handle + 2) % 4]!, to];
}

/** The centre and the directions of the axes stay: the axis of the handle becomes longer or shorter at both ends. */
function ellipseWith(points: readonly Point[], handle: number, to: Point): readonly Point[] {
  const { centre } = axesOf(points);
  const first = handle < 2 ? 0 : 2;
  const end = points[handle]!;
  const along = { x: end.x - centre.x, y: end.y - centre.y };
  const squared = along.x ** 2 + along.y ** 2;
  const share = squared === 0 ? 1 : Math.max(0.01, ((to.x - centre.x) * along.x + (to.y - centre.y) * along.y) / squared);
  return points.map((point, index) =>
    index === first || index === first + 1 ? { x: centre.x + (point.x - centre.x) * share, y: centre.y + (point.y - centre.y) * share } : point,
  );
}
