// Filters by name, and the columns of the list: sheets that a button of the filters' line opens.
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { t, type Key } from "../i18n";
import { filterFrom, parametersOf } from "../state/filter";
import { chosenColumns, deleteFilter, firstFilter, isEverything, saveFilter, savedFilters, type ChosenColumn, type Width } from "../state/saved";
import { filter } from "../state/studies";
import { Icon } from "./icons";
import { Sheet } from "./sheet";
import { ALL_COLUMNS, COLUMNS, USUAL_COLUMNS, type ColumnName } from "./columns";

const open = signal<"filters" | "columns" | null>(null);
const WIDTHS: readonly Width[] = ["narrow", "usual", "wide"];

export function ListSheets(): JSX.Element | null {
  if (open.value === "filters") return <FilterSheet />;
  return open.value === "columns" ? <ColumnSheet /> : null;
}

export function ListButtons(): JSX.Element {
  return (
    <div class="list-buttons">
      <button type="button" class="button" aria-label={t("list.saved")} title={t("list.saved")} onClick={() => (open.value = "filters")}>
        <Icon name="filter" />
      </button>
      <button type="button" class="button columns-button" aria-label={t("list.columns")} title={t("list.columns")} onClick={() => (open.value = "columns")}>
        <Icon name="sideList" />
      </button>
    </div>
  );
}

function close(): void {
  open.value = null;
}

function FilterSheet(): JSX.Element {
  const now = parametersOf(filter.value).toString();
  const onSubmit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const name = String(new FormData(form).get("name") ?? "").trim();
    if (name === "") return;
    saveFilter(name, filter.peek());
    form.reset();
  };
  return (
    <Sheet title={t("list.saved")} close={close} class="small-sheet">
      {savedFilters.value.length === 0 && <p class="soft">{t("list.none_saved")}</p>}
      <ul class="plain-list">
        {savedFilters.value.map(({ name, parameters }) => (
          <li key={name}>
            <button type="button" class="button framed grow" aria-pressed={parameters === now} onClick={() => apply(parameters)}>
              {name}
            </button>
            <button
              type="button"
              class="button"
              aria-pressed={firstFilter.value === name}
              aria-label={t("list.begin_with", { name })}
              title={t("list.begin_with", { name })}
              onClick={() => (firstFilter.value = firstFilter.peek() === name ? "" : name)}
            >
              <Icon name="first" />
            </button>
            <button type="button" class="button" aria-label={t("list.delete_saved", { name })} title={t("list.delete_saved", { name })} onClick={() => deleteFilter(name)}>
              <Icon name="remove" />
            </button>
          </li>
        ))}
      </ul>
      <form class="save-line" onSubmit={onSubmit}>
        <label class="grow">
          <span>{t("list.save_as")}</span>
          <input class="field" name="name" maxLength={60} autocomplete="off" disabled={isEverything(filter.value)} required />
        </label>
        <button type="submit" class="button primary" disabled={isEverything(filter.value)}>
          {t("list.save")}
        </button>
      </form>
      {isEverything(filter.value) && <p class="soft">{t("list.nothing_to_save")}</p>}
    </Sheet>
  );
}

function apply(parameters: string): void {
  filter.value = filterFrom(new URLSearchParams(parameters));
  close();
}

function ColumnSheet(): JSX.Element {
  const chosen = chosenColumns.value.length > 0 ? chosenColumns.value : USUAL_COLUMNS.map((name): ChosenColumn => ({ name, width: "usual" }));
  const others = ALL_COLUMNS.filter((name) => !chosen.some((each) => each.name === name));
  const move = (index: number, step: number): void => {
    const next = [...chosen];
    next.splice(index + step, 0, ...next.splice(index, 1));
    chosenColumns.value = next;
  };
  const change = (index: number, width: Width): void => {
    chosenColumns.value = chosen.map((each, at) => (at === index ? { ...each, width } : each));
  };
  return (
    <Sheet title={t("list.columns")} close={close} class="small-sheet">
      <ul class="plain-list">
        {chosen.filter(({ name }) => name in COLUMNS).map(({ name, width }, index) => (
          <li key={name}>
            <label class="check-line grow">
              <input type="checkbox" checked disabled={chosen.length === 1} onChange={() => (chosenColumns.value = chosen.filter((each) => each.name !== name))} />
              {titleOf(name)}
            </label>
            <select class="field" aria-label={t("list.width_of", { name: titleOf(name) })} value={width} onChange={(event) => change(index, event.currentTarget.value as Width)}>
              {WIDTHS.map((each) => (
                <option key={each} value={each}>
                  {t(`width.${each}` as Key)}
                </option>
              ))}
            </select>
            <button type="button" class="button" disabled={index === 0} aria-label={t("list.column_up", { name: titleOf(name) })} onClick={() => move(index, -1)}>
              <Icon name="up" />
            </button>
            <button type="button" class="button" disabled={index === chosen.length - 1} aria-label={t("list.column_down", { name: titleOf(name) })} onClick={() => move(index, 1)}>
              <Icon name="down" />
            </button>
          </li>
        ))}
        {others.map((name) => (
          <li key={name}>
            <label class="check-line grow">
              <input type="checkbox" checked={false} onChange={() => (chosenColumns.value = [...chosen, { name, width: "usual" }])} />
              {titleOf(name)}
            </label>
          </li>
        ))}
      </ul>
      <button type="button" class="button framed" disabled={chosenColumns.value.length === 0} onClick={() => (chosenColumns.value = [])}>
        {t("list.columns_reset")}
      </button>
    </Sheet>
  );
}

function titleOf(name: string): string {
  return t(COLUMNS[name as ColumnName].title);
}
