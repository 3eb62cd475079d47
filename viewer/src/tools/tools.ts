// What a drag over a picture does. A tool is a plain object and never touches the document.
import { signal } from "@preact/signals-core";
import type { Point } from "../geom/plane";
import type { Drag } from "../input/gestures";
import type { Viewport } from "../render/viewport";

export type ToolName =
  | "scroll"
  | "window"
  | "zoom"
  | "pan"
  | "magnify"
  | "length"
  | "angle"
  | "cobb"
  | "ellipse"
  | "rectangle"
  | "freehand"
  | "probe"
  | "arrow"
  | "text"
  | "calibrate"
  | "crosshair";

/** A drag that has begun. */
export interface ToolDrag {
  move(drag: Drag): void;
  end?(drag: Drag): void;
  /** The pointer was taken away, or a second finger came: nothing of it is kept. */
  cancel?(): void;
}

export interface Tool {
  readonly name: ToolName;
  /** CSS cursor. */
  readonly cursor: string;
  /** Begins a drag where it was pressed. */
  start(viewport: Viewport, drag: Drag): ToolDrag;
  /** Pressed and released without a move. */
  tap?(viewport: Viewport, at: Point): void;
}

/** Dragging over the whole pane passes through the whole stack, but no frame is narrower or wider than this. */
const MIN_PX_PER_FRAME = 4;
const MAX_PX_PER_FRAME = 24;
/** A drag of so many px doubles the width of a window, or moves its centre by the width. */
const WINDOW_PX = 400;
/** A drag of so many px zooms by e. */
const ZOOM_PX = 200;

const scroll: Tool = {
  name: "scroll",
  cursor: "ns-resize",
  start(viewport) {
    const first = viewport.frame.peek();
    const paneHeight = viewport.placement.peek()?.pane.height ?? 0;
    const pxPerFrame = clamp(paneHeight / viewport.count.peek(), MIN_PX_PER_FRAME, MAX_PX_PER_FRAME);
    return {
      move({ at, from }) {
        const wanted = first + Math.trunc((at.y - from.y) / pxPerFrame);
        viewport.scroll(wanted - viewport.frame.peek());
      },
    };
  },
};

const window: Tool = {
  name: "window",
  cursor: "crosshair",
  start(viewport) {
    const first = viewport.window.peek();
    if (!first) return { move: () => undefined };
    const perPx = first.width / WINDOW_PX;
    const smallest = Math.min(1, first.width / 100);
    return {
      move({ at, from }) {
        const width = Math.max(smallest, first.width + (at.x - from.x) * perPx * 2);
        viewport.setWindow(first.center + (at.y - from.y) * perPx, width);
      },
    };
  },
};

const zoom: Tool = {
  name: "zoom",
  cursor: "zoom-in",
  start: (viewport) => ({ move: ({ deltaYPx, from }) => viewport.zoomBy(Math.exp(-deltaYPx / ZOOM_PX), from) }),
};

const pan: Tool = {
  name: "pan",
  cursor: "grab",
  start: (viewport) => ({ move: ({ deltaXPx, deltaYPx }) => viewport.panBy(deltaXPx, deltaYPx) }),
};

const tools = signal<ReadonlyMap<ToolName, Tool>>(new Map([scroll, window, zoom, pan].map((tool) => [tool.name, tool])));

/** Tools that come with a part of the page. */
export function addTools(added: readonly Tool[]): void {
  tools.value = new Map([...tools.peek(), ...added.map((tool) => [tool.name, tool] as const)]);
}

export function hasTool(name: ToolName): boolean {
  return tools.value.has(name);
}

/** What the left mouse button does. */
export const mouseTool = signal<ToolName>("window");

/** What one finger does. */
export const fingerTool = signal<ToolName>("scroll");

export function chooseTool(name: ToolName): void {
  mouseTool.value = name;
  fingerTool.value = name;
}

export function toolFor({ button, pointer }: Pick<Drag, "button" | "pointer">): Tool {
  if (button === "middle") return pan;
  if (button === "right") return zoom;
  return toolOf((pointer === "mouse" ? mouseTool : fingerTool).peek());
}

/** The tool of a name; scrolling where its part has not come. */
export function toolOf(name: ToolName): Tool {
  return tools.value.get(name) ?? scroll;
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
