// The viewports on screen, by pane.
import { computed, signal } from "@preact/signals-core";
import type { Viewport } from "../render/viewport";
import { activePaneId } from "../state/reading";

const viewports = signal<ReadonlyMap<number, Viewport>>(new Map());

/** The viewport that keys and buttons act on. */
export const activeViewport = computed(() => viewports.value.get(activePaneId.value) ?? null);

/** Makes a viewport the one of a pane. Returns what ends that. */
export function placeViewport(paneId: number, viewport: Viewport): () => void {
  viewports.value = new Map(viewports.peek()).set(paneId, viewport);
  return () => {
    viewports.value = new Map([...viewports.peek()].filter(([id]) => id !== paneId));
  };
}
