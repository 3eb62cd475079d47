// The crosshair: pointing at a place, and in planes through a volume moving and turning the planes by their lines.
import { effect } from "@preact/signals-core";
import type { Vector } from "../geom/orient";
import { apply, type Point } from "../geom/plane";
import { cross, crossing, difference, dot, heightOver, type Plane, scaled, sum, toImage, turned } from "../geom/space";
import type { Axes } from "../geom/volume";
import type { Drag } from "../input/gestures";
import type { Viewport } from "../render/viewport";
import { crosshair, setAxes, type VolumeAxes, volumeAxes } from "../state/link";
import { panes, type Pane, type PaneKind } from "../state/reading";
import type { PaneHook } from "./hooks";
import { jumpTo, placeUnder, showPlace, shownPlane } from "./jump";
import { fingerTool, mouseTool, type Tool, type ToolDrag, type ToolName } from "./tools";
import { activeViewport, viewports } from "./viewports";

export const crosshairTool: Tool = {
  name: "crosshair",
  cursor: "crosshair",
  start(viewport, { from }) {
    jumpTo(viewport, from);
    return { move: ({ at }) => void jumpTo(viewport, at) };
  },
  tap: (viewport, at) => void jumpTo(viewport, at),
};

/** Shift and a click: the other panes go there. */
export const shiftJump: PaneHook = {
  tap: (viewport, at, { shift }) => shift && jumpTo(viewport, at),
};

/** The line of another plane of the volume over a picture, in CSS px of the pane. */
export interface PlaneLine {
  readonly kind: PaneKind;
  readonly plane: Plane;
  readonly from: Point;
  readonly to: Point;
  /** Where it is taken to turn it; none where the crosshair is out of sight. */
  readonly handles: readonly Point[];
}

/** The lines over one pane of planes, and where they cross. */
export interface Crossed {
  readonly middle: Point;
  readonly lines: readonly PlaneLine[];
}

/** Of the pane's shorter side, how far from the crossing a line is turned by. */
const HANDLE_PART = 0.32;

function paneOf(viewport: Viewport): Pane | undefined {
  const id = [...viewports.value].find(([, each]) => each === viewport)?.[0];
  return panes.value.find((pane) => pane.id === id);
}

/** The lines of the other planes of a volume over a pane that shows planes of it; null over others. */
export function crossedOver(viewport: Viewport): Crossed | null {
  const pane = paneOf(viewport);
  const plane = shownPlane(viewport);
  const placement = viewport.placement.value;
  const marked = crosshair.value;
  if (!pane || pane.kind === "stack" || !plane || !placement || marked?.frameOfReferenceUid !== plane.frameOfReferenceUid) return null;
  const middle = apply(placement.toPane, toImage(plane, marked.at));
  const radius = Math.min(placement.pane.width, placement.pane.height) * HANDLE_PART;
  const lines = panes.value.flatMap((other): PlaneLine[] => {
    const shown = other.id !== pane.id && other.kind !== "stack" && other.series?.seriesUid === pane.series?.seriesUid ? viewports.value.get(other.id) : undefined;
    const across = shown && shownPlane(shown);
    const segment = across && crossing(plane, across);
    if (!across || !segment) return [];
    const [from, to] = [apply(placement.toPane, segment.from), apply(placement.toPane, segment.to)];
    const length = Math.hypot(to.x - from.x, to.y - from.y);
    const along = { x: (to.x - from.x) / length, y: (to.y - from.y) / length };
    const handles = [-radius, radius].map((px) => ({ x: middle.x + along.x * px, y: middle.y + along.y * px }));
    return [{ kind: other.kind, plane: across, from, to, handles }];
  });
  return { middle, lines };
}

/** CSS px from a handle or a line within which it is taken: by a mouse, by a finger. */
const NEAR_PX = { handle: { mouse: 10, finger: 24 }, middle: { mouse: 12, finger: 26 }, line: { mouse: 5, finger: 14 } } as const;

type Grip = { readonly on: "middle" } | { readonly on: "handle" | "line"; readonly line: PlaneLine };

function gripAt(crossed: Crossed, at: Point, pointer: "mouse" | "finger"): Grip | null {
  const isNear = (point: Point, part: keyof typeof NEAR_PX): boolean => Math.hypot(point.x - at.x, point.y - at.y) <= NEAR_PX[part][pointer];
  if (isNear(crossed.middle, "middle")) return { on: "middle" };
  const turning = crossed.lines.find(({ handles }) => handles.some((handle) => isNear(handle, "handle")));
  if (turning) return { on: "handle", line: turning };
  const moving = crossed.lines.find((line) => distanceTo(line, at) <= NEAR_PX.line[pointer]);
  return moving ? { on: "line", line: moving } : null;
}

