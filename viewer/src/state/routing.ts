// Routing: the rules, what a form says of one, and the queue of what is on its way.
import { batch, signal } from "@preact/signals-core";
import type { Answer } from "../net/api";
import {
  fetchDeliveries,
  fetchRoutes,
  type Delivery,
  type DeliveryAction,
  type DeliveryPage,
  type DeliveryState,
  type RouteFields,
  type Rule,
} from "../net/admin";
import { said, saidList } from "./form";
import { fresh } from "./fresh";

/** Rows of the queue on one page. */
export const PAGE = 25;

export const routes = fresh(fetchRoutes);

/** Which deliveries are looked at; "": all. */
export const shownState = signal<DeliveryState | "">("");
export const offset = signal(0);
export const deliveries = fresh<DeliveryPage>(askDeliveries);

export function showState(state: DeliveryState | ""): void {
  batch(() => {
    shownState.value = state;
    offset.value = 0;
  });
  void deliveries.ask();
}

export function showFrom(first: number): void {
  offset.value = Math.max(0, first);
  void deliveries.ask();
}

/** One page of the queue; the last one when it has become shorter than where we are. */
async function askDeliveries(stop: AbortSignal): Promise<Answer<DeliveryPage>> {
  const asked = { state: shownState.peek(), limit: PAGE };
  const answer = await fetchDeliveries({ ...asked, offset: offset.peek() }, stop);
  if (!answer.ok || answer.value.rows.length > 0 || offset.peek() === 0 || stop.aborted) return answer;
  offset.value = Math.max(0, Math.ceil(answer.value.total / PAGE) - 1) * PAGE;
  return fetchDeliveries({ ...asked, offset: offset.peek() }, stop);
}

const OFFERED: Readonly<Record<DeliveryState, readonly DeliveryAction[]>> = {
  waiting: ["again", "pause", "cancel"],
  sending: ["pause", "cancel"],
  paused: ["resume", "cancel"],
  failed: ["again", "cancel"],
  delivered: ["again"],
  cancelled: ["again"],
};

export function isOffered(action: DeliveryAction, { state }: Pick<Delivery, "state">): boolean {
  return OFFERED[state].includes(action);
}

/** Whether its place in the queue still matters. */
export function isQueued({ state }: Pick<Delivery, "state">): boolean {
  return state === "waiting" || state === "sending" || state === "paused";
}

/** The value of the destination's choice that means "a DICOMweb address". */
export const BY_ADDRESS = "";

/** What a filled-in form says of a route. A rule holds only what narrows it. */
export function routeOf(form: FormData): RouteFields {
  const peer = said(form, "peer");
  const token = said(form, "token");
  return {
    name: said(form, "name"),
    rule: ruleOf(form),
    destination: peer === BY_ADDRESS ? said(form, "address") : peer,
    ...(peer === BY_ADDRESS && token !== "" && { token }),
    priority: Number(said(form, "priority") || "0"),
    enabled: form.has("enabled"),
  };
}

export function ruleOf(form: FormData): Rule {
  const from = said(form, "from");
  const to = said(form, "to");
  const rule: Required<Rule> = {
    sources: saidList(form, "sources"),
    modalities: saidList(form, "modalities").map((each) => each.toUpperCase()),
    body_parts: saidList(form, "body_parts").map((each) => each.toUpperCase()),
    description: said(form, "description"),
    station_names: saidList(form, "station_names"),
    hours: from && to ? `${from}-${to}` : "",
    weekdays: form.getAll("weekdays").map(Number),
  };
  return Object.fromEntries(Object.entries(rule).filter(([, value]) => value.length > 0));
}

/** "18:00-07:00" as its two ends. */
export function endsOf(hours: string | undefined): readonly [from: string, to: string] {
  const [from = "", to = ""] = (hours ?? "").split("-");
  return [from, to];
}
