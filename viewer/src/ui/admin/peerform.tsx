// The form of a peer: to add one, and to change it.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { t, type Key } from "../../i18n";
import { keepPeer, RIGHTS, type Peer } from "../../net/admin";
import { peerOf, peers, USUAL_PORT } from "../../state/peers";
import { Sheet } from "../sheet";
import { Problem, useAct } from "./act";
import { Field, TextField, Tick, Ticks } from "./field";

/** What a peer can be told in (Specific Character Set). */
const CHARSETS: readonly (readonly [string, Key])[] = [
  ["", "charset.utf8"],
  ["ISO_IR 100", "charset.latin1"],
  ["ISO_IR 6", "charset.ascii"],
];

interface PeerFormProps {
  /** Left out: a new one. */
  readonly peer?: Peer;
  readonly close: () => void;
}

export function PeerForm({ peer, close }: PeerFormProps): JSX.Element {
  const { working, failed, run } = useAct();
  const [exists, setExists] = useState(false);

  const onSubmit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const said = peerOf(new FormData(event.currentTarget as HTMLFormElement));
    // A PUT would change the one that is there, and this form shows nothing of it.
    const isTaken = !peer && (peers.value.peek() ?? []).some(({ ae_title }) => ae_title === said.ae_title);
    setExists(isTaken);
    if (isTaken || !(await run(() => keepPeer(said)))) return;
    close();
    void peers.ask();
  };

  return (
    <Sheet title={peer ? t("peers.change_one", { name: peer.ae_title }) : t("peers.add")} close={close} firm class="small-sheet">
      <form class="admin-form" onSubmit={(event) => void onSubmit(event)}>
        <TextField
          label={t("peers.ae_title")}
          name="ae_title"
          value={peer?.ae_title ?? ""}
          hint={t("peers.ae_title_hint")}
          maxLength={16}
          readOnly={peer !== undefined}
          focused={peer === undefined}
          required
        />
        <div class="form-row">
          <TextField label={t("peers.host")} name="host" value={peer?.host ?? ""} class="grow" focused={peer !== undefined} required />
          <TextField label={t("peers.port")} name="port" type="number" min={1} max={65535} value={String(peer?.port ?? USUAL_PORT)} required />
        </div>
        <RightTicks may={peer?.may ?? ["store"]} />
        <Ticks legend={t("peers.safety")}>
          <Tick label={t("peers.tls")} name="tls" ticked={peer?.tls ?? false} hint={t("peers.tls_hint")} />
          <Tick label={t("peers.identified")} name="identified" ticked={peer?.identified ?? false} hint={t("peers.identified_hint")} />
        </Ticks>
        <details class="admin-more" open={peer !== undefined && isSpecial(peer)}>
          <summary>{t("peers.more")}</summary>
          <TextField label={t("peers.certificate")} name="certificate" value={peer?.certificate ?? ""} hint={t("peers.certificate_hint")} />
          <div class="form-row">
            <TextField label={t("peers.max_associations")} name="max_associations" type="number" min={1} value={numberOf(peer?.max_associations)} hint={t("peers.no_limit_hint")} class="grow" />
            <TextField label={t("peers.max_per_minute")} name="max_per_minute" type="number" min={1} value={numberOf(peer?.max_per_minute)} hint={t("peers.no_limit_hint")} class="grow" />
          </div>
          <CharsetField charset={peer?.charset ?? ""} />
          <Ticks legend={t("peers.habits")}>
            <Tick label={t("peers.relational")} name="relational" ticked={peer?.relational ?? false} hint={t("peers.relational_hint")} />
            <Tick label={t("peers.notified")} name="notified" ticked={peer?.notified ?? false} hint={t("peers.notified_hint")} />
          </Ticks>
        </details>
        {exists && (
          <p class="problem" role="alert">
            {t("peers.exists")}
          </p>
        )}
        <Problem failed={failed} />
        <div class="form-end">
          <button type="button" class="button framed" onClick={close}>
            {t("cancel")}
          </button>
          <button type="submit" class="button primary" aria-disabled={working}>
            {t("save")}
          </button>
        </div>
      </form>
    </Sheet>
  );
}

export function RightTicks({ may }: { readonly may: readonly string[] }): JSX.Element {
  return (
    <Ticks legend={t("peers.may")}>
      {RIGHTS.map((right) => (
        <Tick key={right} label={t(`right.${right}` as Key)} name="may" value={right} ticked={may.includes(right)} hint={t(`right.${right}_hint` as Key)} />
      ))}
    </Ticks>
  );
}

function CharsetField({ charset }: { readonly charset: string }): JSX.Element {
  const known = CHARSETS.some(([value]) => value === charset);
  return (
    <Field label={t("peers.charset")} hint={t("peers.charset_hint")}>
      {(attributes) => (
        <select {...attributes} class="field" name="charset">
          {CHARSETS.map(([value, key]) => (
            <option key={value} value={value} selected={value === charset}>
              {t(key)}
            </option>
          ))}
          {!known && (
            <option value={charset} selected>
              {charset}
            </option>
          )}
        </select>
      )}
    </Field>
  );
}

/** Whether something is set that is not seen until asked for. */
function isSpecial(peer: Peer): boolean {
  return Boolean(peer.certificate || peer.max_associations || peer.max_per_minute || peer.charset || peer.relational || peer.notified);
}

function numberOf(limit: number | null | undefined): string {
  return limit === null || limit === undefined ? "" : String(limit);
}
