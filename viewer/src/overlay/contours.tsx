// Lines over a picture: contours of structure sets, and what reports mark.
import type { JSX } from "preact";
import type { Point } from "../geom/plane";
import { isAbout, type DrawnContour, type Mark, type PlacedMark } from "../net/objects";
import type { SeriesDocument } from "../net/series";
import { chosenMark, contentOf, drawn, hidden, type Listed, objects, openReport, opacity, partName, placesOf, refOf } from "../state/objects";
import { namedAt } from "./presenting";
import { liesOn, seriesOf, type LayerProps } from "./segments";
import { outlineOf, pathOf, through } from "./shapes";

interface Line {
  readonly key: string;
  readonly shape: string;
  readonly points: readonly number[];
  readonly colour: string;
  /** Beside it, perhaps "". */
  readonly label: string;
  readonly filled: boolean;
  readonly strong: boolean;
}

const MARK_COLOUR = "#ffd166";

export function Lines({ viewport, document }: LayerProps): JSX.Element | null {
  const placement = viewport.placement.value;
  const index = viewport.shown.value;
  if (!placement || viewport.document.value !== document || index < 0) return null;
  const lines = [...contoursAt(document, index), ...marksAt(document, index)];
  if (lines.length === 0) return null;
  const toPane = through(placement.toPane);
  return (
    <svg class="over-lines" aria-hidden="true" data-lines={lines.length}>
      {lines.map(({ key, shape, points, colour, label, filled, strong }) => {
        const outline = outlineOf(shape, points);
        const corner = label ? rightOf(outline.points.map(toPane)) : undefined;
        return (
          <g key={key} data-line={key}>
            <path d={pathOf(outline, toPane)} stroke={colour} fill={filled && outline.closed ? colour : "none"} fill-opacity={opacity.value / 3} class={strong ? "strong" : ""} />
            {corner && (
              <text x={corner.x + 8} y={corner.y - 8} fill={colour}>
                {label}
              </text>
            )}
          </g>
        );
      })}
    </svg>
  );
}

/** The point furthest to the right, beside which there is room to write. */
function rightOf(points: readonly Point[]): Point | undefined {
  return points.reduce<Point | undefined>((best, point) => (best && best.x >= point.x ? best : point), undefined);
}

function* contoursAt(document: SeriesDocument, index: number): Generator<Line> {
  for (const object of seen("contours")) {
    if (!liesOn(object, document)) continue;
    const content = contentOf(refOf(object)).value;
    const places = placesOf<DrawnContour>(refOf(object), seriesOf(document), document.revision).value;
    if (!content?.ok || content.value.kind !== "contours" || !places?.ok || places.value.revision !== document.revision) continue;
    const structures = new Map(content.value.structures.map((each) => [each.number, each]));
    for (const [number, { structure, shape, points }] of (places.value.frames[index] ?? []).entries()) {
      const known = structures.get(structure);
      if (!known || hidden.value.has(partName(object.sop_instance_uid, structure))) continue;
      const label = shape === "POINT" ? known.label : "";
      yield { key: `${object.sop_instance_uid}/${structure}/${number}`, shape, points, colour: known.colour, label, filled: true, strong: false };
    }
  }
}

function* marksAt(document: SeriesDocument, index: number): Generator<Line> {
  const { sop, frame } = namedAt(document, index);
  for (const object of seen("sr")) {
    const content = contentOf(refOf(object)).value;
    if (!content?.ok || content.value.kind !== "sr") continue;
    const { marks } = content.value;
    for (const [number, mark] of marks.entries()) {
      if (mark.reference && isAbout([{ ...mark.reference }], sop, frame)) yield lineOf(object, number, mark, mark.points);
    }
    if (!marks.some(({ frame_of_reference_uid }) => frame_of_reference_uid !== "")) continue;
    const places = placesOf<PlacedMark>(refOf(object), seriesOf(document), document.revision).value;
    if (!places?.ok || places.value.revision !== document.revision) continue;
    for (const { mark, points } of places.value.frames[index] ?? []) yield lineOf(object, mark, marks[mark]!, points);
  }
}

function lineOf(object: Listed, number: number, { shape, label }: Mark, points: readonly number[]): Line {
  const strong = openReport.value?.sop === object.sop_instance_uid && chosenMark.value === number;
  return { key: `${object.sop_instance_uid}/mark ${number}`, shape, points, colour: MARK_COLOUR, label, filled: false, strong };
}

function seen(kind: Listed["kind"]): readonly Listed[] {
  return objects.value.filter((object) => object.kind === kind && drawn.value.has(object.sop_instance_uid));
}
