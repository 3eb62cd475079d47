// A button to be pressed twice: what it takes away does not come back by itself.
import type { JSX } from "preact";
import { useState } from "preact/hooks";

interface SureButtonProps {
  readonly text: string;
  /** What it says once it was pressed. */
  readonly sure: string;
  /** What it takes away, where several such buttons are on the page. */
  readonly name?: string;
  readonly working: boolean;
  readonly run: () => void;
}

export function SureButton({ text, sure, name, working, run }: SureButtonProps): JSX.Element {
  const [asked, setAsked] = useState(false);
  const shown = asked ? sure : text;
  return (
    <button
      type="button"
      class="button framed danger"
      aria-label={name && `${shown} ${name}`}
      aria-disabled={working}
      onBlur={() => setAsked(false)}
      onClick={() => (asked ? run() : setAsked(true))}
    >
      {shown}
    </button>
  );
}
