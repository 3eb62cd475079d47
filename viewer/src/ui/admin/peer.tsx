// One peer: what it may, whether it answers, and what its last associations came to.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { t } from "../../i18n";
import { agoText, instantText } from "../../i18n/instant";
import { echoPeer, keepPeer, removePeer, type Echo, type Peer } from "../../net/admin";
import { adminAddress } from "../../state/adminplace";
import { bindFresh } from "../../state/fresh";
import { associations, fieldsOf, lookAt, peers } from "../../state/peers";
import { go } from "../../state/route";
import { undoable } from "../../state/undo";
import { Icon } from "../icons";
import { Notice } from "../notice";
import { Problem, useAct } from "./act";
import { Associations } from "./doctor";
import { follow } from "./link";
import { PeerForm } from "./peerform";
import { addressText, OutcomeText, rightsText } from "./peertexts";
import { Listed, Section } from "./section";

const LOOK_MS = 5000;

export function PeerPage({ aeTitle }: { readonly aeTitle: string }): JSX.Element {
  useEffect(() => bindFresh(peers, LOOK_MS), []);
  useEffect(() => {
    lookAt(aeTitle);
    return bindFresh(associations, LOOK_MS);
  }, [aeTitle]);

  return (
    <div class="admin-page">
      <Listed of={peers}>
        {(known) => {
          const peer = known.find(({ ae_title }) => ae_title === aeTitle);
          return peer ? <Known peer={peer} /> : <Notice icon="globe" title={t("peers.unknown", { name: aeTitle })} />;
        }}
      </Listed>
    </div>
  );
}

function Known({ peer }: { readonly peer: Peer }): JSX.Element {
  const [changing, setChanging] = useState(false);
  return (
    <>
      <header class="peer-head">
        <a class="button" href={adminAddress("peers")} aria-label={t("peers.back")} title={t("peers.back")} onClick={follow}>
          <Icon name="back" />
        </a>
        <h2>{peer.ae_title}</h2>
        <span class="numbers soft">{addressText(peer)}</span>
        <OutcomeText outcome={peer.last_outcome} />
      </header>
      <Doings peer={peer} change={() => setChanging(true)} />
      <Facts peer={peer} />
      <Section title={t("doctor.title")} hint={t("doctor.hint")}>
        <Listed of={associations}>{(records) => <Associations records={records} />}</Listed>
      </Section>
      {changing && <PeerForm peer={peer} close={() => setChanging(false)} />}
    </>
  );
}

function Doings({ peer, change }: { readonly peer: Peer; readonly change: () => void }): JSX.Element {
  const testing = useAct();
  const removing = useAct();
  const [echo, setEcho] = useState<Echo | null>(null);

  const test = async (): Promise<void> => {
    setEcho(null);
    const answer = await testing.run(() => echoPeer(peer.ae_title));
    if (!answer) return;
    setEcho(answer.value);
    void associations.ask();
  };
  const remove = async (): Promise<void> => {
    if (!(await removing.run(() => removePeer(peer.ae_title)))) return;
    undoable.value = { text: t("peers.removed", { name: peer.ae_title }), undo: () => bringBack(peer) };
    void peers.ask();
    go(adminAddress("peers"));
  };

  return (
    <>
      <div class="peer-does">
        <button type="button" class="button primary" aria-disabled={testing.working} onClick={() => void test()}>
          {t(testing.working ? "peers.testing" : "peers.test")}
        </button>
        <button type="button" class="button framed" onClick={change}>
          {t("peers.change")}
        </button>
        <button type="button" class="button framed danger" aria-disabled={removing.working} onClick={() => void remove()}>
          {t("peers.remove")}
        </button>
      </div>
      <div role="status">
        {echo && (
          <p class={`echo ${echo.succeeded ? "fine" : "trouble"}`}>
            {!echo.succeeded && <Icon name="warning" />}
            <span>
              <b>{t(echo.succeeded ? "peers.answers" : "peers.silent")}</b> {echo.explanation}
            </span>
          </p>
        )}
      </div>
      <Problem failed={testing.failed ?? removing.failed} />
    </>
  );
}

async function bringBack(peer: Peer): ReturnType<typeof keepPeer> {
  const answer = await keepPeer(fieldsOf(peer));
  void peers.ask();
  return answer;
}

function Facts({ peer }: { readonly peer: Peer }): JSX.Element {
  const facts: readonly (readonly [string, string])[] = [
    [t("peers.may"), rightsText(peer.may)],
    [t("peers.tls"), peer.tls ? t("yes") : t("no")],
    [t("peers.last_seen"), peer.last_seen ? `${instantText(peer.last_seen)} (${agoText(peer.last_seen, Date.now())})` : t("peers.never")],
  ];
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
