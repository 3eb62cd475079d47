// The sign-in page: a name and a password, or the one-time link `/signin#token`.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { t, type Key } from "../i18n";
import { go, replaceAddress, route } from "../state/route";
import { askWho, nextAddress, signIn, signInByLink, type Outcome } from "../state/session";
import { LanguageMenu } from "./account";
import { Brand } from "./brand";
import { Icon } from "./icons";
import "./signin.css";

const SENTENCES: Readonly<Record<Exclude<Outcome, "welcome">, Key>> = {
  wrong: "signin.wrong",
  spent: "signin.spent",
  slow_down: "signin.slow_down",
  unreachable: "unreachable",
  failed: "failed",
};

export function SignIn(): JSX.Element {
  const [working, setWorking] = useState(false);
  const [outcome, setOutcome] = useState<Outcome | null>(null);

  const settle = async (attempt: Promise<Outcome>): Promise<void> => {
    setWorking(true);
    const result = await attempt;
    setWorking(false);
    setOutcome(result);
    if (result !== "welcome") return;
    void askWho();
    go(nextAddress(route.value));
  };

  useEffect(() => {
    const token = route.value.hash.slice(1);
    if (!token) return;
    // The token leaves the address at once: it must not stay in the history.
    replaceAddress(route.value.pathname + route.value.search);
    void settle(signInByLink(token));
  }, []);

  return (
    <main class="signin">
      <div class="signin-language">
        <LanguageMenu />
      </div>
      <div class="signin-card">
        <Brand />
        <h1 class="signin-welcome">{t("signin.welcome")}</h1>
        <Message outcome={outcome} />
        <PasswordForm working={working} onSend={(name, password) => void settle(signIn(name, password))} />
      </div>
    </main>
  );
}

function Message({ outcome }: { readonly outcome: Outcome | null }): JSX.Element {
  const refused = outcome !== null && outcome !== "welcome";
  const text = refused ? t(SENTENCES[outcome]) : route.value.searchParams.has("ended") ? t("signin.ended") : "";
  return (
    <p class={`signin-message ${refused ? "refused" : ""}`} role="alert">
      {text}
    </p>
  );
}

interface PasswordFormProps {
  readonly working: boolean;
  readonly onSend: (name: string, password: string) => void;
}

function PasswordForm({ working, onSend }: PasswordFormProps): JSX.Element {
  const [visible, setVisible] = useState(false);
  const name = useRef<HTMLInputElement>(null);
  const password = useRef<HTMLInputElement>(null);

  useEffect(() => name.current?.focus(), []);

  const onSubmit = (event: Event): void => {
    event.preventDefault();
    onSend(name.current!.value.trim(), password.current!.value);
  };

  return (
    <form class="signin-form" aria-label={t("signin.title")} onSubmit={onSubmit}>
      <label>
        <span>{t("signin.name")}</span>
        <input ref={name} class="field" name="username" autocomplete="username" autocapitalize="none" spellcheck={false} required />
      </label>
      <label>
        <span>{t("signin.password")}</span>
        <input
          ref={password}
          class="field"
          name="password"
          {...(visible ? { type: "text" as const } : { type: "password" as const })}
          autocomplete="current-password"
          required
        />
      </label>
      <button type="button" class="button signin-eye" aria-pressed={visible} onClick={() => setVisible(!visible)}>
        <Icon name={visible ? "eyeOff" : "eye"} />
        {t(visible ? "signin.hide" : "signin.show")}
      </button>
      <button type="submit" class="button primary" disabled={working}>
        {t(working ? "signin.working" : "signin.submit")}
      </button>
    </form>
  );
}
