// "Hang it like this next time": what is on the screen as a rule, told in words before it is kept.
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { ruleOnScreen, type PaneFacts } from "../hang/onscreen";
import { selectorWords } from "../hang/words";
import { t } from "../i18n";
import { addHangingRule, type HangingRule } from "../net/hanging";
import { said } from "../state/form";
import { forgetHangings } from "../state/hangings";
import { scrollLinked } from "../state/link";
import { grid, isPrior, panes, studies, summaryOf, type Pane } from "../state/reading";
import { me } from "../state/session";
import { ownWindow, viewports } from "../tools/viewports";
import { Problem, useAct } from "./admin/act";
import { TextField, Tick } from "./admin/field";
import { Notice } from "./notice";
import { Sheet } from "./sheet";
import "./admin/admin.css";

export function LikeThis({ close }: { readonly close: () => void }): JSX.Element {
  // As it was when it was opened: the screen may go on changing behind it.
  const [rule] = useState(() => ruleOnScreen({ ...grid.peek(), linked: scrollLinked.peek() }, panes.peek().map(factsOf)));
  return (
    <Sheet title={t("action.like_this")} close={close} firm>
      {rule ? <Form rule={rule} close={close} /> : <Notice icon="warning" title={t("hang.nothing_current")} />}
    </Sheet>
  );
}

function Form({ rule, close }: { readonly rule: HangingRule; readonly close: () => void }): JSX.Element {
  const { working, failed, run } = useAct();
  const form = useRef<HTMLFormElement>(null);
  const { match = {}, rows = 1, columns = 1, panes: selectors = [] } = rule;
  const part = match.body_parts?.[0];
  const name = [...(match.modalities ?? []), part, `${rows} × ${columns}`].filter(Boolean).join(" ");

  const onSubmit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const data = new FormData(form.current!);
    const { body_parts: parts, ...rest } = match;
    const description = said(data, "description");
    const narrowed = { ...rest, ...(data.has("part") && parts && { body_parts: parts }), ...(description && { description }) };
    const kept = { name: said(data, "name"), rule: { ...rule, match: narrowed }, everybody: data.has("everybody") };
    if (!(await run(() => addHangingRule(kept)))) return;
    forgetHangings();
    close();
  };

  return (
    <form ref={form} class="admin-form like-this" onSubmit={(event) => void onSubmit(event)}>
      <p>{t("hang.like_this_hint", { modality: match.modalities?.join(", ") ?? "" })}</p>
      {part && <Tick label={t("hang.only_part", { part })} name="part" ticked />}
      <TextField label={t("hang.only_described")} name="description" hint={t("hang.words_hint")} maxLength={128} />
      <p>
        {t("hang.so_hangs", { grid: t("hang.grid", { rows, columns }) })} {match.has_prior && t("hang.if_prior")}
      </p>
      <ol class="like-this-panes" style={{ gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }}>
        {selectors.map((selector, index) => (
          <li key={index} class={selector.prior ? "prior" : ""}>
            {selectorWords(selector)}
          </li>
        ))}
      </ol>
      <TextField label={t("rules.name")} name="name" value={name} maxLength={64} required />
      {me.value?.permissions.includes("administer") && <Tick label={t("hang.for_everybody")} name="everybody" ticked={false} />}
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
  );
}

function factsOf(pane: Pane): PaneFacts | null {
  const series = summaryOf(pane.series);
  if (!series) return null;
  const viewport = viewports.peek().get(pane.id);
  const attributes = viewport?.attributes.peek();
  return {
    isPrior: isPrior(pane.series?.studyUid),
    series,
    among: studies.peek().find(({ uid }) => uid === pane.series?.studyUid)?.study?.series ?? [],
    laterality: attributes?.laterality || series.laterality,
    view: attributes?.view_position ?? "",
    kind: pane.kind,
    window: (viewport && ownWindow(viewport)) ?? null,
  };
}
