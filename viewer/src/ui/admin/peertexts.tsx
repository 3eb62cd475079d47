// What is known of a peer, in words.
import type { JSX } from "preact";
import { t, type Key } from "../../i18n";
import { RIGHTS, type Outcome, type Peer } from "../../net/admin";
import { isTrouble } from "../../state/peers";
import { Icon } from "../icons";

export function addressText({ host, port }: Pick<Peer, "host" | "port">): string {
  return `${host}:${port}`;
}

export function rightsText(may: readonly string[]): string {
  const words = RIGHTS.filter((right) => may.includes(right)).map((right) => t(`right.${right}` as Key));
  return words.join(", ") || t("right.none");
}

/** How it ended, with a sign when that was not well. */
export function OutcomeText({ outcome }: { readonly outcome: Outcome | "" | null }): JSX.Element {
  if (!outcome) return <span class="faint">–</span>;
  if (!isTrouble(outcome)) return <span class="fine">{t(`outcome.${outcome}` as Key)}</span>;
  return (
    <span class="trouble">
      <Icon name="warning" />
      {t(`outcome.${outcome}` as Key)}
    </span>
  );
}
