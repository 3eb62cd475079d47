// Values of attributes as a person reads them: names, dates, times, ages. Pure but for the language in use.
import { language, measureText, t, type Key, type Language } from "./index";

/** Before this age a child's age is told in months. */
const MONTHS_UNTIL_YEARS = 6;

/** The words of one component group of a PN value, family name first, as the HIS writes them (PS3.5 6.2). */
function words(group: string): string {
  return group.split("^").map((part) => part.trim()).filter(Boolean).join(" ");
}

/** A person's name on one line: `NGUYỄN^THỊ ÁNH ĐÀO` is NGUYỄN THỊ ÁNH ĐÀO. Ideographs follow the alphabetic name. */
export function nameText(value: string): string {
  const [alphabetic = "", ideographic = ""] = value.split("=").map(words);
  if (alphabetic && ideographic) return `${alphabetic} (${ideographic})`;
  return alphabetic || ideographic;
}

interface PartialDate {
  readonly year: string;
  /** "" where it is not known. */
  readonly month: string;
  readonly day: string;
}

/** A DA value, also the old form with dots, and dates of which only the year or month is known: `1985`, `19850000`. */
function partsOf(value: string): PartialDate | null {
  const [, year, month = "", day = ""] = /^(\d{4})\.?(\d{2})?\.?(\d{2})?$/.exec(value.trim()) ?? [];
  if (!year || year === "0000") return null;
  const knownMonth = month === "00" ? "" : month;
  return { year, month: knownMonth, day: knownMonth && day !== "00" ? day : "" };
}

const DATE_ORDER: Readonly<Record<Language, (date: PartialDate) => readonly string[]>> = {
  vi: ({ year, month, day }) => [day, month, year],
  fr: ({ year, month, day }) => [day, month, year],
  en: ({ year, month, day }) => [year, month, day],
};

/** A DA value: dd/mm/yyyy in vi and fr, yyyy-mm-dd in en; what is not known is left out; what is no date stays as it is. */
export function dateText(value: string): string {
  const date = partsOf(value);
  if (!date) return value.trim();
  return DATE_ORDER[language.value](date).filter(Boolean).join(language.value === "en" ? "-" : "/");
}

/** A TM value as hours and minutes. */
export function timeText(value: string): string {
  const [, hours, minutes] = /^(\d{2}):?(\d{2})/.exec(value.trim()) ?? [];
  return hours && minutes ? `${hours}:${minutes}` : "";
}

/** Age on the day of the study: years, under six years months, under one month days; "" where it cannot be told. */
export function ageText(birthDate: string, onDate: string): string {
  const born = partsOf(birthDate);
  const then = partsOf(onDate);
  if (!born || !then) return "";
  if (!born.month || !then.month) return counted("age.years", Number(then.year) - Number(born.year));
  const early = born.day !== "" && then.day !== "" && then.day < born.day ? 1 : 0;
  const months = (Number(then.year) - Number(born.year)) * 12 + Number(then.month) - Number(born.month) - early;
  if (months >= MONTHS_UNTIL_YEARS * 12) return counted("age.years", Math.floor(months / 12));
  if (months >= 1 || !born.day || !then.day) return counted("age.months", months);
  return counted("age.days", (timeOf(then) - timeOf(born)) / 86_400_000);
}

function counted(key: "age.years" | "age.months" | "age.days", n: number): string {
  return n < 0 ? "" : t(key, { n });
}

function timeOf({ year, month, day }: PartialDate): number {
  return Date.UTC(Number(year), Number(month) - 1, Number(day));
}

const SEXES: ReadonlySet<string> = new Set(["M", "F", "O"]);

/** Patient's Sex (0010,0040). */
export function sexText(value: string): string {
  return SEXES.has(value) ? t(`sex.${value}` as Key) : value;
}

/** Millimetres, to a tenth, without a needless zero. */
export function mmText(mm: number): string {
  const tenths = Math.round(mm * 10) / 10;
  return measureText(tenths, Number.isInteger(tenths) ? 0 : 1);
}

/** A window's centre or width: whole numbers, but for small ones (PET in SUV, maps from 0 to 1). */
export function windowText(value: number): string {
  return measureText(value, Math.abs(value) < 10 && !Number.isInteger(value) ? 2 : 0);
}

/** A date of the calendar in this place as DA. */
export function daOf(date: Date): string {
  const two = (n: number): string => String(n).padStart(2, "0");
  return `${date.getFullYear()}${two(date.getMonth() + 1)}${two(date.getDate())}`;
}
