// Every key, and what mouse and fingers do: made from the list of actions. A reader gives an action the key he likes.
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { t, type Key } from "../i18n";
import { keyName } from "../input/keymap";
import { ownKeys } from "../state/prefs";
import { closeSheet, sheet } from "../state/sheets";
import { presets } from "../tools/presets";
import { actions, recordedActions, type Action, type ActionName, type Group } from "./actions";
import { Icon } from "./icons";
import { KeyCaps, keyText } from "./keys";
import { Sheet } from "./sheet";
import "./help.css";

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
  ["help.two_held", ["action.window"]],
  ["help.swipe", ["action.next_series", "action.previous_series"]],
  ["help.double_tap", ["help.fit_or_actual"]],
];

/** The digits are those of the window presets; the others belong to the browser and to what is open. */
const TAKEN = /^(ctrl\+|alt\+|shift\+)*(tab|escape|enter|shift|control|alt|meta|dead|process|unidentified|f\d+)$|^\d$/;
const NONE: ReadonlySet<string> = new Set(["backspace", "delete"]);

/** The action that waits for its new key. */
const awaiting = signal<ActionName | null>(null);
/** What became of the last change. */
const told = signal("");

export function HelpPlace(): JSX.Element | null {
  return sheet.value === "help" ? <Help /> : null;
}

function Help(): JSX.Element {
  const keyed = presets.value.filter(({ key }) => key !== "");
  const close = (): void => {
    awaiting.value = null;
    told.value = "";
    closeSheet();
  };
  return (
    <Sheet title={t("help.title")} close={close}>
      <div class="help-keys">
        <p role="status">{told.value || t("keys.hint")}</p>
        <button type="button" class="button framed" disabled={Object.keys(ownKeys.value).length === 0} onClick={resetAll}>
          <Icon name="reset" />
          {t("keys.reset_all")}
        </button>
      </div>
      <div class="help">
        {(Object.keys(GROUPS) as Group[]).filter(hasActions).map((group) => (
          <section key={group}>
            <h3>{t(GROUPS[group])}</h3>
            {actions.value.filter((action) => action.group === group).map((action) => (
              <KeyLine key={action.name} action={action} />
            ))}
          </section>
        ))}
        {keyed.length > 0 && (
          <section>
            <h3>{t("group.presets")}</h3>
            {keyed.map(({ name, key }) => (
              <p key={key} class="help-line">
                <span>{name}</span>
                <KeyCaps of={key} />
              </p>
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

function KeyLine({ action }: { readonly action: Action }): JSX.Element {
  const { name, label, key } = action;
  const waits = awaiting.value === name;
  const own = ownKeys.value[name] !== undefined;
  return (
    <div class="help-line">
      <span>{t(label)}</span>
      {own && (
        <button type="button" class="button key-reset" aria-label={t("keys.reset", { name: t(label) })} title={t("keys.reset", { name: t(label) })} onClick={() => reset(name)}>
          <Icon name="reset" />
        </button>
      )}
      <button
        type="button"
        class={`key-button ${own ? "own" : ""}`}
        aria-pressed={waits}
        aria-label={t("keys.change", { name: t(label), key: keyText(key) || t("keys.none") })}
        data-key-of={name}
        onClick={() => (awaiting.value = waits ? null : name)}
        onKeyDown={(event) => waits && take(event, action)}
        onBlur={() => waits && (awaiting.value = null)}
      >
        {waits ? t("keys.press") : key ? <KeyCaps of={key} /> : t("keys.none")}
      </button>
    </div>
  );
}

/** The key that was pressed becomes the action's; Escape leaves it, Backspace takes it away. */
function take(event: KeyboardEvent, { name, label }: Action): void {
  const key = keyName(event);
  if (key === "tab" || key === "shift+tab") return;
  event.preventDefault();
  event.stopPropagation();
  if (/^(ctrl\+|alt\+|shift\+)*(shift|control|alt|meta)$/.test(key)) return;
  awaiting.value = null;
  if (key === "escape") return;
  if (NONE.has(key)) return give(name, "");
  if (TAKEN.test(key)) {
    told.value = t("keys.taken", { key: keyText(key) });
    return;
  }
  give(name, key);
  if (told.peek() === "") told.value = t("keys.given", { name: t(label), key: keyText(key) });
}

/** An action that had the key has none now, which is said: a key never does two things. */
function give(name: ActionName, key: string): void {
  const others = key === "" ? [] : actions.peek().filter((each) => each.key === key && each.name !== name);
  told.value = others.length > 0 ? t("keys.moved", { key: keyText(key), name: others.map(({ label }) => t(label)).join(", ") }) : "";
  ownKeys.value = tidied({ ...ownKeys.peek(), ...Object.fromEntries(others.map((each) => [each.name, ""])), [name]: key });
}

/** The key it had at first; what has that key now loses it. */
function reset(name: ActionName): void {
  const first = recordedActions.peek().find((each) => each.name === name)?.key ?? "";
  give(name, first);
}

function resetAll(): void {
  ownKeys.value = {};
  told.value = t("keys.all_reset");
}

/** Only what differs is kept: a default that changes later reaches who never chose otherwise. */
function tidied(keys: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const first = new Map<string, string>(recordedActions.peek().map(({ name, key }) => [name, key]));
  return Object.fromEntries(Object.entries(keys).filter(([name, key]) => first.get(name) !== key));
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
