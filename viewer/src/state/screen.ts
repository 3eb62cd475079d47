// What the page is shown on.
import { signal, type ReadonlySignal } from "@preact/signals-core";

/** As small as a phone: cards, a bottom toolbar, sheets. */
export const narrow = following("(max-width: 760px), (max-height: 480px)");

/** Fingers are the first way to point. */
export const touchFirst = following("(pointer: coarse)");

/** The computer is set to light windows. */
export const systemIsLight = following("(prefers-color-scheme: light)");

function following(query: string): ReadonlySignal<boolean> {
  const media = matchMedia(query);
  const matches = signal(media.matches);
  media.addEventListener("change", () => {
    matches.value = media.matches;
  });
  return matches;
}
