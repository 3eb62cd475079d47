// The modality doctor: the last associations of a peer, why each went as it did, and what was agreed in it.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { numberText, t } from "../../i18n";
import { instantText } from "../../i18n/instant";
import type { AssociationRecord, Context, Requests } from "../../net/admin";
import { isTrouble } from "../../state/peers";
import { Icon } from "../icons";
import { RowList } from "./section";
import { OutcomeText } from "./peertexts";
import { syntaxText } from "../syntaxes";

export function Associations({ records }: { readonly records: readonly AssociationRecord[] }): JSX.Element {
  if (records.length === 0) return <p class="admin-hint">{t("doctor.none")}</p>;
  return (
    <RowList name={t("doctor.title")} of={records}>
      {records.map((record) => (
        <OneAssociation key={record.pk} record={record} />
      ))}
    </RowList>
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
  return [service, status === SUCCESS ? "" : status, `${numberText(count)}×`].filter(Boolean).join(" ");
}

function lastingText({ address, began_at, ended_at }: AssociationRecord): string {
  if (!ended_at) return address;
  const lastedMs = new Date(ended_at).getTime() - new Date(began_at).getTime();
  return [address, t("doctor.lasted", { n: Math.round(lastedMs / 1000) })].filter(Boolean).join(" · ");
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
            <td>{proposedText(context)}</td>
            <td>
              <Result context={context} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function proposedText({ proposed, more }: Context): string {
  return [...proposed.map(syntaxText), more > 0 ? t("doctor.more", { n: more }) : ""].filter(Boolean).join(", ");
}

function Result({ context: { accepted, result, why } }: { readonly context: Context }): JSX.Element {
  if (accepted) return <span class="fine">{t("doctor.accepted", { syntax: syntaxText(accepted) })}</span>;
  if (result === null) return <span class="faint">–</span>;
  return (
    <span class="trouble">
      <Icon name="warning" />
      <span>{[t("doctor.refused"), why].filter(Boolean).join(": ")}</span>
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

function statusText(status: string): string {
  return status === SUCCESS ? `${status} (${t("doctor.success")})` : status;
}
