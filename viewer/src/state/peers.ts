// The peers: who they are, who knocks, and what the form says of one.
import { signal } from "@preact/signals-core";
import { fetchAssociations, fetchKnocks, fetchPeers, RIGHTS, type AssociationRecord, type Outcome, type Peer, type PeerFields } from "../net/admin";
import { said } from "./form";
import { fresh } from "./fresh";

/** DICOM's registered port, which a modality listens on more often than on any other. */
export const USUAL_PORT = 104;

export const peers = fresh(fetchPeers);
export const knocks = fresh(fetchKnocks);

/** Whose associations are looked at. */
const looked = signal("");
export const associations = fresh<readonly AssociationRecord[]>((stop) => fetchAssociations(looked.peek(), stop));

/** Turns to the associations of another peer. */
export function lookAt(aeTitle: string): void {
  if (looked.peek() === aeTitle) return;
  looked.value = aeTitle;
  associations.forget();
}

export function isTrouble(outcome: Outcome | "" | null): boolean {
  return outcome !== null && outcome !== "" && outcome !== "released";
}

/** What a filled-in form says of a peer. */
export function peerOf(form: FormData): PeerFields {
  return {
    ae_title: said(form, "ae_title"),
    host: said(form, "host"),
    port: Number(said(form, "port")),
    may: rightsOf(form),
    charset: said(form, "charset"),
    tls: form.has("tls"),
    certificate: said(form, "certificate").replaceAll(/[\s:]/g, "").toLowerCase(),
    max_associations: limit(form, "max_associations"),
    max_per_minute: limit(form, "max_per_minute"),
    relational: form.has("relational"),
    notified: form.has("notified"),
    identified: form.has("identified"),
  };
}

export function rightsOf(form: FormData): readonly string[] {
  return RIGHTS.filter((right) => form.getAll("may").includes(right));
}

/** Without what the server tells and nobody may say. */
export function fieldsOf({ last_seen: _seen, last_outcome: _outcome, ...fields }: Peer): PeerFields {
  return fields;
}

function limit(form: FormData, name: string): number | null {
  const number = said(form, name);
  return number === "" ? null : Number(number);
}
