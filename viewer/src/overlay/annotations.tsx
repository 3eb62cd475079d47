// What was drawn on the picture, and what is being drawn: lines, handles, and a label with the numbers.
import type { JSX } from "preact";
import { t } from "../i18n";
import { apply, type Point, type Size } from "../geom/plane";
import { crossesItself } from "../geom/shapes";
import type { Ground } from "../measure/ground";
import { handlesOf, linesOf, type Line } from "../measure/outline";
import { needsPixels } from "../measure/results";
import { scaleOf } from "../measure/scale";
import { kindText, linesOfText, sourceText } from "../measure/text";
import type { Annotation } from "../net/annotation";
import type { Viewport } from "../render/viewport";
import { calibrationOf } from "../state/calibration";
import { annotations, draft, labelShifts, selectedId } from "../state/annotations";
import "./annotations.css";

interface AnnotationsProps {
  readonly viewport: Viewport;
  readonly ground: Ground;
  /** By pixels; only of the one that has the focus. */
  readonly nudge: (columns: number, rows: number) => void;
}

const ARROWS: Readonly<Record<string, readonly [number, number]>> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const LABEL_PX = { right: 10, line: 16, letter: 7.5 } as const;

export function Annotations({ viewport, ground, nudge }: AnnotationsProps): JSX.Element | null {
  const placement = viewport.placement.value;
  if (!placement) return null;
  const drawn = draft.value;
  const here = [...annotations.value.values()].filter((each) => each.id !== drawn?.id && ground.has(each));
  const all = drawn && ground.has(drawn) ? [...here, drawn] : here;
  return (
    <svg class="annotations" width={placement.pane.width} height={placement.pane.height}>
      {all.map((annotation) => (
        <Drawn key={annotation.id} annotation={annotation} {...{ viewport, ground, nudge }} />
      ))}
    </svg>
  );
}

function Drawn({ annotation, viewport, ground, nudge }: AnnotationsProps & { readonly annotation: Annotation }): JSX.Element {
  const { id, kind } = annotation;
  const { toPane } = viewport.placement.value!;
  const points = annotation.points.map((point) => apply(toPane, ground.toPicture(point)));
  const isSelected = selectedId.value === id || draft.value?.id === id;
  const texts = [...linesOfText(annotation), ...remarks(annotation, viewport, ground)];
  const onKeyDown = (event: KeyboardEvent): void => {
    const by = ARROWS[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    nudge(...by);
  };
  return (
    <g
      class={`annotation ${isSelected ? "selected" : ""}`}
      tabIndex={0}
      role="img"
      aria-label={[kindText(kind), ...texts].join(", ")}
      data-annotation={id}
      data-kind={kind}
      onFocus={() => (selectedId.value = id)}
      onKeyDown={onKeyDown}
    >
      <title>{[...new Set(annotation.results.map(sourceText))].filter(Boolean).join("; ")}</title>
      {linesOf(kind, points).map((line, index) => (
        <Stroke key={index} line={line} />
      ))}
      {kind === "arrow" && points.length === 2 && <polygon class="tip" points={path(tipOf(points[0]!, points[1]!))} />}
      {(isSelected || kind === "probe") && handlesOf(kind, points).map(({ x, y }, index) => <circle key={index} class="handle" cx={x} cy={y} r={kind === "probe" ? 4 : 5} />)}
      <Label id={id} at={inSight(labelPlace(annotation, points), texts, viewport.placement.value!.pane)} texts={texts} />
    </g>
  );
}

/** Twice, so that it is seen on black and on white. */
function Stroke({ line }: { readonly line: Line }): JSX.Element {
  const points = path(line.points);
  const Shape = line.closed ? "polygon" : "polyline";
  return (
    <>
      <Shape class="rim" points={points} />
      <Shape class="line" points={points} />
    </>
  );
}

interface LabelProps {
  readonly id: string;
  readonly at: Point;
  readonly texts: readonly string[];
}

function Label({ id, at, texts }: LabelProps): JSX.Element | null {
  const shift = labelShifts.value.get(id) ?? { x: 0, y: 0 };
  const [x, y] = [at.x + shift.x, at.y + shift.y];
  if (texts.length === 0) return null;
  const take = ({ currentTarget, pointerId }: PointerEvent): void => {
    (currentTarget as SVGTextElement).setPointerCapture(pointerId);
    selectedId.value = id;
  };
  const carry = ({ buttons, movementX, movementY }: PointerEvent): void => {
    if (buttons === 0) return;
    labelShifts.value = new Map(labelShifts.peek()).set(id, { x: shift.x + movementX, y: shift.y + movementY });
  };
  return (
    <>
      {(shift.x !== 0 || shift.y !== 0) && <line class="leash" x1={at.x} y1={at.y} x2={x} y2={y} />}
      <text class="label numbers" x={x} y={y} data-label={id} onPointerDown={take} onPointerMove={carry}>
        {texts.map((line, index) => (
          <tspan key={index} x={x} dy={index === 0 ? 0 : LABEL_PX.line}>
            {line}
          </tspan>
        ))}
      </text>
    </>
  );
}

/** Why a number that one would expect is not there, or counts pixels. */
function remarks({ kind, results, points }: Annotation, viewport: Viewport, { frame, document, place, toPicture }: Ground): readonly string[] {
  const onPicture = points.map(toPicture);
  if (kind === "freehand" && draft.value?.kind !== "freehand" && crossesItself(onPicture)) return [t("measure.crosses")];
  const calibration = place.on === "frame" ? calibrationOf(place.sop_instance_uid) : null;
  const { lack, unitX, unitY } = scaleOf(frame, document.modality, onPicture, calibration);
  const waits = needsPixels(kind) && viewport.pixels.value === null && !results.some(({ quantity }) => quantity === "mean" || quantity === "value");
  const isAngle = (kind === "angle" && points.length === 3) || (kind === "cobb" && points.length === 4);
  const isCounted = results.some(({ unit }) => unit.startsWith("px"));
  return [
    waits ? t("measure.waiting") : "",
    isCounted && lack === "regions" ? t("measure.across_regions") : "",
    isCounted && lack === "outside" ? t("measure.outside_regions") : "",
    isAngle && unitX !== unitY ? t("measure.not_comparable") : "",
  ].filter(Boolean);
}

function labelPlace({ kind }: Annotation, points: readonly Point[]): Point {
  if (kind === "text") return points[0]!;
  const last = kind === "arrow" || kind === "angle" ? points.at(kind === "arrow" ? -1 : 1)! : rightmost(points);
  return { x: last.x + LABEL_PX.right, y: last.y };
}

/** Moved so far to the left that its longest line is seen. */
function inSight({ x, y }: Point, texts: readonly string[], { width }: Size): Point {
  const longestPx = Math.max(0, ...texts.map(({ length }) => length)) * LABEL_PX.letter;
  return { x: Math.max(4, Math.min(x, width - longestPx)), y: x > width - longestPx ? y + LABEL_PX.line : y };
}

function rightmost(points: readonly Point[]): Point {
  return points.reduce((found, each) => (each.x > found.x ? each : found));
}

/** The head of an arrow that points at `tip`. */
function tipOf(tip: Point, tail: Point): readonly Point[] {
  const angle = Math.atan2(tail.y - tip.y, tail.x - tip.x);
  return [tip, ...[-0.4, 0.4].map((turn) => ({ x: tip.x + 12 * Math.cos(angle + turn), y: tip.y + 12 * Math.sin(angle + turn) }))];
}

function path(points: readonly Point[]): string {
  return points.map(({ x, y }) => `${x.toFixed(2)},${y.toFixed(2)}`).join(" ");
}
