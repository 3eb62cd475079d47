// A button that opens a list of choices beneath it.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon, type IconName } from "./icons";

interface MenuProps {
  readonly name: string;
  readonly icon: IconName;
  /** Shown beside the icon; without it the name is only spoken and shown as a tip. */
  readonly text?: string;
  readonly class?: string;
  readonly side?: "left" | "right";
  readonly disabled?: boolean;
  readonly children: ComponentChildren;
}

/** Closes by Escape, by a press elsewhere and by a choice; the arrows move through it. */
export function Menu({ name, icon, text, side = "right", disabled = false, children, ...rest }: MenuProps): JSX.Element {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);

  useEffect(() => {
    if (!open) return;
    items(root.current)[0]?.focus({ focusVisible: false } as FocusOptions);
    root.current?.querySelector(".menu-panel")?.scrollIntoView({ block: "nearest" });
    const closeOutside = (event: PointerEvent): void => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener("pointerdown", closeOutside, true);
    return () => document.removeEventListener("pointerdown", closeOutside, true);
  }, [open]);

  const close = (): void => {
    setOpen(false);
    root.current?.querySelector("button")?.focus({ focusVisible: false } as FocusOptions);
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    if (!open) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined && event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    if (step === undefined) close();
    else moveFocus(items(root.current), step);
  };

  return (
    <div class={`menu ${rest.class ?? ""}`} ref={root} onKeyDown={onKeyDown}>
      <button
        type="button"
        class="button"
        aria-haspopup="menu"
        aria-expanded={open}
        aria-label={name}
        title={name}
        disabled={disabled}
        onClick={() => setOpen(!open)}
      >
        <Icon name={icon} />
        {text !== undefined && <span class="button-text">{text}</span>}
      </button>
      {open && (
        <div class={`menu-panel ${side === "left" ? "from-left" : ""}`} role="menu" aria-label={name} onClick={close}>
          {children}
        </div>
      )}
    </div>
  );
}

interface MenuItemProps {
  readonly text: string;
  readonly run: () => void;
  readonly icon?: IconName;
  /** Shown at the end of the line: a key, a value. */
  readonly aside?: ComponentChildren;
  /** For a choice of several: whether it is the one in force. */
  readonly chosen?: boolean;
}

export function MenuItem({ text, run, icon, aside, chosen }: MenuItemProps): JSX.Element {
  const choice = chosen === undefined ? { role: "menuitem" as const } : { role: "menuitemradio" as const, "aria-checked": chosen };
  return (
    <button type="button" class="menu-item" {...choice} onClick={run}>
      {icon && <Icon name={icon} />}
      <span>{text}</span>
      {aside !== undefined && <span class="aside numbers">{aside}</span>}
    </button>
  );
}

function items(root: HTMLElement | null): HTMLElement[] {
  return [...(root?.querySelectorAll<HTMLElement>(".menu-item") ?? [])];
}

function moveFocus(all: readonly HTMLElement[], step: number): void {
  const at = all.indexOf(document.activeElement as HTMLElement);
  all[(at + step + all.length) % all.length]?.focus();
}
