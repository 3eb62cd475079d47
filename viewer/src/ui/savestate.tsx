// Whether what was drawn and marked is kept: a line in the panels, and over the page whatever is not.
import type { JSX } from "preact";
import { t, type Key } from "../i18n";
import { word } from "../state/kept";
import { dropRefused, refusal, saving, sendNow } from "../state/outbox";
import { Icon } from "./icons";
import "./kept.css";

export function SaveLine(): JSX.Element {
  return (
    <p class={`panel-bar save-line ${saving.value}`} role="status" data-saving={saving.value}>
      {textOf()}
    </p>
  );
}

/** What waits longer than a moment, and what went wrong, whichever panel is open. */
export function SavePlace(): JSX.Element | null {
  if (word.value) return <Word />;
  if (saving.value === "offline")
    return (
      <div class="save-pill" role="alert">
        <Icon name="warning" />
        <span>{textOf()}</span>
        <button type="button" class="button framed" onClick={sendNow}>
          {t("retry")}
        </button>
      </div>
    );
  if (saving.value === "refused")
    return (
      <div class="save-pill" role="alert">
        <Icon name="warning" />
        <span>{textOf()}</span>
        <button type="button" class="button framed" onClick={() => void dropRefused()}>
          {t("kept.give_up")}
        </button>
      </div>
    );
  return null;
}

function Word(): JSX.Element {
  const { of, author } = word.value!;
  return (
    <div class="save-pill" role="alert">
      <Icon name="warning" />
      <span>{t(`kept.${of}` satisfies Key, { author })}</span>
      <button type="button" class="button framed" onClick={() => (word.value = null)}>
        {t("close")}
      </button>
    </div>
  );
}

function textOf(): string {
  return t(`kept.${saving.value}` satisfies Key, { reason: refusal.value });
}
