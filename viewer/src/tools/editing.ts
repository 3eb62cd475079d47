// Annotations are taken hold of: chosen, moved, reshaped by their handles, deleted; by mouse, finger and keys.
import { apply, type Point } from "../geom/plane";
import type { Ground } from "../measure/ground";
import { distanceTo, handlesOf, moved, reshaped } from "../measure/outline";
import type { Annotation } from "../net/annotation";
import type { Drag } from "../input/gestures";
import type { Viewport } from "../render/viewport";
import { annotations, changeAnnotation, draft, removeAnnotation, selected, selectedId } from "../state/annotations";
import { loupe } from "../state/loupe";
import { annotationOf, askText, isDrawing } from "./drawing";
import { groundOf, picturePoint } from "./grounds";
import type { PaneHook } from "./hooks";
import { mouseTool, type ToolDrag } from "./tools";
import { activeViewport } from "./viewports";

/** How near, in CSS px, a press must be: a finger covers 44. */
const NEAR_PX = { mouse: 7, pen: 12, touch: 22 } as const;

interface Held {
  readonly annotation: Annotation;
  /** Of the picture. */
  readonly points: readonly Point[];
  /** Index of the handle; null: the whole. */
  readonly handle: number | null;
}

export const editing: PaneHook = {
  grab(viewport, drag) {
    const ground = groundOf(viewport);
    const isFree = !isDrawing() && mouseTool.peek() !== "magnify";
    const held = ground && isFree ? heldAt(viewport, ground, drag.from, NEAR_PX[drag.pointer]) : null;
    return ground && held && dragOf(viewport, ground, held, drag);
  },
  tap(viewport, at, { pointer }) {
    const ground = groundOf(viewport);
    if (!ground || isDrawing()) return false;
    const held = heldAt(viewport, ground, at, NEAR_PX[pointer]);
    const before = selectedId.peek();
    selectedId.value = held?.annotation.id ?? null;
    return held !== null && before !== held.annotation.id;
  },
  doubleTap(viewport, at, { pointer }) {
    const ground = groundOf(viewport);
    const held = ground && heldAt(viewport, ground, at, NEAR_PX[pointer]);
    if (!held || (held.annotation.kind !== "text" && held.annotation.kind !== "arrow")) return false;
    askText(held.annotation);
    return true;
  },
  hover(viewport, at) {
    const ground = at && !isDrawing() ? groundOf(viewport) : null;
    const held = ground && heldAt(viewport, ground, at!, NEAR_PX.mouse);
    return held ? (held.handle === null ? "move" : "pointer") : null;
  },
};

/** By columns and rows of the picture, of the annotation in hand. */
export function nudge(columns: number, rows: number): void {
  const annotation = selected.peek();
  const viewport = activeViewport.peek();
  const ground = viewport && groundOf(viewport);
  if (!annotation || !ground?.has(annotation)) return;
  const points = moved(annotation.points.map(ground.toPicture), columns, rows);
  changeAnnotation(annotationOf(viewport!, ground, annotation.kind, annotation.id, points, annotation.text));
}

export function removeSelected(): void {
  const id = selectedId.peek();
  if (id !== null) removeAnnotation(id);
}

/** The one in hand first, then the one drawn last; handles before lines. */
function heldAt(viewport: Viewport, ground: Ground, at: Point, nearPx: number): Held | null {
  const placement = viewport.placement.peek();
  if (!placement) return null;
  const inHand = selectedId.peek();
  const here = [...annotations.peek().values()].filter(ground.has).reverse();
  const ordered = [...here.filter(({ id }) => id === inHand), ...here.filter(({ id }) => id !== inHand)];
  for (const annotation of ordered) {
    const points = annotation.points.map(ground.toPicture);
    const onScreen = points.map((point) => apply(placement.toPane, point));
    const handle = handlesOf(annotation.kind, onScreen).findIndex(({ x, y }) => Math.hypot(x - at.x, y - at.y) <= nearPx);
    if (handle >= 0) return { annotation, points, handle };
    if (distanceTo(annotation.kind, onScreen, at) <= nearPx) return { annotation, points, handle: null };
  }
  return null;
}

function dragOf(viewport: Viewport, ground: Ground, { annotation, points, handle }: Held, { from }: Drag): ToolDrag | null {
  const start = picturePoint(viewport, from);
  if (!start) return null;
  selectedId.value = annotation.id;
  const { id, kind, text } = annotation;
  const changed = (to: Point): Annotation => {
    const now = handle === null ? moved(points, to.x - start.x, to.y - start.y) : reshaped(kind, points, handle, to);
    return annotationOf(viewport, ground, kind, id, now, text);
  };
  const letGo = (): void => {
    draft.value = null;
    loupe.value = null;
  };
  return {
    move({ at, pointer }) {
      draft.value = changed(picturePoint(viewport, at)!);
      loupe.value = pointer === "touch" && handle !== null ? { canvas: viewport.canvas, at, beside: true } : null;
    },
    end() {
      const made = draft.peek();
      letGo();
      if (made) changeAnnotation(made);
    },
    cancel: letGo,
  };
}
