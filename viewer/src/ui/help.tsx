// Every key, and what mouse and fingers do: made from the list of actions.
import type { JSX } from "preact";
import { t, type Key } from "../i18n";
import { closeSheet } from "../state/sheets";
import { presets } from "../tools/presets";
import { actions, type Group } from "./actions";
import { KeyCaps } from "./keys";
import { Sheet } from "./sheet";

const GROUPS: Readonly<Record<Group, Key>> = {
  tools: "group.tools",
  measure: "group.measure",
  images: "group.images",
  view: "group.view",
  layout: "group.layout",
  page: "group.page",
};

const MOUSE: readonly (readonly [Key, readonly Key[]])[] = [
  ["help.left", ["help.left_does"]],
  ["help.middle", ["action.pan"]],
  ["help.right", ["action.zoom"]],
  ["help.wheel", ["action.scroll"]],
  ["help.ctrl_wheel", ["action.zoom"]],
  ["help.double_click", ["help.fit_or_actual"]],
];

const TOUCH: readonly (readonly [Key, readonly Key[]])[] = [
  ["help.one_finger", ["help.one_finger_does"]],
  ["help.two_fingers", ["help.two_fingers_do"]],
  ["help.swipe", ["action.next_series", "action.previous_series"]],
  ["help.double_tap", ["help.fit_or_actual"]],
];

export function Help(): JSX.Element {
  const keyed = presets.value.filter(({ key }) => key !== "");
  return (
    <Sheet title={t("help.title")} close={closeSheet}>
      <div class="help">
        {(Object.keys(GROUPS) as Group[]).filter(hasActions).map((group) => (
          <section key={group}>
            <h3>{t(GROUPS[group])}</h3>
            {actions.value.filter((action) => action.group === group).map(({ name, label, key }) => (
              <HelpLine key={name} text={t(label)} caps={<KeyCaps of={key} />} />
            ))}
          </section>
        ))}
        {keyed.length > 0 && (
          <section>
            <h3>{t("group.presets")}</h3>
            {keyed.map(({ name, key }) => (
              <HelpLine key={key} text={name} caps={<KeyCaps of={key} />} />
            ))}
          </section>
        )}
        <Pointing title={t("help.mouse")} lines={MOUSE} />
        <Pointing title={t("help.touch")} lines={TOUCH} />
      </div>
    </Sheet>
  );
}

function hasActions(group: Group): boolean {
  return actions.value.some((action) => action.group === group);
}

function HelpLine({ text, caps }: { readonly text: string; readonly caps: JSX.Element }): JSX.Element {
  return (
    <p class="help-line">
      <span>{text}</span>
      {caps}
    </p>
  );
}

function Pointing({ title, lines }: { readonly title: string; readonly lines: typeof MOUSE }): JSX.Element {
  return (
    <section>
      <h3>{title}</h3>
      {lines.map(([what, does]) => (
        <p key={what} class="help-line">
          <span>{t(what)}</span>
          <span class="help-does">{does.map((key) => t(key)).join(" / ")}</span>
        </p>
      ))}
    </section>
  );
}
