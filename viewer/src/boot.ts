// Runs inline in index.html, before any other script has arrived: what the page will surely need is asked for at once.

const studyUid = new URLSearchParams(location.search).get("StudyInstanceUIDs")?.split(",")[0];

if (location.pathname === "/viewer" && studyUid) {
  const path = `/api/studies/${encodeURIComponent(studyUid)}`;
  globalThis.booted = { [path]: fetch(path, { headers: { Accept: "application/json" } }) };
}
