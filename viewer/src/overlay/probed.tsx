// The value of the pixel under the pointer, in its unit.
import type { JSX } from "preact";
import { apply, inverse } from "../geom/plane";
import type { Result } from "../net/annotation";
import { measureText, t } from "../i18n";
import { valueText } from "../measure/text";
import type { Viewport } from "../render/viewport";
import { probed } from "../state/loupe";

interface ProbedProps {
  readonly viewport: Viewport;
  /** At a point of the picture. */
  readonly resultsAt: (x: number, y: number) => readonly Result[];
}

export function ProbedView({ viewport, resultsAt }: ProbedProps): JSX.Element | null {
  const here = probed.value?.canvas === viewport.canvas ? probed.value : null;
  const placement = viewport.placement.value;
  if (!here || !placement) return null;
  const { x, y } = apply(inverse(placement.toPane), here.at);
  if (x < 0 || y < 0 || x >= placement.image.width || y >= placement.image.height) return null;
  const said = resultsAt(x, y).map(valueText).join(" · ") || (viewport.pixels.value === null ? t("measure.waiting") : "");
  const place = `(${measureText(Math.floor(x), 0)}, ${measureText(Math.floor(y), 0)})`;
  const isRight = here.at.x > placement.pane.width / 2;
  return (
    <p class="probed-value numbers" role="status" style={{ top: `${here.at.y - 44}px`, ...(isRight ? { right: `${placement.pane.width - here.at.x}px` } : { left: `${here.at.x + 12}px` }) }}>
      {place} {said}
    </p>
  );
}
