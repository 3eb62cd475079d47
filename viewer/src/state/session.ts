// Who is at the screen, and how he comes in and goes.
import { signal } from "@preact/signals-core";
import { fetchMe, onSignedOut, type Me } from "../net/api";
import { route } from "./route";

/** Null until the server has told it, and while nobody is signed in. */
export const me = signal<Me | null>(null);

/** How an attempt to sign in went. */
export type Outcome = "welcome" | "wrong" | "spent" | "slow_down" | "unreachable" | "failed";

const OUTCOMES: Readonly<Record<number, Outcome>> = { 0: "unreachable", 429: "slow_down" };

export async function askWho(): Promise<void> {
  const answer = await fetchMe();
  if (answer.ok) me.value = answer.value;
}

export async function signIn(name: string, password: string): Promise<Outcome> {
  return outcomeOf(await post("/api/login", { name, password }), "wrong");
}

/** Signs in with the one-time token that stood behind the `#` of the link. */
export async function signInByLink(token: string): Promise<Outcome> {
  return outcomeOf(await post("/api/login/link", { token }), "spent");
}

/** The page is loaded anew: nothing of a patient stays in memory. */
export async function signOut(): Promise<void> {
  await post("/api/logout", {});
  location.replace("/signin");
}

/** Leads to the sign-in page, loaded anew, whenever the server says it knows nobody here. Returns what ends that. */
export function bindSession(): () => void {
  return onSignedOut(() => {
    const { pathname, search } = route.peek();
    if (pathname === "/signin") return;
    const parameters = new URLSearchParams({ next: pathname + search });
    if (me.peek()) parameters.set("ended", "");
    location.replace(`/signin?${parameters}`);
  });
}

/** Where to go once signed in: only to a page of ours. */
export function nextAddress(address: URL): string {
  const next = address.searchParams.get("next") ?? "/";
  return new URL(next, address.origin).origin === address.origin && !next.startsWith("/signin") ? next : "/";
}

function outcomeOf(status: number, refused: Outcome): Outcome {
  if (status >= 200 && status < 300) return "welcome";
  return OUTCOMES[status] ?? (status < 500 ? refused : "failed");
}

/** The status of the answer; 0 when there was none. */
async function post(path: string, body: object): Promise<number> {
  try {
    const headers = { "Content-Type": "application/json" };
    return (await fetch(path, { method: "POST", headers, body: JSON.stringify(body) })).status;
  } catch {
    return 0;
  }
}
