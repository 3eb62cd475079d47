// A bar of a round length in millimetres; where no spacing is known it says so.
import type { JSX } from "preact";
import { scaleBar } from "../geom/scale";
import { measureText, t } from "../i18n";
import type { Viewport } from "../render/viewport";

/** The bar takes at most this part of the pane's width. */
const PART = 0.25;
const MOST_PX = 200;

export function ScaleBar({ viewport }: { readonly viewport: Viewport }): JSX.Element | null {
  const placement = viewport.placement.value;
  if (!placement) return null;
  const { pxPerMm, pixelSize, pane } = placement;
  const bar = pxPerMm === null ? null : scaleBar(pxPerMm, Math.min(MOST_PX, pane.width * PART));
  if (!bar) return <p class="scale none">{t("corner.no_scale")}</p>;
  const atDetector = pixelSize?.at === "detector" ? ` ${t("corner.at_detector")}` : "";
  return (
    <div class="scale" role="img" aria-label={t("corner.scale", { mm: lengthText(bar.lengthMm) }) + atDetector}>
      <i style={{ width: `${bar.lengthPx}px` }} />
      <span class="numbers">
        {lengthText(bar.lengthMm)} mm{atDetector}
      </span>
    </div>
  );
}

function lengthText(mm: number): string {
  return measureText(mm, mm < 1 ? 1 : 0);
}
