// The form of a hanging rule, and how it would lay out a study.
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { t } from "../../i18n";
import { dateText, nameText } from "../../i18n/format";
import { fetchStudies, fetchStudy, type Hanging } from "../../net/api";
import { addHangingRule, changeHangingRule, tryHangingRule, type HangingMatch, type HangingRule, type KeptRule, type NamedRule, type Selector } from "../../net/hanging";
import { hangingRules, KINDS, LATERALITIES, ruleOf } from "../../state/hangingrules";
import { Sheet } from "../sheet";
import { Problem, useAct } from "./act";
import { Field, TextField, Tick } from "./field";

interface HangingFormProps {
  /** The one that is changed. */
  readonly kept?: KeptRule;
  /** What a new one begins as. */
  readonly like?: NamedRule;
  readonly close: () => void;
}

const SIZES: readonly string[] = ["1", "2", "3", "4"];

export function HangingForm({ kept, like, close }: HangingFormProps): JSX.Element {
  const { working, failed, run } = useAct();
  const form = useRef<HTMLFormElement>(null);
  const { name, rule } = kept ?? like ?? { name: "", rule: {} };
  const [size, setSize] = useState({ rows: rule.rows ?? 1, columns: rule.columns ?? 1 });

  const onSubmit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const data = new FormData(form.current!);
    const said = ruleOf(data);
    const ask = kept ? () => changeHangingRule(kept.pk, said) : () => addHangingRule({ ...said, everybody: data.has("everybody") });
    if (!(await run(ask))) return;
    close();
    void hangingRules.ask();
  };

  return (
    <Sheet title={kept ? t("rules.change_one", { name }) : t("rules.add")} close={close} firm>
      <form ref={form} class="admin-form" onSubmit={(event) => void onSubmit(event)}>
        <TextField label={t("rules.name")} name="name" value={name} maxLength={64} focused required />
        <MatchFields match={rule.match ?? {}} />
        <fieldset class="admin-group">
          <legend>{t("hang.layout")}</legend>
          <div class="form-row">
            <Choice label={t("hang.rows")} name="rows" value={String(size.rows)} of={SIZES} chosen={(value) => setSize({ ...size, rows: Number(value) })} />
            <Choice label={t("hang.columns")} name="columns" value={String(size.columns)} of={SIZES} chosen={(value) => setSize({ ...size, columns: Number(value) })} />
          </div>
          <Tick label={t("hang.needs_all")} name="needs_all" ticked={rule.needs_all ?? false} />
          <Tick label={t("hang.linked")} name="linked" ticked={rule.linked ?? false} />
        </fieldset>
        {Array.from({ length: size.rows * size.columns }, (_, index) => (
          <PaneFields key={index} index={index} selector={rule.panes?.[index] ?? {}} />
        ))}
        {!kept && <Tick label={t("hang.for_everybody")} name="everybody" ticked />}
        <TryIt rule={() => ruleOf(new FormData(form.current!)).rule} />
        <Problem failed={failed} />
        <div class="form-end">
          <button type="button" class="button framed" onClick={close}>
            {t("cancel")}
          </button>
          <button type="submit" class="button primary" aria-disabled={working}>
            {t("save")}
          </button>
        </div>
      </form>
    </Sheet>
  );
}

function MatchFields({ match }: { readonly match: HangingMatch }): JSX.Element {
  const prior = match.has_prior === null || match.has_prior === undefined ? "" : match.has_prior ? "yes" : "no";
  return (
    <fieldset class="admin-group">
      <legend>{t("hang.is_for")}</legend>
      <p class="soft">{t("rule.takes_hint")}</p>
      <div class="form-grid">
        <TextField label={t("rule.modalities")} name="modalities" value={match.modalities?.join(", ") ?? ""} hint={t("rule.modalities_hint")} />
        <TextField label={t("rule.body_parts")} name="body_parts" value={match.body_parts?.join(", ") ?? ""} hint={t("rule.body_parts_hint")} />
        <TextField label={t("hang.described")} name="description" value={match.description ?? ""} hint={t("hang.words_hint")} maxLength={128} />
        <TextField label={t("hang.series_least")} name="least_series" type="number" min={0} max={1000} value={match.least_series ? String(match.least_series) : ""} />
        <Choice label={t("hang.prior_study")} name="has_prior" value={prior} of={["", "yes", "no"]} text={(value) => t(`hang.prior_${value || "any"}`)} />
      </div>
    </fieldset>
  );
}