function distanceTo({ from, to }: PlaneLine, at: Point): number {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const part = ((at.x - from.x) * dx + (at.y - from.y) * dy) / (dx * dx + dy * dy);
  const near = Math.min(1, Math.max(0, part));
  return Math.hypot(at.x - from.x - near * dx, at.y - from.y - near * dy);
}

/** What is drawn with the other tools may well begin on a line. */
const GRIPPING: ReadonlySet<ToolName> = new Set(["scroll", "window", "zoom", "pan", "crosshair"]);

/** Lines of planes are taken and moved, or turned by their handles, unless something is being drawn. */
export const planeGrips: PaneHook = {
  grab(viewport, drag) {
    const tool = drag.pointer === "mouse" ? mouseTool : fingerTool;
    const crossed = GRIPPING.has(tool.peek()) ? crossedOver(viewport) : null;
    const grip = crossed && gripAt(crossed, drag.from, drag.pointer === "mouse" ? "mouse" : "finger");
    return grip && dragOf(viewport, grip, drag);
  },
  hover(viewport, at) {
    const crossed = at && GRIPPING.has(mouseTool.peek()) ? crossedOver(viewport) : null;
    const grip = crossed && gripAt(crossed, at!, "mouse");
    return grip && { middle: "move", handle: "grab", line: "move" }[grip.on];
  },
};

function dragOf(viewport: Viewport, grip: Grip, { from }: Drag): ToolDrag | null {
  const begun = crosshair.peek();
  const start = placeUnder(viewport, from);
  if (!begun || !start) return null;
  switch (grip.on) {
    case "middle":
      return { move: ({ at }) => void jumpTo(viewport, at) };
    case "line":
      return {
        move({ at }) {
          const now = placeUnder(viewport, at);
          const across = now ? dot(difference(now.at, start.at), grip.line.plane.normal) : 0;
          showPlace(sum(begun.at, scaled(grip.line.plane.normal, across)), begun.frameOfReferenceUid, viewport);
        },
      };
    case "handle": {
      const axes = axesOf(viewport);
      return {
        move({ at }) {
          const now = placeUnder(viewport, at);
          if (now && axes) turnAxes(viewport, axes, angleBetween(difference(start.at, begun.at), difference(now.at, begun.at), start.plane.normal));
        },
      };
    }
  }
}

function angleBetween(one: Vector, other: Vector, normal: Vector): number {
  return Math.atan2(dot(cross(one, other), normal), dot(one, other));
}

function axesOf(viewport: Viewport): VolumeAxes | null {
  return volumeAxes.peek().get(viewport.document.peek()?.series_instance_uid ?? "") ?? null;
}

/** Turns the other planes about the line of sight onto this one. */
function turnAxes(viewport: Viewport, { grid, now }: VolumeAxes, radians: number): void {
  const document = viewport.document.peek();
  const plane = shownPlane(viewport);
  if (!document || !plane) return;
  const next = now.map((axis) => (Math.abs(dot(axis, plane.normal)) > 1 - 1e-6 ? axis : turned(axis, plane.normal, radians)));
  setAxes(document.series_instance_uid, { grid, now: next as unknown as Axes });
}

/** Degrees of a key press. */
const KEY_DEGREES = 2;

/** Turns the other planes by a step, clockwise as seen here for 1. */
export function turnPlanes(direction: 1 | -1): void {
  const viewport = activeViewport.peek();
  const axes = viewport && axesOf(viewport);
  if (axes) turnAxes(viewport, axes, (direction * KEY_DEGREES * Math.PI) / 180);
}

/** The planes of the pane in use along the volume's own grid again. */
export function straighten(): void {
  const viewport = activeViewport.peek();
  const axes = viewport && axesOf(viewport);
  if (axes) setAxes(viewport.document.peek()!.series_instance_uid, { grid: axes.grid, now: axes.grid });
}

/** Whether the planes of the pane in use have been turned. */
export function isTurned(): boolean {
  const axes = volumeAxes.value.get(activeViewport.value?.document.value?.series_instance_uid ?? "");
  return axes !== undefined && axes.now !== axes.grid;
}

/** Scrolling planes takes the crosshair along. */
export function startCrosshair(): void {
  effect(() => {
    const viewport = activeViewport.value;
    const plane = viewport && shownPlane(viewport);
    const marked = crosshair.peek();
    if (!plane || !marked || paneOf(viewport)?.kind === "stack" || plane.frameOfReferenceUid !== marked.frameOfReferenceUid) return;
    const height = heightOver(plane, marked.at);
    if (Math.abs(height) > 1e-3) crosshair.value = { ...marked, at: difference(marked.at, scaled(plane.normal, height)) };
  });
}
