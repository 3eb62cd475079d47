// The star of the picture on screen.
import type { JSX } from "preact";
import { t } from "../i18n";
import { isMine, starsOf } from "../state/keyimages";
import { frameShown } from "../tools/framesshown";
import { activeViewport } from "../tools/viewports";
import { Icon } from "./icons";
import type { LayerProps } from "./parts";
import "./kept.css";

export function StarLayer({ viewport, pane }: LayerProps): JSX.Element | null {
  const frame = pane.kind === "stack" ? frameShown(viewport) : null;
  const stars = frame ? starsOf(frame) : [];
  if (stars.length === 0) return null;
  const authors = stars.map(({ image }) => image.author).join(", ");
  return (
    <p class={`star-mark ${stars.some(isMine) ? "mine" : ""}`} role="note" aria-label={t("kept.starred_by", { authors })} title={t("kept.starred_by", { authors })}>
      <Icon name="star" />
    </p>
  );
}

/** Whether the reader has marked the picture in hand. */
export function isStarred(): boolean {
  const frame = activeViewport.value && frameShown(activeViewport.value);
  return frame !== null && starsOf(frame).some(isMine);
}
