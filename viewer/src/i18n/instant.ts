// Our own times as a person reads them, in this place's time.
import { daOf, dateText } from "./format";
import { language } from "./index";

const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1000],
];

/** An instant (ISO 8601) as date and time to the second; "" where there is none. */
export function instantText(iso: string | null): string {
  if (!iso) return "";
  const at = new Date(iso);
  const time = new Intl.DateTimeFormat(language.value, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  return `${dateText(daOf(at))} ${time.format(at)}`;
}

/** How long ago it was, or how soon it will be: "3 minutes ago", "in 2 hours". */
export function agoText(iso: string | null, nowMs: number): string {
  if (!iso) return "";
  const elapsedMs = new Date(iso).getTime() - nowMs;
  const [unit, unitMs] = UNITS.find(([, ms]) => Math.abs(elapsedMs) >= ms) ?? ["second", 1000];
  return new Intl.RelativeTimeFormat(language.value, { numeric: "auto" }).format(Math.trunc(elapsedMs / unitMs), unit);
}

/** A day of the week, 1: Monday. */
export function weekdayText(day: number): string {
  // 1 January 2024 was a Monday.
  return new Intl.DateTimeFormat(language.value, { weekday: "short", timeZone: "UTC" }).format(Date.UTC(2024, 0, day));
}
