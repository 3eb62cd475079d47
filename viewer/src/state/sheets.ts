// Which sheet lies over the page; one at a time.
import { signal } from "@preact/signals-core";

export type SheetName = "help" | "print" | "export" | "presets" | "more" | "series" | "quality" | "windows";

export const sheet = signal<SheetName | null>(null);

export function toggleSheet(name: SheetName): void {
  sheet.value = sheet.peek() === name ? null : name;
}

export function closeSheet(): void {
  sheet.value = null;
}
