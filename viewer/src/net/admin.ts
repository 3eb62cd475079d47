// The part of our REST API that is for administrators: peers, routing, corrections, further attributes and removals.
// Times are ISO 8601, in UTC.
import { fetchJson, studyPath, type Answer } from "./api";
import { send } from "./send";

export type Right = "store" | "query" | "retrieve" | "commit";
export const RIGHTS: readonly Right[] = ["store", "query", "retrieve", "commit"];

/** How an association ended. */
export type Outcome = "released" | "aborted" | "rejected" | "lost" | "unreachable";

/** What an administrator says of a peer. */
export interface PeerFields {
  readonly ae_title: string;
  readonly host: string;
  readonly port: number;
  readonly may: readonly string[];
  /** The Specific Character Set of what we tell it; "": ISO_IR 192. */
  readonly charset: string;
  readonly tls: boolean;
  /** SHA-256 of the one certificate it may show, in hexadecimal; "": any that our authority signed. */
  readonly certificate: string;
  /** At once; null: as many as all may have. */
  readonly max_associations: number | null;
  readonly max_per_minute: number | null;
  readonly relational: boolean;
  readonly notified: boolean;
  /** Whoever uses it must say who he is. */
  readonly identified: boolean;
}

export interface Peer extends PeerFields {
  /** Null or "" when it never was. */
  readonly last_seen: string | null;
  readonly last_outcome: Outcome | "" | null;
}

/** What a C-ECHO came to. */
export interface Echo {
  readonly succeeded: boolean;
  readonly explanation: string;
}

/** One presentation context: what was proposed, and what became of it. */
export interface Context {
  readonly abstract_syntax: string;
  readonly name: string;
  /** The first of its transfer syntaxes. */
  readonly proposed: readonly string[];
  /** How many transfer syntaxes besides. */
  readonly more: number;
  /** The transfer syntax agreed upon; "": none. */
  readonly accepted: string;
  /** Of PS3.8 Table 9-18; null: the association was not accepted, so nothing was said of it. */
  readonly result: number | null;
  readonly why: string;
}

/** How often a service was asked for with one status. */
export interface Requests {
  readonly service: string;
  /** In hexadecimal: "0000". */
  readonly status: string;
  readonly count: number;
}

export interface AssociationRecord {
  readonly pk: number;
  readonly began_at: string;
  readonly ended_at: string | null;
  /** We called it. */
  readonly outgoing: boolean;
  readonly address: string;
  readonly outcome: Outcome;
  /** In plain words, what to look at; "" when all went well. */
  readonly why: string;
  readonly contexts: readonly Context[];
  readonly requests: readonly Requests[];
}

/** Somebody who was turned away because we do not know him. */
export interface Knock {
  readonly pk: number;
  readonly ae_title: string;
  readonly address: string;
  readonly called_ae_title: string;
  readonly why: string;
  readonly times: number;
  readonly first_at: string;
  readonly last_at: string;
}

/** What a route takes. A list that is empty, a text that is "": any. */
export interface Rule {
  readonly sources?: readonly string[];
  readonly modalities?: readonly string[];
  readonly body_parts?: readonly string[];
  readonly description?: string;
  readonly station_names?: readonly string[];
  /** "18:00-07:00". */
  readonly hours?: string;
  /** 1: Monday. */
  readonly weekdays?: readonly number[];
}

export interface RouteFields {
  readonly name: string;
  readonly rule: Rule;
  /** The AE title of a peer, or the address of a DICOMweb service. */
  readonly destination: string;
  /** Bearer token of a DICOMweb destination; left out: it stays as it is. */
  readonly token?: string;
  /** Greater goes first. */
  readonly priority: number;
  readonly enabled: boolean;
}

export interface Route extends Omit<RouteFields, "token"> {
  readonly pk: number;
  readonly created_at: string;
}

export interface DryRunExample {
  readonly study_instance_uid: string;
  readonly patient_name: string;
  readonly study_date: string;
  readonly modality: string;
  readonly series_description: string;
  readonly instances: number;
}

/** What a rule would have sent. */
export interface DryRun {
  readonly series: number;
  readonly instances: number;
  readonly examples: readonly DryRunExample[];
}

