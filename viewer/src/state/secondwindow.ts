// Two windows of one reader, for two monitors: what they tell each other, by a channel that both know by the name of their pair.
import { signal } from "@preact/signals-core";
import type { Plane } from "../geom/space";
import type { Place } from "./link";
import type { SeriesRef } from "./reading";
import { route } from "./route";

/** What one window tells the other. */
export type Message =
  /** I am here: who hears it answers once. */
  | { readonly kind: "here"; readonly isAnswer: boolean }
  /** I am closing. */
  | { readonly kind: "gone" }
  /** The study that is read is another one now: you are at this address. */
  | { readonly kind: "address"; readonly address: string }
  | { readonly kind: "show"; readonly series: SeriesRef }
  /** The pane in use was scrolled: to this plane where it is known, by so many frames and mm. */
  | { readonly kind: "scrolled"; readonly plane: Plane | null; readonly frames: number; readonly mm: number | null }
  | { readonly kind: "pointed"; readonly place: Place };

const PAIR = "filmless.pair";
const PARAMETER = "pair";

/** Whether this window is the second one of a pair: it follows the first. */
export function isSecond(): boolean {
  return route.peek().searchParams.has(PARAMETER);
}

/** Whether the other window is open. */
export const isPaired = signal(false);

let channel: BroadcastChannel | null = null;

/** Where another window of this pair would be. */
export function secondAddress(address: string): string {
  return `${address}&${PARAMETER}=${pairName()}`;
}

export function tell(message: Message): void {
  channel?.postMessage(message);
}

/** Finds the other window, if there is one, and hears it from now on. */
export function join(hear: (message: Message) => void): void {
  channel = new BroadcastChannel(`filmless.${pairName()}`);
  channel.addEventListener("message", ({ data }: MessageEvent<Message>) => {
    isPaired.value = data.kind !== "gone";
    if (data.kind === "here" && !data.isAnswer) tell({ kind: "here", isAnswer: true });
    hear(data);
  });
  addEventListener("pagehide", () => tell({ kind: "gone" }));
  // It comes back from the browser's memory, as by its Back button.
  addEventListener("pageshow", ({ persisted }) => persisted && tell({ kind: "here", isAnswer: false }));
  tell({ kind: "here", isAnswer: false });
}

/** Of the second window by its address; of the first kept as long as its tab, so that it finds the other after a reload. */
function pairName(): string {
  const said = route.peek().searchParams.get(PARAMETER) ?? sessionStorage.getItem(PAIR);
  if (said) return said;
  const made = crypto.randomUUID();
  sessionStorage.setItem(PAIR, made);
  return made;
}
