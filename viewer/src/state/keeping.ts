// Keeps what a reader likes for his account: fetched once he is known, sent soon after it changes.
import { effect } from "@preact/signals-core";
import { fetchJson } from "../net/api";
import { adopt, forgetAll, PREFIX, remember, remembered, unsent } from "./prefs";

const PATH = "/api/me/preferences";
/** Whose preferences this browser remembers. */
const OWNER = "filmless.owner";
/** Changes within it are sent together. */
const PAUSE_MS = 400;
/** After a failure. */
const AGAIN_MS = 20_000;

/** Makes this browser's preferences those of the account, and keeps them so. */
export async function keepFor(account: string): Promise<void> {
  if (remembered(OWNER) !== account) {
    forgetAll();
    remember(OWNER, account);
  }
  const answer = await fetchJson<Readonly<Record<string, unknown>>>(PATH);
  if (answer.ok) adoptAll(answer.value);
  bindSending();
}

/** What was changed here and is not sent yet is newer than what the server has. */
function adoptAll(told: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(told)) if (!unsent.peek().has(name)) adopt(name, value);
}

function bindSending(): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  effect(() => {
    clearTimeout(timer);
    if (unsent.value.size > 0) timer = setTimeout(() => void sendAll(), PAUSE_MS);
  });
  // What was chosen last is not lost with the page.
  addEventListener("pagehide", () => void sendAll());

  async function sendAll(): Promise<void> {
    clearTimeout(timer);
    const sent = await Promise.all([...unsent.peek()].map(send));
    if (sent.includes(false)) timer = setTimeout(() => void sendAll(), AGAIN_MS);
  }
}

/** Whether there is no need to try again: it is kept, or the server will never take it. */
async function send(name: string): Promise<boolean> {
  const value = JSON.stringify(remembered(PREFIX + name));
  const status = await put(`${PATH}/${name}`, value);
  if (status === 0 || status >= 500) return false;
  const isNewer = JSON.stringify(remembered(PREFIX + name)) !== value;
  if (!isNewer) unsent.value = new Set([...unsent.peek()].filter((each) => each !== name));
  return !isNewer;
}

async function put(path: string, body: string): Promise<number> {
  try {
    return (await fetch(path, { method: "PUT", headers: { "Content-Type": "application/json" }, body, keepalive: true })).status;
  } catch {
    return 0;
  }
}
