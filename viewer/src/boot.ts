// Runs inline in index.html, before any other script has arrived: what the page will surely need is asked for at once.
import { firstLevels } from "./net/passes";
import { framesPath, ME, seriesPath, studyPath } from "./net/paths";
import type { Study } from "./net/api";
import type { SeriesDocument } from "./net/series";

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

/** The study, its first series with pictures, and that one's first frame. */
async function open(studyUid: string): Promise<void> {
  const study = await answered<Study>(studyPath(studyUid));
  const first = study.series.find(({ number_of_frames }) => number_of_frames > 0);
  if (!first) return;
  const document = await answered<SeriesDocument>(seriesPath(studyUid, first.series_instance_uid));
  if (document.number_of_frames > 0) await ask(framesPath(document, [0], firstLevels(document, 0)));
}

// What fails here is told where it is taken up.
const ignore = (): void => undefined;
const studyUid = new URLSearchParams(location.search).get("StudyInstanceUIDs")?.split(",")[0];
// On the sign-in page nobody is signed in yet: an answer kept from now would be wrong later.
if (location.pathname !== "/signin") ask(ME).catch(ignore);
if (location.pathname === "/viewer" && studyUid) open(studyUid).catch(ignore);
