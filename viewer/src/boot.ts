// Runs inline in index.html, before any other script has arrived: what the page will surely need is asked for at once.
import { firstLevels } from "./net/passes";
import { applyTheme, themeOf } from "./state/themes";
import { framesPath, ME, seriesPath, studyPath } from "./net/paths";
import type { Study } from "./net/api";
import { frameOf, type SeriesDocument } from "./net/series";

const booted: Record<string, Promise<Response>> = {};
globalThis.booted = booted;

/** Begins a request and leaves it to `net/api.ts`; gives a copy of the answer, for us. */
function ask(path: string): Promise<Response> {
  const asked = fetch(path);
  // The copy is made before anyone can have read the answer: this is the first to wait for it.
  const copy = asked.then((response) => response.clone());
  booted[path] = asked;
  return copy;
}

async function answered<T>(path: string): Promise<T> {
  return (await ask(path)).json() as Promise<T>;
}

/** The study, the series that its hanging begins with, and the first frame to be seen. */
async function open(studyUid: string): Promise<void> {
  const { hanging } = await answered<Study>(studyPath(studyUid));
  const first = hanging?.panes[0];
  if (!first?.series_instance_uid) return;
  const document = await answered<SeriesDocument>(seriesPath(first.study_instance_uid, first.series_instance_uid));
  const index = frameOf(document, first.sop_instance_uid);
  if (index >= 0) await ask(framesPath(document, [index], firstLevels(document, index)));
}

/** What `state/prefs` remembers; nothing where the browser lets nothing be remembered. */
function keptTheme(): unknown {
  try {
    return JSON.parse(localStorage.getItem("filmless.kept.theme") ?? "null");
  } catch {
    return null;
  }
}

applyTheme(themeOf(keptTheme(), location.pathname === "/viewer", matchMedia("(prefers-color-scheme: light)").matches));

// What fails here is told where it is taken up.
const ignore = (): void => undefined;
const studyUid = new URLSearchParams(location.search).get("StudyInstanceUIDs")?.split(",")[0];
// On the sign-in page nobody is signed in yet: an answer kept from now would be wrong later.
if (location.pathname !== "/signin") ask(ME).catch(ignore);
if (location.pathname === "/viewer" && studyUid) open(studyUid).catch(ignore);
