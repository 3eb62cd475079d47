// Tools that draw: a drag gives two points, a tap one, until there are as many as the kind needs.
import type { Point } from "../geom/plane";
import { ellipseIn, simplified } from "../geom/shapes";
import { resultsOf } from "../measure/results";
import type { Ground } from "../measure/ground";
import type { Annotation, AnnotationKind } from "../net/annotation";
import type { Viewport } from "../render/viewport";
import { addAnnotation, changeAnnotation, draft, newId, selectedId } from "../state/annotations";
import { asked } from "../state/asked";
import { loupe } from "../state/loupe";
import type { PaneHook } from "./hooks";
import { groundOf, measuredOf, picturePoint } from "./grounds";
import type { Tool, ToolDrag } from "./tools";

/** How many points a reader gives, by drags and taps; a freehand line gives its own. */
const GIVEN: Readonly<Record<Exclude<AnnotationKind, "freehand">, number>> = {
  length: 2,
  arrow: 2,
  ellipse: 2,
  rectangle: 2,
  angle: 3,
  cobb: 4,
  probe: 1,
  text: 1,
};
/** Points of a freehand line that are nearer to it than this, in CSS px, are left out. */
const TOLERANCE_PX = 0.4;
/** What is smaller than this, in CSS px, was not meant. */
const SMALLEST_PX = 4;

/** What has been given so far: points of the picture. The last one follows the pointer. */
interface Begun {
  readonly viewport: Viewport;
  readonly ground: Ground;
  readonly kind: AnnotationKind;
  readonly id: string;
  readonly given: readonly Point[];
  readonly finish: (made: Annotation, viewport: Viewport) => void;
}

let begun: Begun | null = null;

export function isDrawing(): boolean {
  return begun !== null;
}

export function cancelDrawing(): void {
  begun = null;
  draft.value = null;
  loupe.value = null;
}

/** A tool that makes annotations of a kind; `finish` takes what was drawn. */
export function drawing(name: Tool["name"], kind: AnnotationKind, finish: Begun["finish"] = addAnnotation): Tool {
  if (kind === "freehand") return { name, cursor: "crosshair", start: (viewport) => startFreehand(viewport, finish) };
  return {
    name,
    cursor: "crosshair",
    start: (viewport, { from }) => startPoints(viewport, kind, from, finish),
    tap: (viewport, at) => tapPoint(viewport, kind, at, finish),
  };
}

/** While the next point is awaited it follows the mouse. */
export const following: PaneHook = {
  hover(viewport, at) {
    if (!begun || begun.viewport !== viewport || !at) return null;
    follow(begun.given, at);
    return "crosshair";
  },
};

/** Asks for the text of a new annotation, or another one of an old. */
export function askText(annotation: Annotation): void {
  asked.value = {
    title: "measure.text_title",
    label: "measure.text_label",
    value: annotation.text,
    kind: "text",
    done: (text) => {
      if (text.trim() !== "" && text !== annotation.text) changeAnnotation({ ...annotation, text: text.trim() });
    },
  };
}

/** A text is kept once something is written. */
export function addWritten(made: Annotation): void {
  asked.value = {
    title: "measure.text_title",
    label: "measure.text_label",
    value: "",
    kind: "text",
    done: (text) => {
      if (text.trim() !== "") addAnnotation({ ...made, text: text.trim() });
    },
  };
}

/** The kept form of what is drawn, measured. */
export function annotationOf(viewport: Viewport, ground: Ground, kind: AnnotationKind, id: string, points: readonly Point[], text = ""): Annotation {
  const results = resultsOf(kind, points, measuredOf(viewport, ground));
  return { id, kind, place: ground.place, points: points.map(ground.toKept), text, results };
}

function begin(viewport: Viewport, kind: AnnotationKind, finish: Begun["finish"]): Begun | null {
  const ground = groundOf(viewport);
  const unfinished = draft.peek();
  if (begun?.viewport === viewport && begun.kind === kind && unfinished && ground?.has(unfinished)) return begun;
  cancelDrawing();
  selectedId.value = null;
  begun = ground && { viewport, ground, kind, id: newId(), given: [], finish };
  return begun;
}

