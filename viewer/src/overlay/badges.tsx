// Whether what is on screen is the whole truth: lossless, lossy, or not all here yet.
import type { JSX } from "preact";
import { measureText, t } from "../i18n";
import type { FrameAttributes } from "../net/series";
import type { Viewport } from "../render/viewport";

export function Badges({ viewport, frame }: { readonly viewport: Viewport; readonly frame: FrameAttributes }): JSX.Element {
  const awaited = viewport.frame.value !== viewport.shown.value;
  return (
    <p class="badges" role="status">
      {awaited && <span class="badge awaited">{t("badge.loading")}</span>}
      {viewport.isLow.value && (
        <span class="badge awaited" title={t("badge.low_hint")}>
          {t("badge.low")}
        </span>
      )}
      {frame.lossy && (
        <span class="badge lossy" title={t("badge.lossy_hint")}>
          {lossyText(frame.lossy_ratio)}
        </span>
      )}
      {!frame.lossy && !viewport.isLow.value && (
        <span class="badge" title={t("badge.lossless_hint")}>
          {t("badge.lossless")}
        </span>
      )}
    </p>
  );
}

function lossyText(ratio: number | null): string {
  return ratio === null || ratio <= 1 ? t("badge.lossy") : t("badge.lossy_ratio", { ratio: measureText(Math.round(ratio), 0) });
}
