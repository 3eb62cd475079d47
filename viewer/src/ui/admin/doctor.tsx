// The modality doctor: the last associations of a peer, why each went as it did, and what was agreed in it.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { numberText, t } from "../../i18n";
import { instantText } from "../../i18n/instant";
import type { AssociationRecord, Context, Requests } from "../../net/admin";
import { isTrouble } from "../../state/peers";
import { Icon } from "../icons";
import { moveThroughRows } from "./section";
import { OutcomeText } from "./peertexts";

export function Associations({ records }: { readonly records: readonly AssociationRecord[] }): JSX.Element {
  if (records.length === 0) return <p class="admin-hint">{t("doctor.none")}</p>;
  return (
    <ol class="admin-list" onKeyDown={moveThroughRows}>
      {records.map((record) => (
        <OneAssociation key={record.pk} record={record} />
      ))}
    </ol>
  );
}

function OneAssociation({ record }: { readonly record: AssociationRecord }): JSX.Element {
  const [open, setOpen] = useState(false);
  const id = `association-${record.pk}`;
  return (
    <li data-row={record.pk} class={`association ${isTrouble(record.outcome) ? "troubled" : ""}`}>
      <button type="button" class="association-head" aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)}>
        <Icon name={open ? "up" : "down"} />
        <span class="numbers when">{instantText(record.began_at)}</span>
        <span class="soft">{t(record.outgoing ? "doctor.outgoing" : "doctor.incoming")}</span>
        <OutcomeText outcome={record.outcome} />
        <span class="soft asked">{record.requests.map(requestText).join(" · ")}</span>
      </button>
      {record.why && <p class="why">{record.why}</p>}
      {open && (
        <div id={id} class="association-body">
          <p class="soft numbers">{lastingText(record)}</p>
          <ContextTable contexts={record.contexts} />
          <RequestTable requests={record.requests} />
        </div>
      )}
    </li>
  );
}

/** "C-STORE 318×", and "C-STORE C000 2×" where it did not go well. */
function requestText({ service, status, count }: Requests): string {
  const written = hexText(status);
  return [service, written === SUCCESS ? "" : written, `${numberText(count)}×`].filter(Boolean).join(" ");
}

function lastingText({ address, began_at, ended_at }: AssociationRecord): string {
  if (!ended_at) return address;
  const ms = new Date(ended_at).getTime() - new Date(began_at).getTime();
  return [address, t("doctor.lasted", { n: Math.round(ms / 1000) })].filter(Boolean).join(" · ");
}

/** What was proposed and refused stands first: it is what one looks for. */
function ContextTable({ contexts }: { readonly contexts: readonly Context[] }): JSX.Element {
  if (contexts.length === 0) return <p class="admin-hint">{t("doctor.no_contexts")}</p>;
  const ordered = [...contexts.filter(({ accepted }) => !accepted), ...contexts.filter(({ accepted }) => accepted)];
  return (
    <table class="admin-table small-table stacked">
      <caption>{t("doctor.contexts")}</caption>
      <thead>
        <tr>
          <th scope="col">{t("doctor.service")}</th>
          <th scope="col">{t("doctor.proposed")}</th>
          <th scope="col">{t("doctor.result")}</th>
        </tr>
      </thead>
      <tbody>
        {ordered.map((context, index) => (
          <tr key={index}>
            <th scope="row" title={context.abstract_syntax}>
              {context.name || context.abstract_syntax}
            </th>
            <td>{context.proposed.join(", ")}</td>
            <td>{context.accepted ? <span class="fine">{t("doctor.accepted", { syntax: context.accepted })}</span> : <Refused context={context} />}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Refused({ context }: { readonly context: Context }): JSX.Element {
  return (
    <span class="trouble">
      <Icon name="warning" />
      <span>{[t("doctor.refused"), context.why].filter(Boolean).join(": ")}</span>
    </span>
  );
}

function RequestTable({ requests }: { readonly requests: readonly Requests[] }): JSX.Element | null {
  if (requests.length === 0) return null;
  return (
    <table class="admin-table small-table">
      <caption>{t("doctor.requests")}</caption>
      <thead>
        <tr>
          <th scope="col">{t("doctor.service")}</th>
          <th scope="col">{t("doctor.status")}</th>
          <th scope="col">{t("doctor.count")}</th>
        </tr>
      </thead>
      <tbody>
        {requests.map(({ service, status, count }) => (
          <tr key={`${service} ${status}`}>
            <th scope="row">{service}</th>
            <td class="numbers">{statusText(status)}</td>
            <td class="numbers">{numberText(count)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const SUCCESS = "0000";

/** A DIMSE status as the standard writes it: A700. */
function hexText(status: string | number): string {
  return typeof status === "number" ? status.toString(16).toUpperCase().padStart(4, "0") : status;
}

function statusText(status: string | number): string {
  const written = hexText(status);
  return written === SUCCESS ? `${written} (${t("doctor.success")})` : written;
}
