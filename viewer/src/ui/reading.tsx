// The reading page: series at the side, pictures in the middle, tools above; on a phone the picture first.
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../i18n";
import { nameText } from "../i18n/format";
import { bindGestures } from "../input/gestures";
import { bindKeys } from "../input/keymap";
import { sideList } from "../state/prefs";
import { activePane, activeStudy, allSeries, grid, indexOf, openStudies, panes, studies, summaryOf } from "../state/reading";
import { askedPlace, askedStudies, go, listAddress, route } from "../state/route";
import { narrow } from "../state/screen";
import { closeSheet, sheet, type SheetName } from "../state/sheets";
import { usePresetOfKey } from "../tools/presets";
import { AccountMenu, LanguageMenu } from "./account";
import { ActionButton, DeskToolbar, keepSpace, PhoneToolbar } from "./toolbar";
import { actions, actionsOf } from "./actions";
import { Icon } from "./icons";
import { FailureNotice, Notice } from "./notice";
import { PaneView } from "./pane";
import { parts, type SideProps } from "./parts";
import { Sheet } from "./sheet";
import "./reading.css";

/** Those of every reading page; the others are places of parts. */
const SHEETS: Partial<Readonly<Record<SheetName, () => JSX.Element>>> = {
  series: SeriesSheet,
};

const PRESET_KEYS = [..."1234567890"];

export function Reading(): JSX.Element {
  useEffect(() => openStudies(askedStudies(route.peek())), []);
  useEffect(bindAskedPlace, []);
  useEffect(() => bindKeys(window, keys), []);
  useEffect(() => closeSheet, []);
  useEffect(() => {
    document.title = `${patientName() || t("read.pane")} – Filmless`;
  });

  const Over = sheet.value && SHEETS[sheet.value];
  return (
    <div class={`reading ${narrow.value ? "phone" : "desk"}`}>
      {narrow.value ? <PhoneTop /> : <DeskTop />}
      <div class="reading-main">
        {!narrow.value && sideList.value && (
          <aside class="side" aria-label={t("read.series")}>
            <Side />
          </aside>
        )}
        <main class={`panes ${panes.value.length > 1 ? "many" : ""}`} style={gridStyle()}>
          {panes.value.map((pane) => (
            <PaneView key={`${pane.id} ${pane.kind}`} pane={pane} />
          ))}
          <NothingToRead />
        </main>
      </div>
      {narrow.value && <PhoneBottom />}
      {Over && <Over />}
      {parts.value.flatMap(({ places }) => places ?? []).map((Place, index) => (
        <Place key={index} />
      ))}
    </div>
  );
}

function gridStyle(): string {
  const { rows, columns } = grid.value;
  return `grid-template: repeat(${rows}, minmax(0, 1fr)) / repeat(${columns}, minmax(0, 1fr))`;
}

/** The series of the opened studies, once the part that lists them has come. */
function Side({ chosen }: SideProps): JSX.Element | null {
  const List = parts.value.find(({ side }) => side)?.side;
  return List ? <List chosen={chosen} /> : null;
}

function keys(): ReadonlyMap<string, () => void> {
  const presets = PRESET_KEYS.map((key) => [key, () => usePresetOfKey(key)] as const);
  return new Map([...actions.value.map(({ key, run }) => [key, run] as const), ...presets]);
}

function patientName(): string {
  return nameText(activeStudy.value?.patient_name ?? "");
}

/** Where the address says, if it says; what finds it is fetched only then. */
function bindAskedPlace(): (() => void) | undefined {
  const place = askedPlace(route.peek());
  if (!place) return;
  let ended = false;
  let end = (): void => {
    ended = true;
  };
  void import("./askedplace").then(({ bindPlace }) => {
    if (!ended) end = bindPlace(place);
  });
  return () => end();
}

/** Whose pictures these are, always in sight. */
function PatientLine(): JSX.Element {
  return (
    <h1 class="reading-patient">
      <b>{patientName()}</b>
      <span class="numbers">{activeStudy.value?.patient_id}</span>
    </h1>
  );
}

function DeskTop(): JSX.Element {
  return (
    <header class="reading-top" onKeyDown={keepSpace}>
      <div class="reading-left">
        <BackButton />
        {actionsOf(["side_list"]).map((each) => (
          <ActionButton key={each.name} action={each} />
        ))}
        <PatientLine />
      </div>
      <DeskToolbar />
      <div class="reading-menus">
        <LanguageMenu />
        <AccountMenu />
      </div>
    </header>
  );
}

function PhoneTop(): JSX.Element {
  return (
    <header class="reading-top">
      <BackButton />
      <PatientLine />
      <LanguageMenu />
    </header>
  );
}

function BackButton(): JSX.Element {
  return (
    <button type="button" class="button" title={t("read.list")} aria-label={t("list.title")} data-action="back" onClick={() => go(listAddress.peek())}>
      <Icon name="back" />
      <span class="button-text">{t("list.title")}</span>
    </button>
  );
}

const PULL_PX = 24;

function PhoneBottom(): JSX.Element {
  const strip = useRef<HTMLButtonElement>(null);
  const all = allSeries.value;
  const { series } = activePane.value;
  const summary = summaryOf(series);

  useEffect(
    () =>
      bindGestures(strip.current!, {
        tap: openSeriesSheet,
        dragEnd: ({ at, from }) => {
          if (from.y - at.y > PULL_PX) openSeriesSheet();
        },
      }),
    [],
  );
  // The keyboard's click; a finger's comes after its own gesture.
  const onClick = (event: MouseEvent): void => {
    if (event.detail === 0) openSeriesSheet();
  };

  return (
    <footer class="phone-bottom">
      <button type="button" ref={strip} class="series-strip numbers" aria-haspopup="dialog" onClick={onClick}>
        <b>{all.length > 0 && t("read.series_of", { n: indexOf(all, series) + 1, total: all.length })}</b>
        <span>{summary?.series_description}</span>
        <Icon name="up" />
      </button>
      <PhoneToolbar />
    </footer>
  );
}

function openSeriesSheet(): void {
  sheet.value = "series";
}

function SeriesSheet(): JSX.Element {
  return (
    <Sheet title={t("read.series")} close={closeSheet} class="series-sheet">
      <Side chosen={closeSheet} />
    </Sheet>
  );
}

/** In the place of a picture when there is no series to open at all. */
function NothingToRead(): JSX.Element | null {
  const all = studies.value;
  if (activePane.value.series) return null;
  if (all.length === 0) {
    // Before the effect that opens them has run, those that were asked for are not there yet.
    return askedStudies(route.value).length > 0 ? null : <Notice icon="images" title={t("read.nothing_asked")} />;
  }
  if (all.some(({ study, failed }) => !study && !failed)) return null;
  const failed = all.find((each) => each.failed)?.failed;
  if (failed) return <FailureNotice failed={failed} retry={() => openStudies(all.map(({ uid }) => uid))} />;
  return <Notice icon="images" title={t("read.no_series")} />;
}
