// Further attributes: what is searchable besides what always is, and how far it has been read from what is stored.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { numberText, t } from "../../i18n";
import { agoText, instantText } from "../../i18n/instant";
import { removeFurther, type Further } from "../../net/admin";
import { attributes } from "../../state/attributes";
import { bindFresh } from "../../state/fresh";
import { Notice } from "../notice";
import { Problem, useAct } from "./act";
import { AttributeForm } from "./attributeform";
import { Listed, RowList, Section } from "./section";
import { SureButton } from "./sure";

const LOOK_MS = 2000;

export function Attributes(): JSX.Element {
  const [adding, setAdding] = useState(false);
  useEffect(() => bindFresh(attributes, LOOK_MS), []);
  const add = (
    <button type="button" class="button framed" onClick={() => setAdding(true)}>
      {t("attributes.add")}
    </button>
  );
  return (
    <div class="admin-page">
      <Section title={t("admin.attributes")} actions={add} hint={t("attributes.hint")}>
        <Listed of={attributes}>{(known) => (known.length === 0 ? <Notice icon="search" title={t("attributes.none")} /> : <All attributes={known} />)}</Listed>
      </Section>
      {adding && <AttributeForm close={() => setAdding(false)} />}
    </div>
  );
}

function All({ attributes: known }: { readonly attributes: readonly Further[] }): JSX.Element {
  return (
    <RowList name={t("admin.attributes")} of={known}>
      {known.map((further) => (
        <AttributeRow key={further.pk} further={further} />
      ))}
    </RowList>
  );
}

function AttributeRow({ further }: { readonly further: Further }): JSX.Element {
  const { working, failed, run } = useAct();
  const { pk, keyword, creator, vr, level, state, source, created_at } = further;
  const remove = async (): Promise<void> => {
    if (await run(() => removeFurther(pk))) await attributes.ask();
  };
  return (
    <li data-row={pk} class="further">
      <div class="what">
        <p>
          <strong>{keyword}</strong> {creator}
        </p>
        <p class="soft" title={instantText(created_at)}>
          {[vr, t(`level.${level}`), source, agoText(created_at, Date.now())].filter(Boolean).join(" · ")}
        </p>
        <Problem failed={failed} />
      </div>
      <div class="how">
        <span class={`state ${state}`}>{t(`attributes.${state}`)}</span>
        {state === "filling" && <Filled further={further} />}
      </div>
      <div class="does">
        {state !== "removing" && (
          <SureButton text={t("attributes.remove")} sure={t("attributes.remove_now")} name={keyword} working={working} run={() => void remove()} />
        )}
      </div>
    </li>
  );
}

function Filled({ further: { read, total } }: { readonly further: Further }): JSX.Element {
  const text = t("attributes.progress", { n: total, read: numberText(read) });
  return (
    <>
      {" "}
      <span class="soft numbers">{text}</span>
      <progress max={Math.max(1, total)} value={read} aria-label={text} />
    </>
  );
}
