// The language and the way out, at the end of every page's top line.
import type { JSX } from "preact";
import { choose, language, LANGUAGES, t, type Language } from "../i18n";
import { go } from "../state/route";
import { theme } from "../state/prefs";
import { me, signOut } from "../state/session";
import { THEMES } from "../state/themes";
import { Menu, MenuItem } from "./menu";

export function LanguageMenu(): JSX.Element {
  return (
    <Menu name={`${t("language")}: ${language.value.toUpperCase()}`} icon="globe" text={language.value.toUpperCase()} class="language">
      {(Object.keys(LANGUAGES) as Language[]).map((each) => (
        <MenuItem key={each} text={LANGUAGES[each]} chosen={each === language.value} run={() => void choose(each)} />
      ))}
    </Menu>
  );
}

export function AccountMenu(): JSX.Element | null {
  const person = me.value;
  if (!person) return null;
  return (
    <Menu name={person.name} icon="user" class="account">
      <div class="menu-head">{person.name}</div>
      {THEMES.map((each) => (
        <MenuItem key={each} text={t(`theme.${each}`)} chosen={each === theme.value} run={() => (theme.value = each)} />
      ))}
      {person.role === "admin" && <MenuItem text={t("admin")} icon="presets" run={() => go("/admin")} />}
      <MenuItem text={t("signin.out")} icon="leave" run={() => void signOut()} />
    </Menu>
  );
}
