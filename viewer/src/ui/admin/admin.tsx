// The administrator's place: peers, routing, corrections, attributes, removals, hanging. Its script is fetched when it is first opened.
import type { JSX } from "preact";
import { useEffect, useLayoutEffect } from "preact/hooks";
import { t, type Key } from "../../i18n";
import { bindKeys } from "../../input/keymap";
import { adminAddress, PARTS, placeOf, type Part } from "../../state/adminplace";
import { go, route } from "../../state/route";
import { me } from "../../state/session";
import { narrow } from "../../state/screen";
import { AccountMenu, LanguageMenu } from "../account";
import { Brand } from "../brand";
import { Icon, type IconName } from "../icons";
import { Notice } from "../notice";
import { Attributes } from "./attributes";
import { Corrections } from "./corrections";
import { HangingPage } from "./hanging";
import { follow } from "./link";
import { PeerPage } from "./peer";
import { Peers } from "./peers";
import { Removals } from "./removals";
import { Routing } from "./routing";
import { UndoBar } from "./undo";
import "./admin.css";

const ICONS: Readonly<Record<Part, IconName>> = {
  peers: "globe",
  routing: "forward",
  corrections: "document",
  attributes: "search",
  removals: "remove",
  hanging: "grid",
};

export function Admin(): JSX.Element {
  const place = placeOf(route.value);
  const name = t(`admin.${place.part}` as Key);

  useEffect(() => {
    document.title = `${place.peer || name} – Filmless`;
  });
  // With the first picture of the page, not after it: who sees it may press.
  useLayoutEffect(() => bindKeys(window, () => new Map(keys())), []);

  return (
    <div class="admin">
      <header class="admin-top">
        <a class="button" href="/" aria-label={t("read.list")} title={t("read.list")} onClick={follow}>
          <Icon name="back" />
        </a>
        {!narrow.value && <Brand />}
        <h1>{t("admin")}</h1>
        <Parts current={place.part} />
        <div class="admin-menus">
          <LanguageMenu />
          <AccountMenu />
        </div>
      </header>
      <main class="admin-main">
        <Shown part={place.part} peer={place.peer} />
      </main>
      <UndoBar />
    </div>
  );
}

/** 1 to 6 turn to a part; Escape goes back to where one came from. */
function keys(): [string, () => void][] {
  const turns = PARTS.map((part, index): [string, () => void] => [String(index + 1), () => go(adminAddress(part))]);
  return [...turns, ["escape", leave] as [string, () => void]].map(([key, run]) => [key, () => isBare() && run()]);
}

/** Whether nothing lies over the page: what does has the keys. */
function isBare(): boolean {
  return document.querySelector("dialog[open]") === null;
}

function leave(): void {
  const place = placeOf(route.peek());
  go(place.peer ? adminAddress(place.part) : "/");
}

function Parts({ current }: { readonly current: Part }): JSX.Element {
  return (
    <nav class="admin-parts" aria-label={t("admin")}>
      {PARTS.map((part, index) => (
        <a
          key={part}
          class="button"
          href={adminAddress(part)}
          title={`${t(`admin.${part}`)} (${index + 1})`}
          aria-current={part === current ? "page" : undefined}
          onClick={follow}
        >
          <Icon name={ICONS[part]} />
          <span>{t(`admin.${part}`)}</span>
        </a>
      ))}
    </nav>
  );
}

function Shown({ part, peer }: { readonly part: Part; readonly peer: string }): JSX.Element | null {
  if (me.value === null) return null;
  if (me.value.role !== "admin") return <Notice icon="warning" title={t("forbidden")} />;
  if (peer) return <PeerPage key={peer} aeTitle={peer} />;
  const Page = { peers: Peers, routing: Routing, corrections: Corrections, attributes: Attributes, removals: Removals, hanging: HangingPage }[part];
  return <Page />;
}
