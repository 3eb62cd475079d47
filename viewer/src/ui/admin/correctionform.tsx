// Correcting one attribute of a study by hand.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { t, type Key } from "../../i18n";
import { dateText, nameText } from "../../i18n/format";
import { addCorrection } from "../../net/admin";
import { fetchStudies, type StudySummary } from "../../net/api";
import { showCorrections } from "../../state/corrections";
import { said } from "../../state/form";
import { Sheet } from "../sheet";
import { Problem, useAct } from "./act";
import { Field, TextField } from "./field";
import { moveThroughRows } from "./section";

/** What can be corrected by hand: its keyword, its name, where the study list has it, and how it is written. */
const CORRECTABLE: readonly (readonly [string, Key, keyof StudySummary, Key?])[] = [
  ["PatientName", "list.patient", "patient_name", "corrections.name_hint"],
  ["PatientBirthDate", "list.birth", "patient_birth_date", "corrections.date_hint"],
  ["PatientSex", "list.sex", "patient_sex", "corrections.sex_hint"],
  ["AccessionNumber", "list.accession", "accession_number"],
  ["StudyDescription", "list.description", "study_description"],
  ["ReferringPhysicianName", "list.referrer", "referring_physician_name", "corrections.name_hint"],
];

export function CorrectionForm({ close }: { readonly close: () => void }): JSX.Element {
  const [study, setStudy] = useState<StudySummary | null>(null);
  return (
    <Sheet title={t("corrections.add")} close={close} firm class="small-sheet">
      {study ? <Values study={study} other={() => setStudy(null)} close={close} /> : <Finder choose={setStudy} />}
    </Sheet>
  );
}

const SHOWN = 8;

function Finder({ choose }: { readonly choose: (study: StudySummary) => void }): JSX.Element {
  const { working, failed, run } = useAct();
  const [found, setFound] = useState<readonly StudySummary[] | null>(null);
  const onSubmit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const words = said(new FormData(event.currentTarget as HTMLFormElement), "words");
    const answer = await run(() => fetchStudies({ q: words.normalize("NFC"), limit: SHOWN }));
    setFound(answer && answer.value.studies);
  };
  return (
    <>
      <form class="admin-form" role="search" onSubmit={(event) => void onSubmit(event)}>
        <div class="form-row end">
          <TextField label={t("corrections.find")} name="words" hint={t("list.search_hint")} class="grow" focused required />
          <button type="submit" class="button framed" aria-disabled={working}>
            {t("corrections.look")}
          </button>
        </div>
        <Problem failed={failed} />
      </form>
      <div role="status">
        {found?.length === 0 && <p class="soft">{t("list.none")}</p>}
        <ul class="admin-list found" onKeyDown={moveThroughRows}>
          {found?.map((study) => (
            <li key={study.study_instance_uid} data-row={study.study_instance_uid}>
              <button type="button" class="association-head" onClick={() => choose(study)}>
                <StudyText study={study} />
              </button>
            </li>
          ))}
        </ul>
      </div>
    </>
  );
}

function StudyText({ study }: { readonly study: StudySummary }): JSX.Element {
  const facts = [study.patient_id, dateText(study.study_date), study.modalities_in_study.join(" "), study.study_description];
  return (
    <span>
      <strong>{nameText(study.patient_name) || t("list.no_name")}</strong> <span class="soft numbers">{facts.filter(Boolean).join(" · ")}</span>
    </span>
  );
}

interface ValuesProps {
  readonly study: StudySummary;
  readonly other: () => void;
  readonly close: () => void;
}

function Values({ study, other, close }: ValuesProps): JSX.Element {
  const { working, failed, run } = useAct();
  const [chosen, setChosen] = useState("PatientName");
  const [, , column, hint] = CORRECTABLE.find(([keyword]) => keyword === chosen)!;
  const now = String(study[column]);

  const onSubmit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const value = said(new FormData(event.currentTarget as HTMLFormElement), "value").normalize("NFC");
    if (!(await run(() => addCorrection(study.study_instance_uid, chosen, value)))) return;
    close();
    showCorrections("applied");
  };
  return (
    <form class="admin-form" onSubmit={(event) => void onSubmit(event)}>
      <p>
        <StudyText study={study} />
      </p>
      <Field label={t("corrections.attribute")}>
        {(attributes) => (
          <select {...attributes} class="field" value={chosen} autofocus onChange={(event) => setChosen(event.currentTarget.value)}>
            {CORRECTABLE.map(([keyword, key]) => (
              <option key={keyword} value={keyword}>
                {t(key)}
              </option>
            ))}
          </select>
        )}
      </Field>
      <dl class="facts">
        <div>
          <dt>{t("corrections.now")}</dt>
          <dd>{now || "–"}</dd>
        </div>
      </dl>
      <TextField key={chosen} label={t("corrections.right")} name="value" value={now} {...(hint && { hint: t(hint) })} />
      <Problem failed={failed} />
      <div class="form-end">
        <button type="button" class="button framed" onClick={other}>
          {t("corrections.other_study")}
        </button>
        <button type="submit" class="button primary" aria-disabled={working}>
          {t("corrections.apply")}
        </button>
      </div>
    </form>
  );
}
