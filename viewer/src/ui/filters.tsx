// The filters of the study list: when, and by which kind of machine.
import type { ComponentChildren, JSX } from "preact";
import { t, type Key } from "../i18n";
import { isNarrowed, type Filter, type Span } from "../state/filter";
import { filter } from "../state/studies";
import { Icon } from "./icons";

const SPANS: Readonly<Record<Span, Key>> = {
  today: "list.today",
  week: "list.week",
  month: "list.month",
  all: "list.all",
  range: "list.range",
};

/** Those a general hospital has; what is asked for by address is shown too. */
const MODALITIES = ["CT", "MR", "CR", "DX", "US", "MG", "XA", "RF", "NM", "PT", "ES", "SR"];

export function Filters({ children }: { readonly children: ComponentChildren }): JSX.Element {
  const { span, modalities } = filter.value;
  const others = modalities.filter((modality) => !MODALITIES.includes(modality));
  return (
    <div class="filters">
      <div class="filters-scroll">
        <div class="chips" role="group" aria-label={t("list.date")}>
          {(Object.keys(SPANS) as Span[]).map((each) => (
            <Chip key={each} text={t(SPANS[each])} on={each === span} press={() => change({ span: each })} />
          ))}
        </div>
        {span === "range" && <Range />}
        <div class="chips" role="group" aria-label={t("list.modality")}>
          {[...MODALITIES, ...others].map((each) => (
            <Chip key={each} text={each} on={modalities.includes(each)} press={() => change({ modalities: toggled(modalities, each) })} />
          ))}
        </div>
        {isNarrowed(filter.value) && (
          <button type="button" class="button clear-filters" onClick={() => change({ span: "all", modalities: [] })}>
            <Icon name="close" />
            {t("list.clear_filters")}
          </button>
        )}
      </div>
      {children}
    </div>
  );
}

function change(part: Partial<Filter>): void {
  filter.value = { ...filter.peek(), ...part };
}

function toggled(all: readonly string[], one: string): readonly string[] {
  return all.includes(one) ? all.filter((each) => each !== one) : [...all, one];
}

interface ChipProps {
  readonly text: string;
  readonly on: boolean;
  readonly press: () => void;
}

function Chip({ text, on, press }: ChipProps): JSX.Element {
  return (
    <button type="button" class="chip" aria-pressed={on} onClick={press}>
      {text}
    </button>
  );
}

function Range(): JSX.Element {
  const { from, to } = filter.value;
  return (
    <div class="range">
      <DateField name={t("list.from")} value={from} write={(value) => change({ from: value })} />
      <DateField name={t("list.to")} value={to} write={(value) => change({ to: value })} />
    </div>
  );
}

interface DateFieldProps {
  readonly name: string;
  /** DA, or "". */
  readonly value: string;
  readonly write: (value: string) => void;
}

function DateField({ name, value, write }: DateFieldProps): JSX.Element {
  const iso = value.replace(/^(\d{4})(\d{2})(\d{2})$/, "$1-$2-$3");
  return (
    <input
      class="field"
      type="date"
      aria-label={name}
      title={name}
      value={iso}
      onChange={(event) => write(event.currentTarget.value.replaceAll("-", ""))}
    />
  );
}
