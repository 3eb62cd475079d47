// The second window: what it shows, and scrolling and pointing across both.
import { effect } from "@preact/signals-core";
import { areParallel, heightOver, nearestPlane, type Plane, sameSpace, toPatient } from "../geom/space";
import type { SeriesDocument } from "../net/series";
import type { Viewport } from "../render/viewport";
import { unseenSeries } from "../state/layout";
import { crosshair, type Place, scrollLinked } from "../state/link";
import { planesOf } from "../state/planes";
import { activePane, openSeries, studies } from "../state/reading";
import { placeAddress, replaceAddress, route } from "../state/route";
import { isSecond, join, type Message, secondAddress, tell } from "../state/secondwindow";
import { activeViewport, viewports } from "./viewports";

/** Opens the other window, on the first series that is not on the screen yet. False: the browser does not let us. */
export function openSecondWindow(): boolean {
  const address = addressOfSecond();
  return address !== null && window.open(address, "filmless-second", "popup,width=1280,height=960") !== null;
}

/** Shows the series of the active pane in the other window. */
export function sendToOther(): void {
  const { series } = activePane.peek();
  if (series) tell({ kind: "show", series });
}

/** Begins to hear the other window, and to tell it where the pane in use is and which study is read. */
export function startSecondWindow(): void {
  join(hear);
  effect(tellScrolling);
  effect(tellPointing);
  if (!isSecond()) effect(tellStudy);
}

function addressOfSecond(): string | null {
  const uids = studies.peek().map(({ uid }) => uid);
  const series = unseenSeries()[0] ?? activePane.peek().series;
  return series && secondAddress(placeAddress(uids, { seriesUid: series.seriesUid, sopInstanceUid: "", frameNumber: 1 }));
}

let toldStudy = "";

/** Once another study hangs here, the second window turns to it too. */
function tellStudy(): void {
  const first = studies.value[0]?.uid ?? "";
  if (activePane.value.series === null || first === "" || first === toldStudy) return;
  const address = addressOfSecond();
  const isFirstOfAll = toldStudy === "";
  toldStudy = first;
  if (address && !isFirstOfAll) tell({ kind: "address", address });
}

/** While what the other window told is done here, nothing of it is told back. */
let isHearing = false;

function hear(message: Message): void {
  isHearing = true;
  if (message.kind === "address" && isSecond()) follow(message.address);
  if (message.kind === "show") openSeries(message.series);
  if (message.kind === "scrolled" && scrollLinked.peek()) for (const viewport of viewports.peek().values()) scroll(viewport, message);
  if (message.kind === "pointed") point(message.place);
  isHearing = false;
}

function follow(address: string): void {
  if (route.peek().pathname + route.peek().search !== address) replaceAddress(address);
}

function tellPointing(): void {
  const place = crosshair.value;
  if (place && !isHearing) tell({ kind: "pointed", place });
}

function point(place: Place): void {
  crosshair.value = place;
  for (const viewport of viewports.peek().values()) {
    const document = viewport.document.peek();
    const planes = document ? planesOf(document).map((plane) => (plane?.frameOfReferenceUid === place.frameOfReferenceUid ? plane : null)) : [];
    const nearest = nearestPlane(planes, place.at);
    if (nearest) viewport.setFrame(nearest.index);
  }
}

let told: { readonly document: SeriesDocument; readonly frame: number } | null = null;

function tellScrolling(): void {
  const viewport = activeViewport.value;
  const document = viewport?.document.value;
  const frame = viewport?.frame.value ?? 0;
  const last = told?.document === document ? told : null;
  told = document ? { document, frame } : null;
  if (!document || !last || last.frame === frame || !scrollLinked.value || isHearing) return;
  const [from, to] = [planesOf(document)[last.frame], planesOf(document)[frame]];
  const mm = from && to && document.stack ? Math.sign(frame - last.frame) * Math.abs(heightOver(from, to.origin)) : null;
  tell({ kind: "scrolled", plane: to ?? null, frames: frame - last.frame, mm });
}

/** What is left of a move that was less than a slice. */
const rests = new WeakMap<Viewport, number>();

/** To the same place where both are in one space; else by as many mm, or frames where mm are not known. Planes that lie across stay. */
function scroll(viewport: Viewport, { plane, frames, mm }: Extract<Message, { kind: "scrolled" }>): void {
  const document = viewport.document.peek();
  if (!document) return;
  const planes = planesOf(document);
  const own = planes.find((each) => each !== null);
  if (plane && own && sameSpace(plane, own)) {
    const nearest = areParallel(plane, own) ? nearestPlane(planes, middleOf(plane)) : null;
    if (nearest) viewport.setFrame(nearest.index);
    return;
  }
  const spacing = document.stack?.spacing;
  const wanted = mm !== null && spacing ? mm / spacing + (rests.get(viewport) ?? 0) : frames;
  rests.set(viewport, wanted - Math.round(wanted));
  viewport.scroll(Math.round(wanted));
}

function middleOf(plane: Plane): Place["at"] {
  return toPatient(plane, { x: plane.columns / 2, y: plane.rows / 2 });
}
