// A key as it is printed on the keyboard.
import type { JSX } from "preact";

const PRINTED: Readonly<Record<string, string>> = {
  arrowdown: "↓",
  arrowup: "↑",
  arrowleft: "←",
  arrowright: "→",
  enter: "↵",
  pagedown: "PgDn",
  pageup: "PgUp",
  home: "Home",
  end: "End",
  space: "␣",
  shift: "⇧",
  ctrl: "Ctrl",
};

/** "shift+n" as the two keys to press. */
export function KeyCaps({ of }: { readonly of: string }): JSX.Element {
  return (
    <span class="key-caps">
      {partsOf(of).map((part) => (
        <kbd key={part}>{PRINTED[part] ?? part.toUpperCase()}</kbd>
      ))}
    </span>
  );
}

/** "shift+n" in a tip: ⇧N. */
export function keyText(key: string): string {
  return partsOf(key).map((part) => PRINTED[part] ?? part.toUpperCase()).join("");
}

function partsOf(key: string): readonly string[] {
  return key === "+" ? ["+"] : key.split("+").filter(Boolean);
}