function startPoints(viewport: Viewport, kind: Exclude<AnnotationKind, "freehand">, from: Point, finish: Begun["finish"]): ToolDrag {
  const current = begin(viewport, kind, finish);
  const first = picturePoint(viewport, from);
  if (!current || !first) return NOTHING;
  const before = current.given;
  const given = GIVEN[kind] - before.length >= 2 ? [...before, first] : before;
  return {
    move({ at, pointer }) {
      follow(given, at);
      loupe.value = pointer === "touch" ? { canvas: viewport.canvas, at, beside: true } : null;
    },
    end({ at }) {
      loupe.value = null;
      const last = picturePoint(viewport, at);
      if (last) give([...given, last]);
    },
    cancel: cancelDrawing,
  };
}

function tapPoint(viewport: Viewport, kind: Exclude<AnnotationKind, "freehand">, at: Point, finish: Begun["finish"]): void {
  const current = begin(viewport, kind, finish);
  const point = picturePoint(viewport, at);
  if (!current || !point) return;
  give([...current.given, point]);
  if (begun) follow(begun.given, at);
}

/** Takes the points given so far; with the last of them it is drawn. */
function give(given: readonly Point[]): void {
  if (!begun) return;
  const { viewport, ground, kind, id, finish } = begun;
  begun = { ...begun, given };
  if (given.length < GIVEN[kind as keyof typeof GIVEN]) return;
  const points = pointsOf(kind, given);
  cancelDrawing();
  if (isLarge(viewport, points)) finish(annotationOf(viewport, ground, kind, id, points), viewport);
}

/** Shows what would be drawn if the next point were here. */
function follow(given: readonly Point[], at: Point): void {
  if (!begun) return;
  const { viewport, ground, kind, id } = begun;
  const next = picturePoint(viewport, at);
  if (!next) return;
  const points = pointsOf(kind, [...given, next]);
  const isWhole = given.length + 1 === GIVEN[kind as keyof typeof GIVEN];
  const unfinished: Annotation = { id, kind, place: ground.place, points: points.map(ground.toKept), text: "", results: [] };
  draft.value = isWhole ? annotationOf(viewport, ground, kind, id, points) : unfinished;
}

function pointsOf(kind: AnnotationKind, given: readonly Point[]): readonly Point[] {
  return kind === "ellipse" && given.length === 2 ? ellipseIn(given[0]!, given[1]!) : given;
}

function startFreehand(viewport: Viewport, finish: Begun["finish"]): ToolDrag {
  const current = begin(viewport, "freehand", finish);
  if (!current) return NOTHING;
  const { ground, id } = current;
  const points: Point[] = [];
  return {
    move({ at, from, pointer }) {
      for (const each of points.length === 0 ? [from, at] : [at]) points.push(picturePoint(viewport, each)!);
      draft.value = { id, kind: "freehand", place: ground.place, points: points.map(ground.toKept), text: "", results: [] };
      loupe.value = pointer === "touch" ? { canvas: viewport.canvas, at, beside: true } : null;
    },
    end() {
      cancelDrawing();
      const outline = simplified(points, TOLERANCE_PX / scaleOnScreen(viewport));
      if (outline.length > 2 && isLarge(viewport, outline)) finish(annotationOf(viewport, ground, "freehand", id, outline), viewport);
    },
    cancel: cancelDrawing,
  };
}

/** Whether it is no slip of the hand. */
function isLarge(viewport: Viewport, points: readonly Point[]): boolean {
  const [first, ...others] = points;
  if (others.length === 0) return true;
  const least = SMALLEST_PX / scaleOnScreen(viewport);
  return others.some(({ x, y }) => Math.hypot(x - first!.x, y - first!.y) >= least);
}

/** CSS px for each column of the picture. */
export function scaleOnScreen(viewport: Viewport): number {
  const toPane = viewport.placement.peek()?.toPane;
  return toPane ? Math.hypot(toPane.a, toPane.b) : 1;
}

const NOTHING: ToolDrag = { move: () => undefined };
