// What a reader has drawn and marked, on its way to the server: one after the other, again until it is there, and
// remembered by the browser meanwhile, so that neither a lost line nor a closed page loses a stroke.
import { batch, computed, signal } from "@preact/signals-core";
import type { Annotation, KeptAnnotation } from "../net/annotation";
import { keepAnnotation, keepStar, removeKept, removeStar, type Changed, type KeyImage } from "../net/annotations";
import type { Answer } from "../net/api";
import { keysOf, remember, remembered } from "./prefs";

/** One annotation or star as it shall be kept. */
interface Unsent {
  readonly what: "annotation" | "star";
  readonly studyUid: string;
  readonly id: string;
  /** Null: it is taken away. */
  readonly body: Annotation | KeyImage | null;
  /** The version it was made from; null: the server has none. */
  readonly version: number | null;
  /** What the server said when it refused it: it is not sent again as it is. "": it did not. */
  readonly refused: string;
}

/** What was kept elsewhere while the same was changed here. */
export interface Clash {
  readonly unsent: Unsent;
  readonly current: KeptAnnotation;
  readonly removed: boolean;
}

/** A stroke is sent when nothing follows it for so long. */
const PAUSE_MS = 400;
const FIRST_AGAIN_MS = 2000;
const LAST_AGAIN_MS = 30_000;
const PREFIX = "filmless.unsaved.";

export const outbox = signal<ReadonlyMap<string, Unsent>>(new Map());

/** "offline": the server was not reached, or is in trouble; it is tried again. */
export type Saving = "saved" | "saving" | "offline" | "refused";
const isUnreached = signal(false);
export const saving = computed<Saving>(() => {
  const all = [...outbox.value.values()];
  if (all.some(({ refused }) => refused !== "")) return "refused";
  if (all.length === 0) return "saved";
  return isUnreached.value ? "offline" : "saving";
});

/** The first thing that the server would not take, in its words. */
export const refusal = computed(() => [...outbox.value.values()].find(({ refused }) => refused !== "")?.refused ?? "");

let key: string | null = null;
let onClash: (clash: Clash) => void = () => undefined;
let onKept: (unsent: Unsent, version: number) => void = () => undefined;
let timer: ReturnType<typeof setTimeout> | undefined;
let again = FIRST_AGAIN_MS;
let isSending = false;

/** Begins to send what this person had not sent yet, in whichever tab of this browser. */
export function openOutbox(account: string, handlers: { readonly clash: typeof onClash; readonly kept: typeof onKept }): void {
  onClash = handlers.clash;
  onKept = handlers.kept;
  const own = `${PREFIX}${account}.`;
  key = own + crypto.getRandomValues(new Uint32Array(1))[0]!;
  const left = keysOf(own).flatMap((each) => (remembered(each) as readonly Unsent[] | null) ?? []);
  put([...left, ...outbox.peek().values()]);
  for (const each of keysOf(own)) if (each !== key) remember(each, null);
  addEventListener("online", sendNow);
  sendNow();
}

/** Takes the place of what was to be sent under the same id. */
export function post(unsent: Omit<Unsent, "refused">): void {
  put([{ ...unsent, refused: "" }]);
  wake(PAUSE_MS);
}

/** Sends what waits, now. */
export function sendNow(): void {
  again = FIRST_AGAIN_MS;
  wake(0);
}

/** Lets go of what the server would not take. */
export function dropRefused(): readonly Unsent[] {
  const dropped = [...outbox.peek().values()].filter(({ refused }) => refused !== "");
  take(dropped);
  return dropped;
}

function wake(ms: number): void {
  clearTimeout(timer);
  timer = setTimeout(() => void sendAll(), ms);
}

async function sendAll(): Promise<void> {
  if (isSending || key === null) return;
  isSending = true;
  try {
    for (let next = nextUnsent(); next; next = nextUnsent()) {
      if (await sendOne(next)) continue;
      isUnreached.value = true;
      wake(again);
      again = Math.min(2 * again, LAST_AGAIN_MS);
      return;
    }
    again = FIRST_AGAIN_MS;
  } finally {
    isSending = false;
  }
}

function nextUnsent(): Unsent | undefined {
  return [...outbox.peek().values()].find(({ refused }) => refused === "");
}

/** Whether the server has answered. */
async function sendOne(unsent: Unsent): Promise<boolean> {
  const answer = await ask(unsent);
  // Signed out counts as not reached: it is sent once somebody has signed in again.
  if (!answer.ok && (answer.status === 0 || answer.status === 401 || answer.status >= 500)) return false;
  isUnreached.value = false;
  batch(() => {
    if (answer.ok) settle(unsent, Number(answer.value));
    else if (isChanged(answer)) clash(unsent, answer);
    else if (answer.status === 404 && unsent.body === null) take([unsent]);
    else refuse(unsent, answer.reason);
  });
  return true;
}

function ask({ what, studyUid, id, body, version }: Unsent): Promise<Answer<unknown> | Changed> {
  if (what === "star") return body ? keepStar(studyUid, body as KeyImage) : removeStar(studyUid, id);
  return body ? keepAnnotation(body as Annotation, version) : removeKept(studyUid, id, version);
}

function isChanged(answer: Changed): answer is Changed & { readonly current: KeptAnnotation } {
  return answer.status === 409 && answer.current !== undefined;
}

/** What was changed while it was on its way is made from what has arrived. */
function settle(sent: Unsent, version: number): void {
  const now = outbox.peek().get(sent.id);
  if (now && now !== sent) put([{ ...now, version }]);
  else take([sent]);
  onKept(sent, version);
}

function clash(sent: Unsent, { current, removed }: Changed & { readonly current: KeptAnnotation }): void {
  const now = outbox.peek().get(sent.id) ?? sent;
  take([now]);
  onClash({ unsent: now, current, removed: removed ?? false });
}

function refuse(sent: Unsent, reason: string): void {
  if (outbox.peek().get(sent.id) === sent) put([{ ...sent, refused: reason || "?" }]);
}

function put(added: readonly Unsent[]): void {
  outbox.value = new Map([...outbox.peek(), ...added.map((each) => [each.id, each] as const)]);
  store();
}

function take(taken: readonly Unsent[]): void {
  outbox.value = new Map([...outbox.peek()].filter(([, each]) => !taken.includes(each)));
  store();
}

function store(): void {
  const all = [...outbox.peek().values()];
  if (key !== null) remember(key, all.length > 0 ? all : null);
}
