// Something asked of the server by a press: whether it is under way, and what went wrong, told where it happened.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { t } from "../../i18n";
import type { Answer, Failed } from "../../net/api";

export interface Act {
  readonly working: boolean;
  readonly failed: Failed | null;
  /** The value of the answer; null when it failed. */
  readonly run: <T>(asked: Promise<Answer<T>>) => Promise<{ readonly value: T } | null>;
}

export function useAct(): Act {
  const [working, setWorking] = useState(false);
  const [failed, setFailed] = useState<Failed | null>(null);

  const run = async <T,>(asked: Promise<Answer<T>>): Promise<{ readonly value: T } | null> => {
    setWorking(true);
    setFailed(null);
    const answer = await asked;
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
