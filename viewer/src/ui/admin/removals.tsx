// What was removed: what, when, by whom and why, and the way back while there is one.
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { t, type Key } from "../../i18n";
import { agoText, instantText } from "../../i18n/instant";
import { restoreRemoval, type Removal } from "../../net/admin";
import { bindFresh } from "../../state/fresh";
import { isRestorable, removals } from "../../state/removals";
import { Notice } from "../notice";
import { Problem, useAct } from "./act";
import { usePages } from "./pager";
import { Listed, RowList, Section } from "./section";

const LOOK_MS = 10_000;

export function Removals(): JSX.Element {
  useEffect(() => bindFresh(removals, LOOK_MS), []);
  return (
    <div class="admin-page">
      <Section title={t("admin.removals")} hint={t("removals.list_hint")}>
        <Listed of={removals}>{(known) => (known.length === 0 ? <Notice icon="remove" title={t("removals.none")} /> : <All removals={known} />)}</Listed>
      </Section>
    </div>
  );
}

function All({ removals: known }: { readonly removals: readonly Removal[] }): JSX.Element {
  const { shown, pager } = usePages(known);
  return (
    <>
      <RowList name={t("admin.removals")} of={shown}>
        {shown.map((removal) => (
          <RemovalRow key={removal.pk} removal={removal} />
        ))}
      </RowList>
      {pager}
    </>
  );
}

function RemovalRow({ removal }: { readonly removal: Removal }): JSX.Element {
  const { working, failed, run } = useAct();
  const { pk, reason, source, created_at, number_of_objects, state } = removal;
  const [kind, uid] = whatOf(removal);
  const restore = async (): Promise<void> => {
    if (await run(() => restoreRemoval(pk))) await removals.ask();
  };
  return (
    <li data-row={pk} class="removed">
      <div class="what">
        <p>
          <strong>{t(kind)}</strong> <span class="soft numbers">{uid}</span>
        </p>
        <p>{reason}</p>
        <p class="soft" title={instantText(created_at)}>
          {[source, agoText(created_at, Date.now()), t("removals.images", { n: number_of_objects })].join(" · ")}
        </p>
        <Problem failed={failed} />
      </div>
      <div class="how">
        <span class={`state ${state}`}>{t(`removals.${state}`)}</span> <span class="soft numbers">{untilText(removal)}</span>
      </div>
      <div class="does">
        {isRestorable(removal) && (
          <button type="button" class="button framed" aria-disabled={working} onClick={() => void restore()}>
            {t("removals.restore")}
          </button>
        )}
      </div>
    </li>
  );
}

/** Of which level it was, and its UID there. */
function whatOf({ study_instance_uid, series_instance_uid, sop_instance_uid }: Removal): readonly [Key, string] {
  if (sop_instance_uid) return ["level.instance", sop_instance_uid];
  return series_instance_uid ? ["level.series", series_instance_uid] : ["level.study", study_instance_uid];
}

/** Until when it can be restored; of what cannot any more, since when. */
function untilText(removal: Removal): string {
  if (isRestorable(removal)) return t("removals.until", { when: instantText(removal.erase_at) });
  return agoText(removal.ended_at, Date.now());
}
