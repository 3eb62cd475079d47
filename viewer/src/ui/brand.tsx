// Our mark: a sheet of film that has become a pane of light.
import type { JSX } from "preact";

export function Brand(): JSX.Element {
  return (
    <span class="brand">
      <svg viewBox="0 0 24 24" fill="none" aria-hidden="true">
        <rect x="3.5" y="3.5" width="17" height="17" rx="4" stroke="var(--strong-line)" stroke-width="1.5" />
        <path d="M12 7a5 5 0 0 1 0 10z" fill="var(--accent)" />
        <circle cx="12" cy="12" r="5" stroke="var(--accent)" stroke-width="1.5" />
      </svg>
      Filmless
    </span>
  );
}
