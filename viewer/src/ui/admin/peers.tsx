// The peers, and who knocked and was turned away.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { t } from "../../i18n";
import { agoText, instantText } from "../../i18n/instant";
import { admitKnock, forgetKnock, type Knock, type Peer } from "../../net/admin";
import { adminAddress } from "../../state/adminplace";
import { said } from "../../state/form";
import { bindFresh } from "../../state/fresh";
import { knocks, peers, rightsOf, USUAL_PORT } from "../../state/peers";
import { Notice } from "../notice";
import { Sheet } from "../sheet";
import { Problem, useAct } from "./act";
import { TextField } from "./field";
import { follow } from "./link";
import { usePages } from "./pager";
import { PeerForm, RightTicks } from "./peerform";
import { addressText, OutcomeText, rightsText } from "./peertexts";
import { Listed, moveThroughRows, RowList, Section } from "./section";

/** How often to look who has called meanwhile. */
const LOOK_MS = 5000;

export function Peers(): JSX.Element {
  const [adding, setAdding] = useState(false);
  useEffect(() => bindFresh(peers, LOOK_MS), []);
  useEffect(() => bindFresh(knocks, LOOK_MS), []);

  const add = (
    <button type="button" class="button framed" onClick={() => setAdding(true)}>
      {t("peers.add")}
    </button>
  );
  return (
    <div class="admin-page">
      <Knocking />
      <Section title={t("admin.peers")} actions={add}>
        <Listed of={peers}>{(known) => (known.length === 0 ? <Notice icon="globe" title={t("peers.none")} hint={t("peers.none_hint")} /> : <PeerTable peers={known} />)}</Listed>
      </Section>
      {adding && <PeerForm close={() => setAdding(false)} />}
    </div>
  );
}

function PeerTable({ peers: known }: { readonly peers: readonly Peer[] }): JSX.Element {
  const { shown, pager } = usePages(known);
  return (
    <>
      <table class="admin-table" onKeyDown={moveThroughRows}>
        <thead>
          <tr>
            <th scope="col">{t("peers.ae_title")}</th>
            <th scope="col">{t("peers.address")}</th>
            <th scope="col">{t("peers.may")}</th>
            <th scope="col">{t("peers.tls")}</th>
            <th scope="col">{t("peers.last_seen")}</th>
            <th scope="col">{t("peers.last_outcome")}</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((peer) => (
            <PeerRow key={peer.ae_title} peer={peer} />
          ))}
        </tbody>
      </table>
      {pager}
    </>
  );
}

function PeerRow({ peer }: { readonly peer: Peer }): JSX.Element {
  return (
    <tr data-row={peer.ae_title}>
      <th scope="row">
        <a class="row-name" href={adminAddress("peers", peer.ae_title)} onClick={follow}>
          {peer.ae_title}
        </a>
      </th>
      <td class="numbers">{addressText(peer)}</td>
      <td>{rightsText(peer.may)}</td>
      <td data-label={t("peers.tls")}>{peer.tls ? t("yes") : "–"}</td>
      <td title={instantText(peer.last_seen)}>{agoText(peer.last_seen, Date.now()) || t("peers.never")}</td>
      <td>
        <OutcomeText outcome={peer.last_outcome} />
      </td>
    </tr>
  );
}

/** Not there when nobody knocks. */
function Knocking(): JSX.Element | null {
  const known = knocks.value.value ?? [];
  const [admitted, setAdmitted] = useState<Knock | null>(null);
  const { shown, pager } = usePages(known);
  if (known.length === 0) return null;
  return (
    <Section title={t("knocks.title")} hint={t("knocks.hint")} class="knocking">
      <RowList name={t("knocks.title")} of={shown}>
        {shown.map((knock) => (
          <KnockRow key={knock.pk} knock={knock} admit={() => setAdmitted(knock)} />
        ))}
      </RowList>
      {pager}
      {admitted && <AdmitForm knock={admitted} close={() => setAdmitted(null)} />}
    </Section>
  );
}

function KnockRow({ knock, admit }: { readonly knock: Knock; readonly admit: () => void }): JSX.Element {
  const { working, failed, run } = useAct();
  const forget = async (): Promise<void> => {
    if (await run(() => forgetKnock(knock.pk))) void knocks.ask();
  };
  return (
    <li data-row={knock.pk}>
      <div class="what">
        <strong>{knock.ae_title}</strong> <span class="numbers soft">{knock.address}</span>
        <p>{knock.why}</p>
        <p class="soft" title={instantText(knock.last_at)}>
          {t("knocks.times", { n: knock.times, ago: agoText(knock.last_at, Date.now()), called: knock.called_ae_title })}
        </p>
        <Problem failed={failed} />
      </div>
      <div class="does">
        <button type="button" class="button framed" aria-label={t("knocks.admit_one", { name: knock.ae_title })} onClick={admit}>
          {t("knocks.admit")}
        </button>
        <button type="button" class="button" aria-label={t("knocks.forget_one", { name: knock.ae_title })} aria-disabled={working} onClick={() => void forget()}>
          {t("knocks.forget")}
        </button>
      </div>
    </li>
  );
}

function AdmitForm({ knock, close }: { readonly knock: Knock; readonly close: () => void }): JSX.Element {
  const { working, failed, run } = useAct();
  const known = (peers.value.value ?? []).find(({ ae_title }) => ae_title === knock.ae_title);
  const onSubmit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const given = known ? {} : { may: rightsOf(form), port: Number(said(form, "port")) };
    if (!(await run(() => admitKnock(knock.pk, given)))) return;
    close();
    void knocks.ask();
    void peers.ask();
  };
  return (
    <Sheet title={t("knocks.admit_one", { name: knock.ae_title })} close={close} firm class="small-sheet">
      <form class="admin-form" onSubmit={(event) => void onSubmit(event)}>
        {known ? (
          <p>{t("knocks.moved_hint", { name: knock.ae_title, address: knock.address, before: known.host })}</p>
        ) : (
          <>
            <p class="soft">{t("knocks.admit_hint", { name: knock.ae_title, address: knock.address })}</p>
            <RightTicks may={["store"]} />
            <TextField label={t("peers.port")} name="port" type="number" min={1} max={65535} value={String(USUAL_PORT)} hint={t("knocks.port_hint")} required />
          </>
        )}
        <Problem failed={failed} />
        <div class="form-end">
          <button type="button" class="button framed" onClick={close}>
            {t("cancel")}
          </button>
          <button type="submit" class="button primary" aria-disabled={working}>
            {t("knocks.admit")}
          </button>
        </div>
      </form>
    </Sheet>
  );
}
