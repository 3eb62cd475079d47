// The columns of the study list.
import type { JSX } from "preact";
import { numberText, t, type Key } from "../i18n";
import { ageText, dateText, nameText, sexText, timeText } from "../i18n/format";
import type { StudySummary } from "../net/api";
import { chosenColumns, type Width } from "../state/saved";

export type ColumnName = "patient" | "id" | "birth" | "sex" | "date" | "modalities" | "description" | "accession" | "series" | "images" | "referrer";

interface Column {
  readonly title: Key;
  /** Of its cells, for their style. */
  readonly class: string;
  /** px at least, and its share of what is left. */
  readonly width: readonly [number, number];
  readonly Cell: (props: { readonly study: StudySummary }) => JSX.Element | string;
}

export const COLUMNS: Readonly<Record<ColumnName, Column>> = {
  patient: { title: "list.patient", class: "patient", width: [180, 2.2], Cell: ({ study }) => nameText(study.patient_name) || t("list.no_name") },
  id: { title: "list.patient_id", class: "id numbers", width: [110, 1], Cell: ({ study }) => study.patient_id },
  birth: { title: "list.birth", class: "birth numbers", width: [172, 0], Cell: Birth },
  sex: { title: "list.sex", class: "sex", width: [52, 0], Cell: ({ study }) => sexText(study.patient_sex) },
  date: { title: "list.study_date", class: "date numbers", width: [148, 0], Cell: When },
  modalities: { title: "list.modalities", class: "modalities", width: [104, 0], Cell: ({ study }) => modalitiesText(study) },
  description: { title: "list.description", class: "description", width: [140, 2.4], Cell: ({ study }) => study.study_description },
  accession: { title: "list.accession", class: "accession numbers", width: [120, 1], Cell: ({ study }) => study.accession_number },
  series: { title: "list.series", class: "count numbers", width: [60, 0], Cell: ({ study }) => numberText(study.number_of_study_related_series) },
  images: { title: "list.images", class: "count numbers", width: [72, 0], Cell: ({ study }) => numberText(study.number_of_study_related_instances) },
  referrer: { title: "list.referrer", class: "id", width: [140, 1], Cell: ({ study }) => nameText(study.referring_physician_name) },
};

export const ALL_COLUMNS = Object.keys(COLUMNS) as ColumnName[];
/** Those of who has chosen none. */
export const USUAL_COLUMNS = ALL_COLUMNS.filter((name) => name !== "referrer");

const FACTORS: Readonly<Record<Width, number>> = { narrow: 0.6, usual: 1, wide: 1.7 };

export function columnsShown(): readonly ColumnName[] {
  const chosen = chosenColumns.value.map(({ name }) => name).filter((name): name is ColumnName => name in COLUMNS);
  return chosen.length > 0 ? chosen : USUAL_COLUMNS;
}

/** As CSS has it; undefined: as the window has room. */
export function ownTemplate(): string | undefined {
  const tracks = chosenColumns.value.filter(({ name }) => name in COLUMNS).map(({ name, width }) => {
    const [px, share] = COLUMNS[name as ColumnName].width;
    const least = Math.round(px * FACTORS[width]);
    return share === 0 ? `${least}px` : `minmax(${least}px, ${share * FACTORS[width]}fr)`;
  });
  return tracks.length > 0 ? tracks.join(" ") : undefined;
}

function Birth({ study }: { readonly study: StudySummary }): JSX.Element {
  return (
    <>
      {dateText(study.patient_birth_date)} <span class="age">{ageText(study.patient_birth_date, study.study_date)}</span>
    </>
  );
}

function When({ study }: { readonly study: StudySummary }): JSX.Element {
  return (
    <>
      {dateText(study.study_date)} <span class="time">{timeText(study.study_time)}</span>
    </>
  );
}

/** Kinds of object that are no pictures: told last, since nobody looks for them first. */
const NO_PICTURES: ReadonlySet<string> = new Set(["SR", "KO", "PR", "DOC", "REG", "SEG", "RTSTRUCT", "RTPLAN", "RWV", "AU"]);

export function modalitiesText({ modalities_in_study: all }: StudySummary): string {
  return [...all.filter((each) => !NO_PICTURES.has(each)), ...all.filter((each) => NO_PICTURES.has(each))].join(" ");
}