export type DeliveryState = "waiting" | "sending" | "paused" | "delivered" | "failed" | "cancelled";
export const DELIVERY_STATES: readonly DeliveryState[] = ["waiting", "sending", "paused", "failed", "delivered", "cancelled"];

/** One series on its way to one destination. */
export interface Delivery {
  readonly pk: number;
  /** The name of the route; null: a person sent it, or the route is gone. */
  readonly route: string | null;
  readonly destination: string;
  readonly study_instance_uid: string;
  readonly series_instance_uid: string;
  readonly patient_name: string;
  readonly study_date: string;
  readonly modality: string;
  readonly state: DeliveryState;
  readonly priority: number;
  /** Instances in all. */
  readonly number: number;
  readonly sent: number;
  readonly attempts: number;
  /** Of the last failure, in plain words. */
  readonly why: string;
  readonly created_at: string;
  /** When it is to be tried (again). */
  readonly next_at: string;
  readonly ended_at: string | null;
}

export interface DeliveryPage {
  readonly total: number;
  readonly rows: readonly Delivery[];
}

export interface DeliveryQuery {
  readonly state: DeliveryState | "";
  readonly limit: number;
  readonly offset: number;
}

export type DeliveryAction = "pause" | "resume" | "cancel" | "again";

export type CorrectionState = "suggested" | "applied" | "dismissed" | "revoked";
export const CORRECTION_STATES: readonly CorrectionState[] = ["suggested", "applied", "dismissed", "revoked"];

/** What shall be told of a study instead of what is kept. */
export interface Correction {
  readonly pk: number;
  readonly study_instance_uid: string;
  readonly patient_name: string;
  /** Its keyword; SpecificCharacterSet: how the text of the study is to be read. */
  readonly attribute: string;
  readonly kept: string;
  readonly value: string;
  readonly reason: string;
  readonly state: CorrectionState;
  readonly source: string;
  readonly created_at: string;
  readonly decided_at: string | null;
}

export type CorrectionAction = "apply" | "dismiss" | "revoke";

export type Level = "patient" | "study" | "series" | "instance";
export const LEVELS: readonly Level[] = ["patient", "study", "series", "instance"];

/** An attribute that is to be searchable besides those that are always. */
export interface FurtherFields {
  /** Its keyword, or its tag of eight hexadecimal digits. */
  readonly attribute: string;
  readonly level: Level;
  /** Of a private attribute: who gave it its meaning. */
  readonly creator: string;
  /** Of a private attribute that no dictionary has; "": as the dictionary has it. */
  readonly vr: string;
}

export type FurtherState = "filling" | "ready" | "removing";

export interface Further extends Omit<FurtherFields, "attribute"> {
  readonly pk: number;
  /** Of a private attribute its tag. */
  readonly keyword: string;
  readonly state: FurtherState;
  /** Of what was stored before: how many instances have been read, of how many; about, and only while it is filled. */
  readonly read: number;
  readonly total: number;
  readonly source: string;
  readonly created_at: string;
}

export type RemovalState = "removed" | "restored" | "erasing" | "erased";

/** What was taken out of every answer. */
export interface Removal {
  readonly pk: number;
  readonly study_instance_uid: string;
  /** "": the whole study. */
  readonly series_instance_uid: string;
  /** "": the whole series. */
  readonly sop_instance_uid: string;
  readonly state: RemovalState;
  readonly number_of_objects: number;
  readonly reason: string;
  /** Who. */
  readonly source: string;
  readonly created_at: string;
  /** Until then it can be restored. */
  readonly erase_at: string;
  readonly ended_at: string | null;
}

export function fetchPeers(signal?: AbortSignal): Promise<Answer<readonly Peer[]>> {
  return fetchJson("/api/peers", signal);
}

/** Adds the peer, or changes the one of its AE title. */
export function keepPeer(peer: PeerFields): Promise<Answer<unknown>> {
  return send("PUT", peerPath(peer.ae_title), peer);
}

export function removePeer(aeTitle: string): Promise<Answer<unknown>> {
  return send("DELETE", peerPath(aeTitle));
}

