// A word or a number that is asked of the reader, one at a time.
import { signal } from "@preact/signals-core";
import type { Key } from "../i18n";

export interface Asked {
  readonly title: Key;
  readonly label: Key;
  readonly value: string;
  readonly kind: "text" | "mm";
  /** With what was typed; of mm, a decimal point. */
  readonly done: (typed: string) => void;
}

export const asked = signal<Asked | null>(null);
