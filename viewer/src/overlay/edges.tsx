// The letters at the edges of a picture: which side of the patient lies there, as shown.
import type { JSX } from "preact";
import { t } from "../i18n";
import type { Viewport } from "../render/viewport";

const EDGES = ["top", "right", "bottom", "left"] as const;

export function EdgeLetters({ viewport }: { readonly viewport: Viewport }): JSX.Element {
  const edges = viewport.edges.value;
  return (
    <>
      {EDGES.filter((edge) => edges[edge] !== "").map((edge) => (
        <span key={edge} class={`edge ${edge}`} data-edge={edge} role="img" aria-label={t("corner.side", { letters: edges[edge] })}>
          {edges[edge]}
        </span>
      ))}
    </>
  );
}
