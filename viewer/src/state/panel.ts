// Which panel stands beside the pictures: a column on a desk, a sheet on a phone; one at a time.
import { signal } from "@preact/signals-core";

/** By name; null: none. */
export const openPanel = signal<string | null>(null);

export function togglePanel(name: string): void {
  openPanel.value = openPanel.peek() === name ? null : name;
}
