// Corrections: the text as it is kept beside the text as it shall be told, and a decision.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { t, type Key } from "../../i18n";
import { dateText, nameText, sexText } from "../../i18n/format";
import { agoText, instantText } from "../../i18n/instant";
import { actOnCorrection, CORRECTION_STATES, type Correction, type CorrectionAction } from "../../net/admin";
import { corrections, decisionsFor, showCorrections, shownCorrections } from "../../state/corrections";
import { bindFresh } from "../../state/fresh";
import { viewerAddress } from "../../state/route";
import { Notice } from "../notice";
import { Problem, useAct } from "./act";
import { CorrectionForm } from "./correctionform";
import { follow } from "./link";
import { usePages } from "./pager";
import { Listed, RowList, Section } from "./section";

const LOOK_MS = 10_000;

export function Corrections(): JSX.Element {
  const [adding, setAdding] = useState(false);
  useEffect(() => bindFresh(corrections, LOOK_MS), []);
  const add = (
    <button type="button" class="button framed" onClick={() => setAdding(true)}>
      {t("corrections.add")}
    </button>
  );
  return (
    <div class="admin-page">
      <Section title={t("admin.corrections")} actions={add} hint={t("corrections.hint")}>
        <div class="chips" role="group" aria-label={t("corrections.states")}>
          {CORRECTION_STATES.map((state) => (
            <button key={state} type="button" class="chip" aria-pressed={state === shownCorrections.value} onClick={() => showCorrections(state)}>
              {t(`corrections.${state}`)}
            </button>
          ))}
        </div>
        <Listed of={corrections}>{(known) => (known.length === 0 ? <Notice icon="document" title={t(`corrections.none_${shownCorrections.value}`)} /> : <All corrections={known} />)}</Listed>
      </Section>
      {adding && <CorrectionForm close={() => setAdding(false)} />}
    </div>
  );
}

function All({ corrections: known }: { readonly corrections: readonly Correction[] }): JSX.Element {
  const { shown, pager } = usePages(known);
  return (
    <>
      <RowList name={t("admin.corrections")} of={shown}>
        {shown.map((correction) => (
          <CorrectionRow key={correction.pk} correction={correction} />
        ))}
      </RowList>
      {pager}
    </>
  );
}

const PRIMARY: ReadonlySet<CorrectionAction> = new Set(["apply"]);

function CorrectionRow({ correction }: { readonly correction: Correction }): JSX.Element {
  const { working, failed, run } = useAct();
  const decide = async (action: CorrectionAction): Promise<void> => {
    if (await run(() => actOnCorrection(correction.pk, action))) await corrections.ask();
  };
  const { patient_name, study_instance_uid, attribute, kept, value, source, decided_at, created_at } = correction;
  const at = decided_at ?? created_at;
  return (
    <li data-row={correction.pk} class="correction">
      <div class="what">
        <a class="row-name" href={viewerAddress([study_instance_uid])} onClick={follow}>
          {nameText(patient_name) || t("list.no_name")}
        </a>{" "}
        <span class="soft">{attributeText(attribute)}</span>
        <dl class="beside">
          <div>
            <dt>{t("corrections.kept")}</dt>
            <dd class="kept">{valueText(attribute, kept) || "–"}</dd>
          </div>
          <div>
            <dt>{t("corrections.value")}</dt>
            <dd>{valueText(attribute, value) || "–"}</dd>
          </div>
        </dl>
        <p class="soft" title={instantText(at)}>
          {[source, agoText(at, Date.now())].filter(Boolean).join(" · ")}
        </p>
        <Problem failed={failed} />
      </div>
      <div class="does">
        {decisionsFor(correction).map((action) => (
          <button key={action} type="button" class={`button ${PRIMARY.has(action) ? "primary" : "framed"}`} aria-disabled={working} onClick={() => void decide(action)}>
            {t(`corrections.${action}` as Key)}
          </button>
        ))}
      </div>
    </li>
  );
}

const ATTRIBUTES: Readonly<Record<string, Key>> = {
  SpecificCharacterSet: "attribute.charset",
  PatientName: "list.patient",
  PatientBirthDate: "list.birth",
  PatientSex: "list.sex",
  AccessionNumber: "list.accession",
  StudyDescription: "list.description",
  ReferringPhysicianName: "list.referrer",
};

/** An attribute by the name a reader knows; by its keyword where he knows none. */
function attributeText(keyword: string): string {
  const key = ATTRIBUTES[keyword];
  return key ? t(key) : keyword;
}

const WRITTEN: Readonly<Record<string, (value: string) => string>> = {
  PatientName: nameText,
  ReferringPhysicianName: nameText,
  PatientBirthDate: dateText,
  PatientSex: sexText,
};

/** A value as a person reads it. */
function valueText(keyword: string, value: string): string {
  return WRITTEN[keyword]?.(value) ?? value;
}
