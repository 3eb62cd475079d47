// The queue: what is on its way, how far it has come, and why it has not.
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { numberText, t, type Key } from "../../i18n";
import { dateText, nameText } from "../../i18n/format";
import { agoText, instantText } from "../../i18n/instant";
import { actOnDelivery, DELIVERY_STATES, setPriority, type Delivery, type DeliveryAction, type DeliveryPage } from "../../net/admin";
import { bindFresh } from "../../state/fresh";
import { deliveries, isOffered, isQueued, offset, PAGE, shownState, showFrom, showState } from "../../state/routing";
import type { IconName } from "../icons";
import { Menu, MenuItem } from "../menu";
import { Problem, useAct } from "./act";
import { Pager } from "./pager";
import { Listed, RowList, Section } from "./section";

const LOOK_MS = 2000;

export function Queue(): JSX.Element {
  useEffect(() => bindFresh(deliveries, LOOK_MS), []);
  return (
    <Section title={t("queue.title")} class="queue">
      <div class="chips" role="group" aria-label={t("queue.states")}>
        {(["", ...DELIVERY_STATES] as const).map((state) => (
          <button key={state} type="button" class="chip" aria-pressed={state === shownState.value} onClick={() => showState(state)}>
            {t(state ? `state.${state}` : "state.all")}
          </button>
        ))}
      </div>
      <Listed of={deliveries}>{(page) => <Page page={page} />}</Listed>
    </Section>
  );
}

function Page({ page: { rows, total } }: { readonly page: DeliveryPage }): JSX.Element {
  return (
    <>
      {total === 0 && <p class="admin-hint">{t(shownState.value ? "queue.none_such" : "queue.none")}</p>}
      <RowList name={t("queue.title")} of={rows} class="deliveries">
        {rows.map((delivery) => (
          <DeliveryRow key={delivery.pk} delivery={delivery} />
        ))}
      </RowList>
      <Pager from={offset.value} size={PAGE} total={total} turn={showFrom} />
    </>
  );
}

type Ask = () => ReturnType<typeof actOnDelivery>;

function DeliveryRow({ delivery }: { readonly delivery: Delivery }): JSX.Element {
  const { state, patient_name, study_date, modality, destination, route, why } = delivery;
  const { failed, run } = useAct();
  const act = async (ask: Ask): Promise<void> => {
    if (await run(ask)) await deliveries.ask();
  };
  return (
    <li data-row={delivery.pk} class={`delivery ${state}`}>
      <div class="what">
        <p>
          <strong>{nameText(patient_name) || t("list.no_name")}</strong> <span class="soft numbers">{[modality, dateText(study_date)].filter(Boolean).join(" · ")}</span>
        </p>
        <p class="soft">
          → <b>{destination}</b> {route ? t("queue.by_route", { name: route }) : ""}
        </p>
      </div>
      <div class="how">
        <p>
          <span class={`state ${state}`}>{t(`state.${state}` as Key)}</span> <span class="soft numbers">{progressText(delivery)}</span>
        </p>
        <progress max={delivery.number} value={delivery.sent} aria-label={progressText(delivery)} />
        <p class="soft numbers" title={instantText(delivery.ended_at ?? delivery.next_at)}>
          {whenText(delivery)}
        </p>
      </div>
      <Menu name={t("queue.act_on", { name: nameText(patient_name) || destination })} icon="more">
        <Choice delivery={delivery} action="pause" icon="pause" act={act} />
        <Choice delivery={delivery} action="resume" icon="play" act={act} />
        <Choice delivery={delivery} action="again" icon="reset" act={act} />
        <Choice delivery={delivery} action="cancel" icon="close" act={act} />
        {isQueued(delivery) && (
          <>
            <MenuItem text={t("queue.sooner")} icon="up" run={() => void act(() => setPriority(delivery.pk, delivery.priority + 1))} />
            <MenuItem text={t("queue.later")} icon="down" run={() => void act(() => setPriority(delivery.pk, delivery.priority - 1))} />
          </>
        )}
      </Menu>
      {why && state !== "delivered" && <p class="why">{why}</p>}
      <Problem failed={failed} />
    </li>
  );
}

interface ChoiceProps {
  readonly delivery: Delivery;
  readonly action: DeliveryAction;
  readonly icon: IconName;
  readonly act: (ask: Ask) => Promise<void>;
}

function Choice({ delivery, action, icon, act }: ChoiceProps): JSX.Element | null {
  if (!isOffered(action, delivery)) return null;
  const label: Key = action === "again" && isQueued(delivery) ? "queue.now" : `queue.${action}`;
  return <MenuItem text={t(label)} icon={icon} run={() => void act(() => actOnDelivery(delivery.pk, action))} />;
}

function progressText({ sent, number }: Delivery): string {
  return t("queue.progress", { n: number, sent: numberText(sent) });
}

/** When it ended or is tried next, how often it was tried, and its priority where that is not the usual one. */
function whenText(delivery: Delivery): string {
  const { state, attempts, priority, next_at, ended_at } = delivery;
  const parts = [
    ended_at ? agoText(ended_at, Date.now()) : "",
    state === "waiting" && attempts > 0 ? t("queue.next", { when: agoText(next_at, Date.now()) }) : "",
    attempts > 1 || state === "failed" ? t("queue.attempts", { n: attempts }) : "",
    priority !== 0 && isQueued(delivery) ? t("rules.with_priority", { n: numberText(priority) }) : "",
  ];
  return parts.filter(Boolean).join(" · ");
}
