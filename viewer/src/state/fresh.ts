// What the server lists, kept fresh while somebody looks at it.
import { batch, signal, type ReadonlySignal } from "@preact/signals-core";
import type { Answer, Failed } from "../net/api";

export interface Fresh<T> {
  /** Null until the first answer. It stays on screen while a newer one is on its way, and when that fails. */
  readonly value: ReadonlySignal<T | null>;
  /** Why the last question was not answered. */
  readonly failure: ReadonlySignal<Failed | null>;
  /** Asks anew. An answer to an earlier question is dropped. */
  readonly ask: () => Promise<void>;
  /** Forgets what was answered: it was about something else. */
  readonly forget: () => void;
}

export function fresh<T>(fetchIt: (signal: AbortSignal) => Promise<Answer<T>>): Fresh<T> {
  const value = signal<T | null>(null);
  const failure = signal<Failed | null>(null);
  let asked = new AbortController();

  const ask = async (): Promise<void> => {
    asked.abort();
    const current = (asked = new AbortController());
    const answer = await fetchIt(current.signal);
    if (current !== asked) return;
    batch(() => {
      if (answer.ok) value.value = answer.value;
      failure.value = answer.ok ? null : answer;
    });
  };

  const forget = (): void => {
    asked.abort();
    asked = new AbortController();
    batch(() => {
      value.value = null;
      failure.value = null;
    });
  };

  return { value, failure, ask, forget };
}

/** Asks now, and again so many milliseconds after each answer, while the page is in sight. Returns what ends that. */
export function bindFresh(listed: Pick<Fresh<unknown>, "ask">, everyMs: number): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let ended = false;
  const turn = async (): Promise<void> => {
    if (!document.hidden) await listed.ask();
    if (!ended) timer = setTimeout(() => void turn(), everyMs);
  };
  void turn();
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}
