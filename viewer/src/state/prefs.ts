// What a reader likes, kept in this browser.
import { effect, signal, type Signal } from "@preact/signals-core";

function kept(name: string, otherwise: boolean): Signal<boolean> {
  const key = `filmless.${name}`;
  const preference = signal(localStorage.getItem(key) === null ? otherwise : localStorage.getItem(key) === "yes");
  effect(() => localStorage.setItem(key, preference.value ? "yes" : "no"));
  return preference;
}

/** The column of series beside the pictures. */
export const sideList = kept("side-list", true);

/** Texts in the corners of a picture. */
export const cornerTexts = kept("corner-texts", true);
