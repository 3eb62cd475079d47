// A series is dragged from the list onto a pane, also of another window of ours.
import { activePaneId, allSeries, showIn } from "../state/reading";

const SERIES = "application/x-filmless-series";

/** Follows drags of the whole page, as long as it lives. */
export function bindDrops(): void {
  document.addEventListener("dragstart", ({ target, dataTransfer }) => {
    const seriesUid = target instanceof HTMLElement && target.closest<HTMLElement>("[data-series]")?.dataset["series"];
    if (seriesUid) dataTransfer?.setData(SERIES, seriesUid);
  });
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes(SERIES)) return;
    const pane = paneAt(event.target);
    mark(pane);
    // What is not prevented is no place to drop.
    if (pane) event.preventDefault();
  });
  document.addEventListener("dragend", () => mark(null));
  document.addEventListener("drop", (event) => {
    const pane = paneAt(event.target);
    const series = allSeries.peek().find(({ seriesUid }) => seriesUid === event.dataTransfer?.getData(SERIES));
    mark(null);
    if (!pane || !series) return;
    event.preventDefault();
    const id = Number(pane.dataset["pane"]);
    showIn(id, series);
    activePaneId.value = id;
  });
}

function paneAt(target: EventTarget | null): HTMLElement | null {
  return target instanceof Element ? target.closest<HTMLElement>("[data-pane]") : null;
}

function mark(pane: HTMLElement | null): void {
  for (const each of document.querySelectorAll("[data-pane].dropping")) if (each !== pane) each.classList.remove("dropping");
  pane?.classList.add("dropping");
}
