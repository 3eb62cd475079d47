// Whether what is on screen is the whole truth: as it was received, without loss, lossy, or not all here yet.
import type { ComponentChildren, JSX } from "preact";
import { batch } from "@preact/signals-core";
import { measureText, t } from "../i18n";
import { lossOf, type FrameAttributes } from "../net/series";
import type { Viewport } from "../render/viewport";
import { activePaneId, type Pane } from "../state/reading";
import { sheet } from "../state/sheets";

interface BadgesProps {
  readonly pane: Pane;
  readonly viewport: Viewport;
  readonly children: ComponentChildren;
}

/** Always in sight. A press tells what it means. */
export function Badges({ pane, viewport, children }: BadgesProps): JSX.Element {
  const frame = viewport.attributes.value;
  const awaited = viewport.frame.value !== viewport.shown.value;
  const low = viewport.isLow.value;
  const explain = (): void =>
    batch(() => {
      activePaneId.value = pane.id;
      sheet.value = "quality";
    });
  return (
    <button type="button" class="badges" title={t("badge.explain")} onClick={explain}>
      {children}
      {awaited && <span class="badge awaited">{t("badge.loading")}</span>}
      {low && <span class="badge awaited">{t("badge.low")}</span>}
      {pane.kind !== "stack" && <span class="badge">{t("badge.computed")}</span>}
      {frame && <Loss frame={frame} quiet={low || pane.kind !== "stack"} />}
    </button>
  );
}

/** quiet: it is not said that all is there, as of a low resolution, or of a plane that no machine took. */
function Loss({ frame, quiet }: { readonly frame: FrameAttributes; readonly quiet: boolean }): JSX.Element | null {
  const loss = lossOf(frame);
  if (loss === "lossy") return <span class="badge lossy">{lossyText(frame.lossy_ratio)}</span>;
  if (loss === "maybe_lossy") return <span class="badge lossy">{t("badge.maybe_lossy")}</span>;
  return quiet ? null : <span class="badge">{t(loss === "original" ? "badge.original" : "badge.lossless")}</span>;
}

function lossyText(ratio: number | null): string {
  return ratio === null || ratio <= 1 ? t("badge.lossy") : t("badge.lossy_ratio", { ratio: measureText(Math.round(ratio), 0) });
}
