// Panes that go together: scrolling by place in space, views, and windows. Only the pane in use leads; the others never answer.
import { effect } from "@preact/signals-core";
import { areParallel, heightOver, nearestPlane, type Plane, sameSpace } from "../geom/space";
import type { SeriesDocument } from "../net/series";
import type { Viewport } from "../render/viewport";
import { scrollLinked, viewLinked } from "../state/link";
import { planesOf } from "../state/planes";
import { activePaneId, panes } from "../state/reading";
import { activeViewport, viewports } from "./viewports";

/** How a pane follows: to the same place; by as many mm or frames; or not at all, because its planes lie across. */
export type Following = "place" | "steps" | "no";

/** How one series follows another. */
export function following(leader: SeriesDocument, follower: SeriesDocument): Following {
  const [lead, follow] = [leader, follower].map((document) => planesOf(document).find((plane) => plane !== null));
  if (!lead || !follow || !sameSpace(lead, follow)) return "steps";
  return areParallel(lead, follow) ? "place" : "no";
}

/** Begins to keep together what is linked. */
export function startLinks(): void {
  effect(followScrolling);
  effect(followView);
  effect(followWindow);
}

/** From where a pane goes along by steps. */
interface Stand {
  readonly document: SeriesDocument;
  readonly frame: number;
  readonly leaderFrame: number;
}

/** Who leads, and where each stood when the link was made or it came to it. */
interface Lead {
  readonly leader: Viewport;
  readonly document: SeriesDocument;
  readonly stands: Map<Viewport, Stand>;
}

let lead: Lead | null = null;

function followScrolling(): void {
  const leader = activeViewport.value;
  const document = leader?.document.value;
  if (!scrollLinked.value || !leader || !document) {
    lead = null;
    return;
  }
  const frame = leader.frame.value;
  const isNew = lead?.leader !== leader || lead.document !== document;
  const now: Lead = isNew ? { leader, document, stands: new Map() } : lead!;
  lead = now;
  for (const each of viewports.value.values()) if (each !== leader) follow(each, now, frame, isNew);
}

/** A pane that is new to it stays where it is, and goes along from there. */
function follow(viewport: Viewport, { document, stands }: Lead, frame: number, isNew: boolean): void {
  const own = viewport.document.value;
  if (!own) return;
  const stand = stands.get(viewport);
  if (stand?.document !== own) stands.set(viewport, { document: own, frame: viewport.frame.peek(), leaderFrame: frame });
  if (isNew || !stand) return;
  const way = following(document, own);
  const plane = planesOf(document)[frame];
  if (way === "place" && plane) viewport.setFrame(nearestPlane(planesOf(own), middleOf(plane))?.index ?? viewport.frame.peek());
  if (way === "steps" && stand.document === own) viewport.setFrame(stand.frame + stepsOf(document, own, stand.leaderFrame, frame));
}

function middleOf(plane: Plane): Plane["origin"] {
  const [across, along] = [((plane.columns - 1) / 2) * plane.columnMm, ((plane.rows - 1) / 2) * plane.rowMm];
  return plane.origin.map((part, axis) => part + plane.right[axis]! * across + plane.down[axis]! * along) as unknown as Plane["origin"];
}

/** As many mm as the leader has moved, where both know them; else as many frames. */
function stepsOf(leader: SeriesDocument, follower: SeriesDocument, from: number, to: number): number {
  const [one, two] = [planesOf(leader)[from], planesOf(leader)[to]];
  const spacing = follower.stack?.spacing;
  if (!one || !two || !spacing || !leader.stack) return to - from;
  return Math.round((Math.sign(to - from) * Math.abs(heightOver(one, two.origin))) / spacing);
}

function followView(): void {
  const leader = activeViewport.value;
  if (!viewLinked.value || !leader) return;
  const view = leader.view.value;
  for (const each of viewports.value.values()) if (each !== leader) each.setView(view);
}

/** Windows go together where the numbers mean the same: in linked panes of one modality, and in planes of one volume. */
function followWindow(): void {
  const leader = activeViewport.value;
  const window = leader?.window.value;
  const document = leader?.document.value;
  if (!leader || !window || !document) return;
  const isPlanes = panes.value.find(({ id }) => id === activePaneId.value)?.kind !== "stack";
  for (const [id, each] of viewports.value) {
    if (each === leader) continue;
    const own = each.document.value;
    const isVolume = isPlanes && own?.series_instance_uid === document.series_instance_uid && panes.value.find((pane) => pane.id === id)?.kind !== "stack";
    if (isVolume || (viewLinked.value && own?.modality === document.modality)) setWindowOf(each, window);
  }
}

function setWindowOf(viewport: Viewport, { center, width }: { readonly center: number; readonly width: number }): void {
  const own = viewport.window.peek();
  if (own && (own.center !== center || own.width !== width)) viewport.setWindow(center, width);
}
