// Routing: the rules, and the queue of what is on its way.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { numberText, t } from "../../i18n";
import { weekdayText } from "../../i18n/instant";
import { changeRoute, type Route, type Rule } from "../../net/admin";
import { bindFresh } from "../../state/fresh";
import { peers } from "../../state/peers";
import { endsOf, routes } from "../../state/routing";
import { Notice } from "../notice";
import { Problem, useAct } from "./act";
import { usePages } from "./pager";
import { Queue } from "./queue";
import { RuleForm } from "./ruleform";
import { Listed, RowList, Section } from "./section";

/** How often to look whether another administrator has changed a rule. */
const LOOK_MS = 10_000;

export function Routing(): JSX.Element {
  const [edited, setEdited] = useState<Route | "new" | null>(null);
  useEffect(() => bindFresh(routes, LOOK_MS), []);
  // The form offers them as destinations.
  useEffect(() => void peers.ask(), []);

  const add = (
    <button type="button" class="button framed" onClick={() => setEdited("new")}>
      {t("rules.add")}
    </button>
  );
  return (
    <div class="admin-page routing">
      <Section title={t("rules.title")} actions={add} class="rules">
        <Listed of={routes}>
          {(known) => (known.length === 0 ? <Notice icon="forward" title={t("rules.none")} hint={t("rules.none_hint")} /> : <Rules routes={known} edit={setEdited} />)}
        </Listed>
      </Section>
      <Queue />
      {edited && <RuleForm {...(edited !== "new" && { route: edited })} close={() => setEdited(null)} />}
    </div>
  );
}

function Rules({ routes: known, edit }: { readonly routes: readonly Route[]; readonly edit: (route: Route) => void }): JSX.Element {
  const { shown, pager } = usePages(known);
  return (
    <>
      <RowList name={t("rules.title")} of={shown}>
        {shown.map((route) => (
          <RuleRow key={route.pk} route={route} edit={() => edit(route)} />
        ))}
      </RowList>
      {pager}
    </>
  );
}

function RuleRow({ route, edit }: { readonly route: Route; readonly edit: () => void }): JSX.Element {
  const { failed, run } = useAct();
  const { pk, created_at: _created, ...fields } = route;
  const turn = async (): Promise<void> => {
    if (await run(() => changeRoute(pk, { ...fields, enabled: !route.enabled }))) await routes.ask();
  };
  return (
    <li data-row={pk} class={route.enabled ? "rule" : "rule off"}>
      <div class="what">
        <button type="button" class="row-name" onClick={edit}>
          {route.name}
        </button>
        <p>
          {ruleText(route.rule)} → <b>{route.destination}</b>
        </p>
        {route.priority !== 0 && <p class="soft">{t("rules.with_priority", { n: numberText(route.priority) })}</p>}
        <Problem failed={failed} />
      </div>
      <Switch name={t("rules.enabled_one", { name: route.name })} on={route.enabled} turn={() => void turn()} />
    </li>
  );
}

function Switch({ name, on, turn }: { readonly name: string; readonly on: boolean; readonly turn: () => void }): JSX.Element {
  return (
    <button type="button" class="switch" role="switch" aria-checked={on} aria-label={name} title={name} onClick={turn}>
      <span />
    </button>
  );
}

/** What a rule takes, in words. */
export function ruleText(rule: Rule): string {
  const { sources, modalities, body_parts, description, station_names, hours, weekdays } = rule;
  const parts = [
    sources?.length ? t("rule.from", { names: sources.join(", ") }) : "",
    modalities?.join(", ") ?? "",
    body_parts?.join(", ") ?? "",
    description ? `“${description}”` : "",
    station_names?.length ? t("rule.at", { names: station_names.join(", ") }) : "",
    hours ? endsOf(hours).join("–") : "",
    weekdays?.map(weekdayText).join(" ") ?? "",
  ].filter(Boolean);
  return parts.join(" · ") || t("rule.everything");
}
