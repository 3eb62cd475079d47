// The sheets that come after the first picture: asked for before, they open when they are here.
import type { JSX } from "preact";
import { sheet, type SheetName } from "../state/sheets";
import { QualitySheet } from "./quality";
import { PresetSheet, TouchSheet } from "./touchsheets";

const SHEETS: Readonly<Partial<Record<SheetName, () => JSX.Element>>> = { presets: PresetSheet, more: TouchSheet, quality: QualitySheet };

export function MoreSheets(): JSX.Element | null {
  const Over = sheet.value && SHEETS[sheet.value];
  return Over ? <Over /> : null;
}