export function echoPeer(aeTitle: string): Promise<Answer<Echo>> {
  return send("POST", `${peerPath(aeTitle)}/echo`);
}

/** The last associations of a peer, newest first. */
export function fetchAssociations(aeTitle: string, signal?: AbortSignal): Promise<Answer<readonly AssociationRecord[]>> {
  return fetchJson(`${peerPath(aeTitle)}/associations`, signal);
}

export function fetchKnocks(signal?: AbortSignal): Promise<Answer<readonly Knock[]>> {
  return fetchJson("/api/knocks", signal);
}

/** Admits who knocked, from where he came. What is left out of a known peer stays as it is. */
export function admitKnock(pk: number, given: { readonly may?: readonly string[]; readonly port?: number }): Promise<Answer<unknown>> {
  return send("POST", `/api/knocks/${pk}/admit`, given);
}

export function forgetKnock(pk: number): Promise<Answer<unknown>> {
  return send("DELETE", `/api/knocks/${pk}`);
}

export function fetchRoutes(signal?: AbortSignal): Promise<Answer<readonly Route[]>> {
  return fetchJson("/api/routes", signal);
}

export function addRoute(route: RouteFields): Promise<Answer<unknown>> {
  return send("POST", "/api/routes", route);
}

export function changeRoute(pk: number, route: RouteFields): Promise<Answer<unknown>> {
  return send("PUT", `/api/routes/${pk}`, route);
}

export function removeRoute(pk: number): Promise<Answer<unknown>> {
  return send("DELETE", `/api/routes/${pk}`);
}

/** What the rule would have sent of what came in the last so many days. */
export function dryRun(rule: Rule, days: number): Promise<Answer<DryRun>> {
  return send("POST", "/api/routes/dry-run", { rule, days });
}

export function fetchDeliveries({ state, limit, offset }: DeliveryQuery, signal?: AbortSignal): Promise<Answer<DeliveryPage>> {
  const parameters = new URLSearchParams({ ...(state && { state }), limit: String(limit), offset: String(offset) });
  return fetchJson(`/api/deliveries?${parameters}`, signal);
}

export function actOnDelivery(pk: number, action: DeliveryAction): Promise<Answer<unknown>> {
  return send("POST", `/api/deliveries/${pk}/${action}`);
}

export function setPriority(pk: number, priority: number): Promise<Answer<unknown>> {
  return send("PUT", `/api/deliveries/${pk}`, { priority });
}

export function fetchCorrections(state: CorrectionState, signal?: AbortSignal): Promise<Answer<readonly Correction[]>> {
  return fetchJson(`/api/corrections?${new URLSearchParams({ state })}`, signal);
}

/** Corrects one attribute of a study by hand. */
export function addCorrection(studyUid: string, attribute: string, value: string): Promise<Answer<unknown>> {
  return send("POST", "/api/corrections", { study_instance_uid: studyUid, attribute, value });
}

export function actOnCorrection(pk: number, action: CorrectionAction): Promise<Answer<unknown>> {
  return send("POST", `/api/corrections/${pk}/${action}`);
}

export function fetchFurther(signal?: AbortSignal): Promise<Answer<readonly Further[]>> {
  return fetchJson("/api/attributes", signal);
}

export function addFurther(fields: FurtherFields): Promise<Answer<unknown>> {
  return send("POST", "/api/attributes", fields);
}

export function removeFurther(pk: number): Promise<Answer<unknown>> {
  return send("DELETE", `/api/attributes/${pk}`);
}

/** Newest first. */
export function fetchRemovals(signal?: AbortSignal): Promise<Answer<readonly Removal[]>> {
  return fetchJson("/api/removals", signal);
}

export function removeStudy(studyUid: string, reason: string): Promise<Answer<{ readonly pk: number }>> {
  return send("DELETE", `${studyPath(studyUid)}?${new URLSearchParams({ reason })}`);
}

export function restoreRemoval(pk: number): Promise<Answer<unknown>> {
  return send("POST", `/api/removals/${pk}/restore`);
}

function peerPath(aeTitle: string): string {
  return `/api/peers/${encodeURIComponent(aeTitle)}`;
}
