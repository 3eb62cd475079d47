// Test patterns: what this workstation is called, when its screen was last looked at, and every other one.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { t } from "../../i18n";
import { fetchDisplays, forgetDisplay, type DisplayState, type Workstation } from "../../net/displays";
import { bindFresh, fresh } from "../../state/fresh";
import { go } from "../../state/route";
import { me } from "../../state/session";
import { workstation } from "../../state/workstation";
import { instantText } from "../../i18n/instant";
import { AccountMenu, LanguageMenu } from "../account";
import { Icon, type IconName } from "../icons";
import { FailureNotice } from "../notice";
import { SureButton } from "../admin/sure";
import { Check, screenFacts } from "./check";
import "./patterns.css";

const EVERY_MS = 60_000;
const ICONS: Readonly<Record<DisplayState, IconName>> = { passed: "check", failed: "warning", overdue: "calendar" };

const displays = fresh(fetchDisplays);

export function Patterns(): JSX.Element {
  const [checking, setChecking] = useState(false);
  useEffect(() => bindFresh(displays, EVERY_MS), []);
  useEffect(() => {
    document.title = `${t("pattern.title")} – Filmless`;
  });
  const done = (): void => {
    setChecking(false);
    void displays.ask();
  };

  if (checking) return <Check done={done} leave={() => setChecking(false)} />;
  return (
    <div class="patterns">
      <header class="patterns-top">
        <button type="button" class="button" aria-label={t("read.list")} title={t("read.list")} onClick={() => go("/")}>
          <Icon name="back" />
        </button>
        <h1>{t("pattern.title")}</h1>
        <LanguageMenu />
        <AccountMenu />
      </header>
      <main>
        <ThisOne start={() => setChecking(true)} />
        <All />
      </main>
    </div>
  );
}

function ThisOne({ start }: { readonly start: () => void }): JSX.Element {
  const [name, setName] = useState(workstation.peek());
  const { width, height } = screenFacts();
  const known = displays.value.value?.find((each) => each.workstation === workstation.value);
  const begin = (event: Event): void => {
    event.preventDefault();
    workstation.value = name.trim();
    start();
  };
  return (
    <section aria-label={t("pattern.this_one")}>
      <h2>{t("pattern.this_one")}</h2>
      <p>{known ? stateText(known) : t("pattern.never")}</p>
      <p class="patterns-hint">{t("pattern.prepare", { width: String(width), height: String(height) })}</p>
      <form class="patterns-start" onSubmit={begin}>
        <label>
          {t("pattern.name")}
          <input class="field" required maxLength={64} value={name} onInput={(event) => setName(event.currentTarget.value)} />
        </label>
        <button type="submit" class="button primary" disabled={name.trim() === ""}>
          {t("pattern.start")}
        </button>
      </form>
    </section>
  );
}

function All(): JSX.Element {
  const listed = displays.value.value;
  const failure = displays.failure.value;
  const forget = async (name: string): Promise<void> => {
    await forgetDisplay(name);
    await displays.ask();
  };
  return (
    <section aria-label={t("pattern.all")}>
      <h2>{t("pattern.all")}</h2>
      {failure && <FailureNotice failed={failure} retry={() => void displays.ask()} />}
      {listed?.length === 0 && <p class="patterns-hint">{t("pattern.none")}</p>}
      <ul class="patterns-list">
        {listed?.map((each) => (
          <li key={each.workstation} data-state={each.state}>
            <Icon name={ICONS[each.state]} />
            <div>
              <b>{each.workstation}</b>
              <p>{stateText(each)}</p>
              {each.last.note && <p class="patterns-hint">{each.last.note}</p>}
            </div>
            {me.value?.permissions.includes("administer") && (
              <SureButton text={t("pattern.forget")} sure={t("pattern.forget_sure")} name={each.workstation} working={false} run={() => void forget(each.workstation)} />
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

function stateText({ state, due_at, last }: Workstation): string {
  const facts = { when: instantText(last.checked_at), due: instantText(due_at), who: last.author };
  return t(`display.${state}`, facts);
}
