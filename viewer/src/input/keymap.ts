// Keys to actions. A key is written as "a", "shift+n", "ctrl+z", "arrowup", "?", "space".

/** What a key press is called; modifiers first, in the order ctrl, alt, shift. Shift is not told for signs it makes. */
export function keyName(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "altKey" | "shiftKey" | "metaKey">): string {
  const key = event.key === " " ? "space" : event.key.toLowerCase();
  const letterOrName = key.length > 1 || key.toUpperCase() !== key;
  const modifiers = [
    event.ctrlKey || event.metaKey ? "ctrl+" : "",
    event.altKey ? "alt+" : "",
    event.shiftKey && letterOrName ? "shift+" : "",
  ];
  return modifiers.join("") + key;
}

/** Runs the action a key has at that moment, unless a text is being typed or a button is pressed by it. Returns what unbinds it. */
export function bindKeys(target: EventTarget, actions: () => ReadonlyMap<string, () => void>): () => void {
  const listener = (event: Event): void => {
    if (!(event instanceof KeyboardEvent) || event.defaultPrevented || isTyping(event.target)) return;
    const name = keyName(event);
    const run = actions().get(name);
    if (!run || (name === "enter" && event.target instanceof HTMLButtonElement)) return;
    event.preventDefault();
    run();
  };
  target.addEventListener("keydown", listener);
  return () => target.removeEventListener("keydown", listener);
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}
