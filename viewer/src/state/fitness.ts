// Whether this screen may be read from, as far as its size tells, and what has been read of a series' warnings.
import { computed, signal } from "@preact/signals-core";
import { nameText } from "../i18n/format";
import { panesInSight, studies } from "./reading";

/** Millions of pixels that a screen for primary reading is expected to have; common figures, see docs/displays.md. */
const MAMMOGRAPHY = 5;
const RADIOGRAPHY = 3;
const OTHER = 1.9;
const NEEDED: Readonly<Record<string, number>> = { MG: MAMMOGRAPHY, CR: RADIOGRAPHY, DX: RADIOGRAPHY, PX: RADIOGRAPHY, RG: RADIOGRAPHY };
/** CSS px: a screen whose shorter side has fewer is in somebody's hand. */
const IN_HAND_PX = 600;

export interface Fitness {
  readonly fits: boolean;
  readonly inHand: boolean;
  /** In millions of pixels. */
  readonly has: number;
  readonly needed: number;
}

/** That a screen is large enough does not make it good: only what is surely not is told here. */
export function fitnessFor(modality: string): Fitness {
  const { width, height } = globalThis.screen;
  const has = (width * height * devicePixelRatio ** 2) / 1e6;
  const needed = NEEDED[modality] ?? OTHER;
  const inHand = Math.min(width, height) < IN_HAND_PX;
  return { fits: !inHand && has >= needed, inHand, has, needed };
}

/** Series whose warnings somebody has looked at since the page was opened. */
const readWarnings = signal<ReadonlySet<string>>(new Set());

export function noteRead(seriesUid: string): void {
  if (!readWarnings.peek().has(seriesUid)) readWarnings.value = new Set(readWarnings.peek()).add(seriesUid);
}

export function isRead(seriesUid: string): boolean {
  return readWarnings.value.has(seriesUid);
}

/** How many patients the pictures in sight are of, as far as their ids and names tell. */
export const patientsInSight = computed(() => {
  const uids = new Set(panesInSight.value.map(({ series }) => series?.studyUid));
  const seen = studies.value.filter(({ uid }) => uids.has(uid)).map(({ study }) => study);
  return new Set(seen.filter((study) => study !== null).map((study) => `${study.patient_id}\n${folded(study.patient_name)}`)).size;
});

/** Without accents, case and the marks between the parts of a name, which the same person is written with and without. */
function folded(name: string): string {
  return nameText(name).normalize("NFD").replace(/\p{M}/gu, "").replace(/đ/gi, "d").toLowerCase();
}
