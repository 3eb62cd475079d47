// Removing a study of the list: whose it is, why it goes, and afterwards the way back.
import { batch } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { numberText, t, type Key } from "../../i18n";
import { dateText, nameText, timeText } from "../../i18n/format";
import { removeStudy, restoreRemoval } from "../../net/admin";
import type { StudySummary } from "../../net/api";
import { said } from "../../state/form";
import { lookAgain } from "../../state/studies";
import { undoable } from "../../state/undo";
import { leaving } from "../removal";
import { Sheet } from "../sheet";
import { Problem, useAct } from "./act";
import { TextField } from "./field";
import { UndoBar } from "./undo";

const LONGEST_REASON = 256;

export function StudyRemoval(): JSX.Element {
  useEffect(() => close, []);
  const study = leaving.value;
  return (
    <>
      {study && <RemovalSheet study={study} />}
      <UndoBar />
    </>
  );
}

function close(): void {
  leaving.value = null;
}

function RemovalSheet({ study }: { readonly study: StudySummary }): JSX.Element {
  const { working, failed, run } = useAct();
  const onSubmit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const reason = said(new FormData(event.currentTarget as HTMLFormElement), "reason");
    const answer = await run(() => removeStudy(study.study_instance_uid, reason.normalize("NFC")));
    if (!answer) return;
    batch(() => {
      undoable.value = { text: t("removals.done", { name: nameText(study.patient_name) || t("list.no_name") }), undo: () => bringBack(answer.value.pk) };
      close();
    });
    lookAgain();
  };
  return (
    <Sheet title={t("removals.title")} close={close} firm class="small-sheet">
      <form class="admin-form" onSubmit={(event) => void onSubmit(event)}>
        <Facts study={study} />
        <p class="soft">{t("removals.hint")}</p>
        <TextField label={t("removals.reason")} name="reason" hint={t("removals.reason_hint")} maxLength={LONGEST_REASON} focused required />
        <Problem failed={failed} />
        <div class="form-end">
          <button type="button" class="button framed" onClick={close}>
            {t("cancel")}
          </button>
          <button type="submit" class="button framed danger" aria-disabled={working}>
            {t(working ? "removals.working" : "removals.remove")}
          </button>
        </div>
      </form>
    </Sheet>
  );
}

async function bringBack(pk: number): ReturnType<typeof restoreRemoval> {
  const answer = await restoreRemoval(pk);
  if (answer.ok) lookAgain();
  return answer;
}

function Facts({ study }: { readonly study: StudySummary }): JSX.Element {
  const facts: readonly (readonly [Key, string])[] = [
    ["list.patient_id", study.patient_id],
    ["list.birth", dateText(study.patient_birth_date)],
    ["list.study_date", [dateText(study.study_date), timeText(study.study_time)].filter(Boolean).join(" ")],
    ["list.modalities", study.modalities_in_study.join(" ")],
    ["list.description", study.study_description],
    ["list.accession", study.accession_number],
    ["list.images", numberText(study.number_of_study_related_instances)],
  ];
  return (
    <>
      <p class="leaving-name">{nameText(study.patient_name) || t("list.no_name")}</p>
      <dl class="facts numbers">
        {facts.map(([key, value]) => (
          <div key={key}>
            <dt>{t(key)}</dt>
            <dd>{value || "–"}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}
