// The pages, by address.
import type { ComponentType, JSX } from "preact";
import { useEffect } from "preact/hooks";
import { effect } from "@preact/signals-core";
import { pictureSeen } from "./state/begun";
import { theme } from "./state/prefs";
import { systemIsLight } from "./state/screen";
import { applyTheme, themeOf } from "./state/themes";
import { bindRoute, isLaunch, route } from "./state/route";
import { askWho, bindSession, me } from "./state/session";
import { Later } from "./ui/later";
import { Reading } from "./ui/reading";
import "@preact/signals";
import "./ui/base.css";

const loadSignIn = async (): Promise<ComponentType> => (await import("./ui/signin")).SignIn;
const loadList = async (): Promise<ComponentType> => (await import("./ui/studylist")).start();
const loadLaunch = async (): Promise<ComponentType> => (await import("./ui/launch")).start();
const loadPatterns = async (): Promise<ComponentType> => (await import("./ui/patterns/start")).start();
const loadAdmin = async (): Promise<ComponentType> => (await import("./ui/admin/administration")).start();

export function App(): JSX.Element {
  useEffect(bindRoute, []);
  useEffect(bindSession, []);

  useEffect(bindParts, []);
  useEffect(bindTheme, []);

  const { pathname } = route.value;
  useEffect(() => {
    if (pathname !== "/signin") void askWho().then(bindPreferences);
  }, [pathname]);

  if (pathname === "/signin") return <Later key="signin" load={loadSignIn} />;
  if (isLaunch(route.value)) return <Later key="launch" load={loadLaunch} />;
  if (pathname === "/viewer") return <Reading key={route.value.search} />;
  if (pathname === "/patterns") return <Later key="patterns" load={loadPatterns} />;
  if (pathname === "/admin") return <Later key="admin" load={loadAdmin} />;
  return <Later key="list" load={loadList} />;
}

// Within another system's page there is no room for what that page has itself.
if (self !== top) document.documentElement.dataset["embedded"] = "";

function bindTheme(): () => void {
  return effect(() => applyTheme(themeOf(theme.value, route.value.pathname === "/viewer", systemIsLight.value)));
}

let keptFor: string | null = null;

/** What the reader likes is the same at whichever screen he sits. */
async function bindPreferences(): Promise<void> {
  const name = me.peek()?.name ?? null;
  if (name === null || keptFor === name) return;
  keptFor = name;
  await (await import("./state/keeping")).keepFor(name);
}

/** A page without pictures gets its parts too. */
const NO_PICTURE_MS = 3000;

/** Fetches what is not needed for the first picture, once that is on screen. Returns what ends that. */
function bindParts(): () => void {
  let asked = false;
  const ask = (): void => {
    if (!asked) void import("./parts/parts").then(({ startParts }) => startParts());
    asked = true;
  };
  const late = setTimeout(() => route.peek().pathname === "/viewer" && ask(), NO_PICTURE_MS);
  const unbind = effect(() => {
    if (pictureSeen.value) ask();
  });
  return () => {
    clearTimeout(late);
    unbind();
  };
}
