// On the reading page: that the screen of this workstation is to be looked at with test patterns.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { t } from "../i18n";
import { fetchDisplays, type DisplayState } from "../net/displays";
import { go } from "../state/route";
import { workstation } from "../state/workstation";
import { Icon } from "./icons";

/** A screen without a name is nobody's to look after: a phone, a visitor's. */
export function DisplayDue(): JSX.Element | null {
  const [state, setState] = useState<DisplayState>("passed");
  useEffect(() => {
    const name = workstation.peek();
    if (!name) return;
    const stop = new AbortController();
    void fetchDisplays(stop.signal).then((answer) => {
      const mine = answer.ok ? answer.value.find((each) => each.workstation === name) : undefined;
      if (mine) setState(mine.state);
    });
    return () => stop.abort();
  }, []);

  if (state === "passed") return null;
  return (
    <aside class="display-due" aria-label={t("action.patterns")}>
      <Icon name="warning" />
      <span>{t(state === "overdue" ? "display_due.overdue" : "display_due.failed")}</span>
      <button type="button" class="button framed" onClick={() => go("/patterns")}>
        {t("display_due.check")}
      </button>
      <button type="button" class="button" aria-label={t("close")} title={t("close")} onClick={() => setState("passed")}>
        <Icon name="close" />
      </button>
    </aside>
  );
}
