// Amounts of data and of time, as a person reads them.
import { language } from ".";

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

/** In units of a thousand, as disks are sold: 526 kB, 1.2 GB. */
export function bytesText(bytes: number): string {
  const power = bytes < 1000 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  const maximumFractionDigits = power === 0 || value >= 100 ? 0 : 1;
  return new Intl.NumberFormat(language.value, { style: "unit", unit: UNITS[power]!, unitDisplay: "short", maximumFractionDigits }).format(value);
}

/** To seconds below a minute, to minutes above. */
export function durationText(seconds: number): string {
  const isLong = seconds >= 60;
  const unit = isLong ? "minute" : "second";
  return new Intl.NumberFormat(language.value, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: 0 }).format(
    Math.ceil(isLong ? seconds / 60 : seconds),
  );
}
