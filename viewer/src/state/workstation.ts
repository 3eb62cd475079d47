// What this workstation is called: given once, kept in its browser, whoever sits at it.
import { effect, signal } from "@preact/signals-core";

const KEPT_UNDER = "filmless.workstation";

/** "": it has no name, and nobody looks after its screen. */
export const workstation = signal(localStorage.getItem(KEPT_UNDER) ?? "");

effect(() => {
  if (workstation.value) localStorage.setItem(KEPT_UNDER, workstation.value);
});
