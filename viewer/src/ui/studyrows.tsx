// The rows of the study list: only those in sight are in the document. A table on a desk, cards on a phone.
import { useComputed, useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { numberText, t, type Key } from "../i18n";
import { ageText, dateText, nameText, sexText, timeText } from "../i18n/format";
import type { StudySummary } from "../net/api";
import { go, viewerAddress } from "../state/route";
import { chosenStudies, toggleChosen } from "../state/saved";
import { narrow } from "../state/screen";
import { found, listTop, need, searching, selected } from "../state/studies";
import { COLUMNS, columnsShown, modalitiesText, ownTemplate } from "./columns";
import { Icon } from "./icons";
import { StudyMenu } from "./studymenu";
import { endOfSight, firstInSight, scrolledTo, topOf, totalPx, type Rows } from "./virtual";

const ROW_PX = 40;
const CARD_PX = 104;
const CARD_OPENED_PX = 148;
const SKELETONS = 14;

export function StudyRows(): JSX.Element {
  const scroller = useRef<HTMLDivElement>(null);
  const viewPx = useSignal(800);
  const opened = useSignal(-1);
  const layout = useComputed<Rows>(() => ({
    count: found.value?.total ?? SKELETONS,
    heightPx: narrow.value ? CARD_PX : ROW_PX,
    opened: narrow.value ? opened.value : -1,
    openedPx: CARD_OPENED_PX,
  }));
  // Of scrolling, only a change of these two draws anew.
  const first = useComputed(() => firstInSight(layout.value, listTop.value)).value;
  const end = useComputed(() => endOfSight(layout.value, listTop.value, viewPx.value)).value;
  const listing = found.value;
  const isNarrow = narrow.value;
  const rows = layout.value;

  useLayoutEffect(() => {
    const element = scroller.current!;
    const measure = (): void => {
      viewPx.value = element.clientHeight;
    };
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    element.scrollTop = listTop.peek();
    return () => observer.disconnect();
  }, []);

  useEffect(() => need(first, end), [first, end, listing]);

  // A new search begins at its top.
  useLayoutEffect(() => {
    if (scroller.current!.scrollTop !== listTop.peek()) scroller.current!.scrollTop = listTop.peek();
  }, [listing?.total]);

  const chosen = selected.value;
  useLayoutEffect(() => {
    const head = isNarrow ? 0 : ROW_PX;
    const { scrollTop } = scroller.current!;
    const wanted = scrolledTo(rows, chosen, scrollTop, viewPx.peek() - head);
    if (wanted !== scrollTop) scroller.current!.scrollTop = wanted;
  }, [chosen]);

  const template = isNarrow ? undefined : ownTemplate();
  const indices = Array.from({ length: end - first }, (_, offset) => first + offset);
  return (
    <div
      ref={scroller}
      id="studies"
      class={`rows ${searching.value && listing ? "stale" : ""} ${template ? "own" : ""}`}
      style={template ? { "--own-columns": template } : undefined}
      role="grid"
      aria-label={t("list.title")}
      aria-rowcount={rows.count + 1}
      onScroll={(event) => (listTop.value = event.currentTarget.scrollTop)}
    >
      <div class="row head" role="row" aria-rowindex={1}>
        {columnsShown().map((name) => (
          <span key={name} class={`cell ${COLUMNS[name].class}`} role="columnheader">
            {t(COLUMNS[name].title)}
          </span>
        ))}
      </div>
      <div class="rows-space" role="rowgroup" style={{ height: `${totalPx(rows)}px` }}>
        {indices.map((index) => (
          <Row
            key={index}
            index={index}
            topPx={topOf(rows, index)}
            study={listing?.rows.get(index)}
            opened={index === rows.opened}
            toggle={() => (opened.value = opened.peek() === index ? -1 : index)}
          />
        ))}
      </div>
    </div>
  );
}

interface RowProps {
  readonly index: number;
  readonly topPx: number;
  /** Not here yet: the row's place is kept. */
  readonly study: StudySummary | undefined;
  readonly opened: boolean;
  readonly toggle: () => void;
}

function Row({ index, topPx, study, opened, toggle }: RowProps): JSX.Element {
  const address = study ? viewerAddress([study.study_instance_uid]) : undefined;
  const chosen = index === selected.value;
  const attributes = {
    class: `row ${index % 2 ? "odd" : ""} ${opened ? "opened" : ""}`,
    role: "row" as const,
    id: `study-${index}`,
    "aria-rowindex": index + 2,
    "aria-selected": chosen,
    style: { transform: `translateY(${topPx}px)` },
  };
  if (!study || !address) return <div {...attributes}>{narrow.value ? <CardSkeleton /> : <RowSkeleton />}</div>;
  const open = (event: MouseEvent): void => {
    // With a modifier the browser opens the address its own way: a new tab, a new window.
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    selected.value = index;
    go(address);
  };
  /** A link that is as large as the row. */
  const way = (text: ComponentChildren): JSX.Element => (
    <a class="row-open" href={address} tabIndex={-1} onClick={open}>
      {text}
    </a>
  );
  return (
    <div {...attributes}>
      <div class="row-link">{narrow.value ? <Card study={study} open={way} /> : <Cells study={study} open={way} />}</div>
      <span class="row-more" role="gridcell">
        {narrow.value && (
          <button type="button" class="button card-toggle" aria-expanded={opened} aria-label={t("list.details")} onClick={toggle}>
            <Icon name={opened ? "up" : "down"} />
          </button>
        )}
        {opened && <CardDetails study={study} />}
        {!narrow.value && <Mark study={study} />}
        {(!narrow.value || opened) && <StudyMenu study={study} />}
      </span>
    </div>
  );
}

/** Chooses a study to be opened together with others. */
function Mark({ study }: { readonly study: StudySummary }): JSX.Element {
  const uid = study.study_instance_uid;
  return (
    <input
      type="checkbox"
      class="row-mark"
      tabIndex={-1}
      aria-label={t("list.choose", { name: nameText(study.patient_name) || t("list.no_name") })}
      checked={chosenStudies.value.includes(uid)}
      onChange={() => toggleChosen(uid)}
    />
  );
}

interface InRow {
  readonly study: StudySummary;
  /** Makes a link of the row's first text. */
  readonly open: (text: ComponentChildren) => JSX.Element;
}

function Cells({ study, open }: InRow): JSX.Element {
  return (
    <>
      {columnsShown().map((name, index) => {
        const { Cell, ...column } = COLUMNS[name];
        return (
          <span key={name} class={`cell ${column.class}`} role="gridcell">
            {index === 0 ? open(<Cell study={study} />) : <Cell study={study} />}
          </span>
        );
      })}
    </>
  );
}

function Card({ study, open }: InRow): JSX.Element {
  const facts = [ageText(study.patient_birth_date, study.study_date), sexText(study.patient_sex), study.patient_id];
  return (
    <span class="card" role="gridcell">
      <span class="card-name">{open(nameText(study.patient_name) || t("list.no_name"))}</span>
      <span class="card-facts numbers">{facts.filter(Boolean).join(" · ")}</span>
      <span class="card-description">
        <b>{modalitiesText(study)}</b> {study.study_description || t("list.no_description")}
      </span>
      <span class="card-date numbers">
        {[dateText(study.study_date), timeText(study.study_time)].filter(Boolean).join(" ")}
      </span>
    </span>
  );
}

function CardDetails({ study }: { readonly study: StudySummary }): JSX.Element {
  const series = numberText(study.number_of_study_related_series);
  const images = numberText(study.number_of_study_related_instances);
  const lines: readonly (readonly [Key, string])[] = [
    ["list.birth", dateText(study.patient_birth_date)],
    ["list.accession", study.accession_number],
    ["list.referrer", nameText(study.referring_physician_name)],
    ["list.series", series],
    ["list.images", images],
  ];
  return (
    <dl class="card-details numbers">
      {lines.map(([key, value]) => (
        <div key={key}>
          <dt>{t(key)}</dt>
          <dd>{value || "–"}</dd>
        </div>
      ))}
    </dl>
  );
}

function RowSkeleton(): JSX.Element {
  return (
    <div class="row-link" aria-hidden="true">
      {columnsShown().map((name) => (
        <span key={name} class={`cell ${COLUMNS[name].class}`}>
          <span class="skeleton" />
        </span>
      ))}
    </div>
  );
}

function CardSkeleton(): JSX.Element {
  return (
    <div class="row-link" aria-hidden="true">
      <span class="card">
        <span class="skeleton" />
        <span class="skeleton" />
        <span class="skeleton" />
      </span>
    </div>
  );
}