/** The names of its fields have its number behind them. */
function PaneFields({ index, selector }: { readonly index: number; readonly selector: Selector }): JSX.Element {
  const { prior = false, modality = "", description = "", body_part = "", laterality = "", views, position, kind = "stack", window } = selector;
  return (
    <fieldset class="admin-group">
      <legend>{t("hang.pane", { n: index + 1 })}</legend>
      <Tick label={t("hang.from_prior")} name={`prior${index}`} ticked={prior} />
      <div class="form-grid">
        <TextField label={t("hang.modality")} name={`modality${index}`} value={modality} maxLength={16} />
        <TextField label={t("hang.series_described")} name={`words${index}`} value={description} hint={t("hang.words_hint")} maxLength={128} />
        <TextField label={t("hang.body_part")} name={`part${index}`} value={body_part} maxLength={64} />
        <Choice label={t("hang.side")} name={`side${index}`} value={laterality} of={LATERALITIES} text={(value) => t(`hang.side_${value || "any"}`)} />
        <TextField label={t("hang.views")} name={`views${index}`} value={views?.join(", ") ?? ""} hint="CC, MLO, PA, LL …" />
        <TextField label={t("hang.position")} name={`position${index}`} type="number" min={0} max={99} value={position ? String(position) : ""} hint={t("hang.position_hint")} />
        <Choice label={t("hang.shown_as")} name={`kind${index}`} value={kind} of={KINDS} text={(value) => t(`hang.kind_${value}`)} />
        <div class="form-row">
          <TextField label={t("hang.center")} name={`center${index}`} value={window ? String(window.center) : ""} class="grow" />
          <TextField label={t("hang.width")} name={`width${index}`} value={window ? String(window.width) : ""} class="grow" />
        </div>
      </div>
    </fieldset>
  );
}

interface ChoiceProps<Value extends string> {
  readonly label: string;
  readonly name: string;
  readonly value: string;
  readonly of: readonly Value[];
  readonly text?: (value: Value) => string;
  readonly chosen?: (value: string) => void;
}

function Choice<Value extends string>({ label, name, value, of, text, chosen }: ChoiceProps<Value>): JSX.Element {
  const [now, setNow] = useState(value);
  const change = (next: string): void => {
    setNow(next);
    chosen?.(next);
  };
  return (
    <Field label={label}>
      {(attributes) => (
        <select {...attributes} class="field" name={name} value={now} onChange={(event) => change(event.currentTarget.value)}>
          {of.map((each) => (
            <option key={each} value={each}>
              {text?.(each) ?? each}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

interface Tried {
  readonly study: string;
  /** What hangs in each pane; null: the rule is not for it. */
  readonly panes: readonly string[] | null;
}

/** The rule, as it stands in the form, on the newest study that a search finds. */
function TryIt({ rule }: { readonly rule: () => HangingRule }): JSX.Element {
  const { working, failed, run } = useAct();
  const [tried, setTried] = useState<Tried | null | "none">(null);
  const text = useRef("");

  const tryIt = async (): Promise<void> => {
    const found = await run(() => fetchStudies({ q: text.current, limit: 1 }));
    const study = found?.value.studies[0];
    if (!study) return setTried(found && "none");
    const answer = await run(() => tryHangingRule(study.study_instance_uid, rule()));
    if (!answer) return;
    const name = [nameText(study.patient_name), dateText(study.study_date), study.study_description].filter(Boolean).join(" · ");
    setTried({ study: name, panes: answer.value && (await panesIn(answer.value)) });
  };
  return (
    <fieldset class="admin-group">
      <legend>{t("hang.try")}</legend>
      <div class="form-row end">
        <Field label={t("hang.try_on")} hint={t("hang.try_hint")} class="grow">
          {(attributes) => <input {...attributes} type="search" class="field" maxLength={200} onInput={(event) => (text.current = event.currentTarget.value)} />}
        </Field>
        <button type="button" class="button framed" aria-disabled={working} onClick={() => void tryIt()}>
          {t("hang.try_now")}
        </button>
      </div>
      <div aria-live="polite">
        {tried === "none" && <p>{t("hang.try_none")}</p>}
        {tried && tried !== "none" && (
          <>
            <p>
              <b>{tried.study}</b>
            </p>
            {tried.panes ? <ol>{tried.panes.map((pane, index) => <li key={index}>{pane}</li>)}</ol> : <p>{t("hang.try_not_for")}</p>}
          </>
        )}
      </div>
      <Problem failed={failed} />
    </fieldset>
  );
}

/** Each pane's series by name, an earlier study's with its date. */
async function panesIn({ panes }: Hanging): Promise<readonly string[]> {
  const uids = [...new Set(panes.map(({ study_instance_uid }) => study_instance_uid).filter(Boolean))];
  const studies = await Promise.all(uids.map((uid) => fetchStudy(uid)));
  return panes.map((pane) => {
    const answer = studies[uids.indexOf(pane.study_instance_uid)];
    const series = answer?.ok && answer.value.series.find(({ series_instance_uid }) => series_instance_uid === pane.series_instance_uid);
    if (!series) return t("hang.stays_empty");
    const name = [series.modality, series.series_number, series.series_description].filter(Boolean).join(" ");
    return `${dateText(answer.value.study_date)} · ${name}`;
  });
}
