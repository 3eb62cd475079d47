// Something asked of the server by a press: whether it is under way, and what went wrong, told where it happened.
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { t } from "../../i18n";
import type { Answer, Failed } from "../../net/api";

export interface Act {
  readonly working: boolean;
  readonly failed: Failed | null;
  /** Asks, unless an answer is awaited already. Gives the value of the answer; null when there is none. */
  readonly run: <T>(ask: () => Promise<Answer<T>>) => Promise<{ readonly value: T } | null>;
}

export function useAct(): Act {
  const [working, setWorking] = useState(false);
  const [failed, setFailed] = useState<Failed | null>(null);

  const busy = useRef(false);

  // Its button is not disabled meanwhile: that would take the focus from it.
  const run = async <T,>(ask: () => Promise<Answer<T>>): Promise<{ readonly value: T } | null> => {
    if (busy.current) return null;
    busy.current = true;
    setWorking(true);
    setFailed(null);
    const answer = await ask();
    busy.current = false;
    setWorking(false);
    if (answer.ok) return { value: answer.value };
    setFailed(answer);
    return null;
  };
  return { working, failed, run };
}

/** What the server says it does not take, in its own words; what else went wrong, in ours. */
export function Problem({ failed }: { readonly failed: Failed | null }): JSX.Element {
  return (
    <p class="problem" role="alert">
      {failed && problemText(failed)}
    </p>
  );
}

export function problemText({ status, reason }: Failed): string {
  if (status === 0) return t("unreachable");
  if (status === 403) return t("forbidden");
  return status < 500 ? reason : t("failed");
}
