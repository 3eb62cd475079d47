// The viewports on screen, by pane.
import { computed, signal } from "@preact/signals-core";
import type { Window } from "../geom/window";
import type { Viewport } from "../render/viewport";
import { activePaneId, type Pane } from "../state/reading";

/** By id of the pane; of those that have one. */
export const viewports = signal<ReadonlyMap<number, Viewport>>(new Map());

/** The viewport that keys and buttons act on. */
export const activeViewport = computed(() => viewports.value.get(activePaneId.value) ?? null);

/** Makes a viewport the one of a pane. Returns what ends that. */
export function placeViewport(paneId: number, viewport: Viewport): () => void {
  viewports.value = new Map(viewports.peek()).set(paneId, viewport);
  return () => {
    viewports.value = new Map([...viewports.peek()].filter(([id]) => id !== paneId));
  };
}

/** The window that a reader chose; undefined: it is as recorded. */
export function ownWindow({ window, presets }: Viewport): Window | undefined {
  const [used, recorded] = [window.peek(), presets.peek()[0]];
  return used && (used.center !== recorded?.center || used.width !== recorded.width) ? used : undefined;
}

/** What makes the viewport of panes that show a plane through a volume; null: its part has not come. */
export const volumeViewport = signal<((canvas: HTMLCanvasElement, pane: Pane) => Viewport) | null>(null);
