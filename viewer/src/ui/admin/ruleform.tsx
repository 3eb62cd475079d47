// The form of a routing rule, and what it would have sent.
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { t } from "../../i18n";
import { dateText, nameText } from "../../i18n/format";
import { weekdayText } from "../../i18n/instant";
import { addRoute, changeRoute, dryRun, removeRoute, type DryRun, type Route, type Rule } from "../../net/admin";
import { peers } from "../../state/peers";
import { BY_ADDRESS, endsOf, routeOf, routes, ruleOf } from "../../state/routing";
import { Sheet } from "../sheet";
import { Problem, useAct } from "./act";
import { Field, TextField, Tick, Ticks } from "./field";
import { SureButton } from "./sure";

const WEEK: readonly number[] = [1, 2, 3, 4, 5, 6, 7];

interface RuleFormProps {
  /** Left out: a new one. */
  readonly route?: Route;
  readonly close: () => void;
}

export function RuleForm({ route, close }: RuleFormProps): JSX.Element {
  const { working, failed, run } = useAct();
  const form = useRef<HTMLFormElement>(null);

  const onSubmit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const said = routeOf(new FormData(form.current!));
    if (!(await run(() => (route ? changeRoute(route.pk, said) : addRoute(said))))) return;
    close();
    void routes.ask();
  };

  return (
    <Sheet title={route ? t("rules.change_one", { name: route.name }) : t("rules.add")} close={close} firm>
      <form ref={form} class="admin-form" onSubmit={(event) => void onSubmit(event)}>
        <div class="form-row">
          <TextField label={t("rules.name")} name="name" value={route?.name ?? ""} maxLength={64} class="grow" focused required />
          <TextField label={t("rules.priority")} name="priority" type="number" value={String(route?.priority ?? 0)} hint={t("rules.priority_hint")} />
        </div>
        <RuleFields rule={route?.rule ?? {}} />
        <DestinationFields destination={route?.destination ?? ""} isNew={!route} />
        <Tick label={t("rules.enabled")} name="enabled" ticked={route?.enabled ?? true} />
        <TryIt rule={() => ruleOf(new FormData(form.current!))} />
        <Problem failed={failed} />
        <div class="form-end">
          {route && <Removal route={route} done={close} />}
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

/** A rule that is gone does not come back: its token is known to nobody else. */
function Removal({ route, done }: { readonly route: Route; readonly done: () => void }): JSX.Element {
  const { working, failed, run } = useAct();
  const remove = async (): Promise<void> => {
    if (!(await run(() => removeRoute(route.pk)))) return;
    done();
    void routes.ask();
  };
  return (
    <div class="removal">
      <SureButton text={t("rules.remove")} sure={t("rules.remove_now")} working={working} run={() => void remove()} />
      <Problem failed={failed} />
    </div>
  );
}

function RuleFields({ rule }: { readonly rule: Rule }): JSX.Element {
  const [from, to] = endsOf(rule.hours);
  return (
    <fieldset class="admin-group">
      <legend>{t("rule.takes")}</legend>
      <p class="soft">{t("rule.takes_hint")}</p>
      <div class="form-grid">
        <TextField label={t("rule.sources")} name="sources" value={listed(rule.sources)} hint={t("rule.list_hint")} />
        <TextField label={t("rule.modalities")} name="modalities" value={listed(rule.modalities)} hint={t("rule.modalities_hint")} />
        <TextField label={t("rule.body_parts")} name="body_parts" value={listed(rule.body_parts)} hint={t("rule.body_parts_hint")} />
        <TextField label={t("rule.description")} name="description" value={rule.description ?? ""} hint={t("rule.description_hint")} />
        <TextField label={t("rule.station_names")} name="station_names" value={listed(rule.station_names)} />
        <div class="form-row">
          <TextField label={t("rule.hours_from")} name="from" type="time" value={from} class="grow" />
          <TextField label={t("rule.hours_to")} name="to" type="time" value={to} class="grow" />
        </div>
      </div>
      <Ticks legend={t("rule.weekdays")} short>
        {WEEK.map((day) => (
          <Tick key={day} label={weekdayText(day)} name="weekdays" value={String(day)} ticked={rule.weekdays?.includes(day) ?? false} />
        ))}
      </Ticks>
    </fieldset>
  );
}

function listed(values: readonly string[] | undefined): string {
  return values?.join(", ") ?? "";
}

function DestinationFields({ destination, isNew }: { readonly destination: string; readonly isNew: boolean }): JSX.Element {
  const known = (peers.value.value ?? []).map(({ ae_title }) => ae_title);
  const isAddress = /^https?:/i.test(destination);
  // A peer that is gone stays what the rule says until somebody says otherwise.
  const offered = destination && !isAddress && !known.includes(destination) ? [...known, destination] : known;
  const [said, setSaid] = useState<string | null>(null);
  // Until somebody has chosen: what it is now, or the first peer, which may come after the form.
  const chosen = said ?? (isAddress ? BY_ADDRESS : destination || (offered[0] ?? BY_ADDRESS));
  return (
    <fieldset class="admin-group">
      <legend>{t("rules.destination")}</legend>
      <Field label={t("rules.destination_kind")}>
        {(attributes) => (
          <select {...attributes} class="field" name="peer" value={chosen} onChange={(event) => setSaid(event.currentTarget.value)}>
            {offered.map((aeTitle) => (
              <option key={aeTitle} value={aeTitle}>
                {aeTitle}
              </option>
            ))}
            <option value={BY_ADDRESS}>{t("rules.by_address")}</option>
          </select>
        )}
      </Field>
      {chosen === BY_ADDRESS && (
        <div class="form-grid">
          <TextField label={t("rules.address")} name="address" type="url" value={isAddress ? destination : ""} hint={t("rules.address_hint")} required />
          <TextField label={t("rules.token")} name="token" type="password" hint={t(isNew ? "rules.token_hint" : "rules.token_kept_hint")} />
        </div>
      )}
    </fieldset>
  );
}

type Days = 1 | 7 | 30;
const SPANS: readonly Days[] = [1, 7, 30];

/** The dry run: what the rule, as it stands in the form, would have sent. */
function TryIt({ rule }: { readonly rule: () => Rule }): JSX.Element {
  const { working, failed, run } = useAct();
  const [days, setDays] = useState<Days>(7);
  const [result, setResult] = useState<{ readonly days: Days; readonly sent: DryRun } | null>(null);

  const tryIt = async (): Promise<void> => {
    const answer = await run(() => dryRun(rule(), days));
    setResult(answer && { days, sent: answer.value });
  };
  return (
    <fieldset class="admin-group">
      <legend>{t("dry.title")}</legend>
      <div class="form-row end">
        <Field label={t("dry.days")}>
          {(attributes) => (
            <select {...attributes} class="field" value={days} onChange={(event) => setDays(Number(event.currentTarget.value) as Days)}>
              {SPANS.map((each) => (
                <option key={each} value={each}>
                  {t(`dry.days_${each}`)}
                </option>
              ))}
            </select>
          )}
        </Field>
        <button type="button" class="button framed" aria-disabled={working} onClick={() => void tryIt()}>
          {t(working ? "dry.working" : "dry.run")}
        </button>
      </div>
      <div role="status">{result && <Sent of={result.sent} days={result.days} />}</div>
      <Problem failed={failed} />
    </fieldset>
  );
}

function Sent({ of: { series, instances, examples }, days }: { readonly of: DryRun; readonly days: Days }): JSX.Element {
  if (series === 0) return <p>{t(`dry.nothing_${days}`)}</p>;
  return (
    <>
      <p>
        {t(`dry.sent_${days}`, { series: t("dry.series", { n: series }), images: t("dry.images", { n: instances }) })}
        {examples.length < series && <span class="soft"> {t("dry.newest", { n: examples.length })}</span>}
      </p>
      <table class="admin-table small-table stacked examples">
        <thead>
          <tr>
            <th scope="col">{t("list.patient")}</th>
            <th scope="col">{t("list.study_date")}</th>
            <th scope="col">{t("list.modality")}</th>
            <th scope="col">{t("dry.series_description")}</th>
            <th scope="col">{t("list.images")}</th>
          </tr>
        </thead>
        <tbody>
          {examples.map((example, index) => (
            <tr key={index}>
              <th scope="row">{nameText(example.patient_name) || t("list.no_name")}</th>
              <td class="numbers">{dateText(example.study_date)}</td>
              <td>{example.modality}</td>
              <td>{example.series_description}</td>
              <td class="numbers">{t("dry.images", { n: example.instances })}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
