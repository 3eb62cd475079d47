// What a presentation state draws over a picture: shutters, graphics and texts, layer by layer (PS3.3 C.7.6.11, C.10.5).
import type { JSX } from "preact";
import type { Point } from "../geom/plane";
import { isAbout, type PresentationState, type Shutter, type StateAnnotation, type StateGraphic, type StateText } from "../net/objects";
import type { Placement, Viewport } from "../render/viewport";
import { contentOf, drawingsOnly, listedAs, refOf } from "../state/objects";
import { areaOf, boundsOf, fromDisplay, namedAt } from "./presenting";
import type { LayerProps } from "./segments";
import { outlineOf, pathOf, through } from "./shapes";

const USUAL_COLOUR = "#8fe3ff";
const LINE_PX = 17;
type ToPane = (point: Point) => Point;

/** Of the state that a picture is shown under; null: of none, or it is not here yet. */
export function contentShown(viewport: Viewport): PresentationState | null {
  const object = listedAs(viewport.presented.value?.name ?? "");
  const content = object ? contentOf(refOf(object)).value : null;
  return content?.ok && content.value.kind === "presentation_state" ? content.value : null;
}

export function Graphics({ viewport, document }: LayerProps): JSX.Element | null {
  const state = contentShown(viewport);
  const placement = viewport.placement.value;
  const index = viewport.shown.value;
  if (!state || !placement || viewport.document.value !== document || index < 0) return null;
  const { sop, frame } = namedAt(document, index);
  if (!isAbout(state.images, sop, frame)) return null;
  const area = areaOf(state, sop, frame);
  const { width, height } = placement.image;
  const inPixels = through(placement.toPane);
  const inDisplay = fromDisplay(area ? boundsOf(area) : [0, 0, width, height], inPixels);
  const toPane = (units: string): ToPane => (units === "DISPLAY" ? inDisplay : inPixels);
  return (
    <svg class="over-lines state" data-state={state.label}>
      {state.shutter && !drawingsOnly.value && <Shuttered shutter={state.shutter} placement={placement} toPane={inPixels} />}
      {annotationsOf(state, sop, frame).map(({ annotation, colour }, number) => (
        <g key={number} data-layer={annotation.layer}>
          {annotation.graphics.map((graphic, each) => (
            <Drawn key={each} graphic={graphic} colour={graphic.colour || colour} toPane={toPane(graphic.units)} />
          ))}
          {annotation.texts.map((text, each) => (
            <Written key={each} text={text} colour={text.colour || colour} toPane={toPane} />
          ))}
        </g>
      ))}
    </svg>
  );
}

/** Those about a frame, the lowest layer first. */
function annotationsOf(state: PresentationState, sop: string, frame: number): readonly { readonly annotation: StateAnnotation; readonly colour: string }[] {
  const orders = new Map(state.layers.map((layer, order) => [layer.name, { order, colour: layer.colour }]));
  return state.annotations
    .filter(({ images }) => images.length === 0 || isAbout(images, sop, frame))
    .map((annotation) => ({ annotation, order: orders.get(annotation.layer)?.order ?? -1, colour: orders.get(annotation.layer)?.colour || USUAL_COLOUR }))
    .sort((one, other) => one.order - other.order);
}

function Drawn({ graphic, colour, toPane }: { readonly graphic: StateGraphic; readonly colour: string; readonly toPane: ToPane }): JSX.Element {
  const outline = outlineOf(graphic.shape, graphic.points, graphic.filled);
  return (
    <path
      d={pathOf(outline, toPane)}
      stroke={colour}
      fill={graphic.filled ? colour : "none"}
      stroke-width={graphic.thickness ?? undefined}
      stroke-dasharray={graphic.dashed ? "6 4" : undefined}
      data-shape={graphic.shape}
    />
  );
}

/** In its box, else beside its anchor; with a line to the anchor where that is to be seen. */
function Written({ text, colour, toPane }: { readonly text: StateText; readonly colour: string; readonly toPane: (units: string) => ToPane }): JSX.Element | null {
  const anchor = text.anchor && toPane(text.anchor_units)({ x: text.anchor[0]!, y: text.anchor[1]! });
  const box = text.box && boxOf(text, toPane(text.box_units));
  if (!anchor && !box) return null;
  const lines = text.value.split("\n");
  const [x, align] = box ? placeIn(box, text.align) : [anchor!.x + 6, "start" as const];
  const top = box ? box.top + LINE_PX - 4 : anchor!.y - 6 - LINE_PX * (lines.length - 1);
  return (
    <>
      {box && anchor && text.anchor_visible && <path d={`M${nearestOn(box, anchor)}L${anchor.x} ${anchor.y}`} stroke={colour} fill="none" />}
      <text fill={colour} text-anchor={align}>
        {lines.map((line, number) => (
          <tspan key={number} x={x} y={top + LINE_PX * number}>
            {line}
          </tspan>
        ))}
      </text>
    </>
  );
}

interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

function boxOf({ box }: StateText, toPane: ToPane): Box {
  const [one, other] = [toPane({ x: box![0]!, y: box![1]! }), toPane({ x: box![2]!, y: box![3]! })];
  return { left: Math.min(one.x, other.x), top: Math.min(one.y, other.y), right: Math.max(one.x, other.x), bottom: Math.max(one.y, other.y) };
}

function placeIn({ left, right }: Box, align: string): readonly [number, "start" | "middle" | "end"] {
  if (align === "RIGHT") return [right, "end"];
  return align === "CENTER" ? [(left + right) / 2, "middle"] : [left, "start"];
}

function nearestOn({ left, top, right, bottom }: Box, { x, y }: Point): string {
  return `${Math.min(right, Math.max(left, x))} ${Math.min(bottom, Math.max(top, y))}`;
}

/** Dark wherever one of its shapes is closed. */
function Shuttered({ shutter, placement, toPane }: { readonly shutter: Shutter; readonly placement: Placement; readonly toPane: ToPane }): JSX.Element {
  const { width, height } = placement.pane;
  const all = `M0 0H${width}V${height}H0Z`;
  return (
    <>
      {openings(shutter).map((shape, number) => (
        <path key={number} class="shutter" d={all + pathOf(shape, toPane)} fill={shutter.colour} fill-rule="evenodd" stroke="none" />
      ))}
    </>
  );
}

function openings({ rectangle, circle, polygon }: Shutter): readonly ReturnType<typeof outlineOf>[] {
  const found = [];
  if (rectangle) {
    const [left, top, right, bottom] = rectangle as [number, number, number, number];
    found.push(outlineOf("POLYGON", [left, top, right, top, right, bottom, left, bottom]));
  }
  if (circle) found.push(outlineOf("CIRCLE", [circle[0]!, circle[1]!, circle[0]! + circle[2]!, circle[1]!]));
  if (polygon) found.push(outlineOf("POLYGON", polygon));
  return found;
}
