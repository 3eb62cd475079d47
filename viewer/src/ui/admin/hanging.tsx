// Hanging rules: in which order they are tried, which studies they are for, and what hangs where.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { matchWords, ruleName, selectorWords } from "../../hang/words";
import { t } from "../../i18n";
import { addHangingRule, moveHangingRule, removeHangingRule, type HangingRule, type HangingRules, type KeptRule, type NamedRule } from "../../net/hanging";
import { bindFresh } from "../../state/fresh";
import { hangingRules } from "../../state/hangingrules";
import { undoable } from "../../state/undo";
import { Icon, type IconName } from "../icons";
import { Notice } from "../notice";
import { Problem, useAct } from "./act";
import { HangingForm } from "./hangingform";
import { Listed, RowList, Section } from "./section";

const LOOK_MS = 10_000;

/** A rule that is changed, or one that is made after another. */
type Edited = KeptRule | { readonly like: NamedRule };

export function HangingPage(): JSX.Element {
  const [edited, setEdited] = useState<Edited | null>(null);
  useEffect(() => bindFresh(hangingRules, LOOK_MS), []);
  const add = (
    <button type="button" class="button framed" onClick={() => setEdited({ like: { name: "", rule: {} } })}>
      {t("rules.add")}
    </button>
  );
  return (
    <div class="admin-page">
      <Section title={t("admin.hanging")} actions={add} hint={t("hang.admin_hint")}>
        <Listed of={hangingRules}>{(known) => <Rules known={known} edit={setEdited} />}</Listed>
      </Section>
      {edited && <HangingForm {...("pk" in edited ? { kept: edited } : { like: edited.like })} close={() => setEdited(null)} />}
    </div>
  );
}

interface RulesProps {
  readonly known: HangingRules;
  readonly edit: (edited: Edited) => void;
}

function Rules({ known: { rules, built_in: builtIn }, edit }: RulesProps): JSX.Element {
  return (
    <>
      {rules.length === 0 && <Notice icon="images" title={t("hang.no_rules")} hint={t("hang.no_rules_hint")} />}
      <RowList name={t("admin.hanging")} of={rules}>
        {rules.map((kept) => (
          <RuleRow key={kept.pk} kept={kept} among={rules.filter(({ everybody }) => everybody === kept.everybody)} edit={() => edit(kept)} />
        ))}
      </RowList>
      <h3 class="admin-subhead">{t("hang.built_in")}</h3>
      <ul class="admin-list" aria-label={t("hang.built_in")}>
        {builtIn.map(({ name, rule }) => ({ name: ruleName(name), rule })).map((like) => (
          <li key={like.name} class="hanging-rule">
            <div class="what">
              <p>
                <strong>{like.name}</strong>
              </p>
              <RuleSketch rule={like.rule} />
            </div>
            <div class="does">
              <button type="button" class="button framed" aria-label={`${t("hang.copy")} ${like.name}`} onClick={() => edit({ like })}>
                {t("hang.copy")}
              </button>
            </div>
          </li>
        ))}
      </ul>
    </>
  );
}

interface RuleRowProps {
  readonly kept: KeptRule;
  /** Those of the same owner, in their order. */
  readonly among: readonly KeptRule[];
  readonly edit: () => void;
}

function RuleRow({ kept, among, edit }: RuleRowProps): JSX.Element {
  const { working, failed, run } = useAct();
  const { pk, name, rule, everybody } = kept;
  const place = among.findIndex((each) => each.pk === pk);
  const move = async (by: number): Promise<void> => {
    if (await run(() => moveHangingRule(pk, place + by))) await hangingRules.ask();
  };
  const remove = async (): Promise<void> => {
    if (!(await run(() => removeHangingRule(pk)))) return;
    undoable.value = { text: t("hang.removed", { name }), undo: () => putBack(kept, place) };
    await hangingRules.ask();
  };
  const button = (icon: IconName, text: string, act: () => void, isOff = false): JSX.Element => (
    <button type="button" class="button" aria-label={`${text} ${name}`} title={text} aria-disabled={working} disabled={isOff} onClick={act}>
      <Icon name={icon} />
    </button>
  );
  return (
    <li data-row={pk} class="hanging-rule">
      <div class="what">
        <button type="button" class="row-name" onClick={edit}>
          {name}
        </button>{" "}
        <span class="soft">{t(everybody ? "hang.everybodys" : "hang.own")}</span>
        <RuleSketch rule={rule} />
        <Problem failed={failed} />
      </div>
      <div class="does">
        {button("up", t("hang.sooner"), () => void move(-1), place === 0)}
        {button("down", t("hang.later"), () => void move(1), place === among.length - 1)}
        {button("remove", t("rules.remove"), () => void remove())}
      </div>
    </li>
  );
}

async function putBack({ name, rule, everybody }: KeptRule, position: number): ReturnType<typeof addHangingRule> {
  const answer = await addHangingRule({ name, rule, everybody, position });
  await hangingRules.ask();
  return answer;
}

/** Which studies it is for, and its panes as they lie. */
export function RuleSketch({ rule: { match = {}, rows = 1, columns = 1, panes = [{}] } }: { readonly rule: HangingRule }): JSX.Element {
  return (
    <>
      <p class="soft">{matchWords(match)}</p>
      <ol class="hanging-sketch" aria-label={t("hang.grid", { rows, columns })} style={{ gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }}>
        {panes.slice(0, rows * columns).map((selector, index) => (
          <li key={index} class={selector.prior ? "prior" : ""}>
            {selectorWords(selector)}
          </li>
        ))}
      </ol>
    </>
  );
}
