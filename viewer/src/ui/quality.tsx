// In words: what was done to the picture in the active pane, what contradicts itself in it, and what this screen is good for.
import type { ComponentChildren, JSX } from "preact";
import { useEffect } from "preact/hooks";
import { measureText, t } from "../i18n";
import { lossOf, type FrameAttributes, type SeriesDocument, type SeriesWarning } from "../net/series";
import type { Placement, Viewport } from "../render/viewport";
import { fitnessFor, noteRead } from "../state/fitness";
import { activePane } from "../state/reading";
import { closeSheet } from "../state/sheets";
import { activeViewport } from "../tools/viewports";
import { Icon } from "./icons";
import { Sheet } from "./sheet";
import { syntaxText } from "./syntaxes";

/** Lossy Image Compression Method (0028,2114), PS3.3 C.7.6.1.1.5.1. */
const METHODS: Readonly<Record<string, string>> = {
  ISO_10918_1: "JPEG",
  ISO_14495_1: "JPEG-LS",
  ISO_15444_1: "JPEG 2000",
  ISO_15444_15: "HTJ2K",
  ISO_18181_1: "JPEG XL",
  ISO_13818_2: "MPEG-2",
  ISO_14496_10: "H.264",
  ISO_23008_2: "HEVC",
};

export function QualitySheet(): JSX.Element {
  const viewport = activeViewport.value;
  const document = viewport?.document.value ?? null;
  const uid = document?.series_instance_uid;
  useEffect(() => {
    if (uid) noteRead(uid);
  }, [uid]);
  return (
    <Sheet title={t("quality.title")} close={closeSheet}>
      <div class="quality">
        {viewport && document && (
          <>
            <h3>{t("quality.picture")}</h3>
            <Arrival viewport={viewport} document={document} />
            {viewport.attributes.value && <History frame={viewport.attributes.value} />}
            {viewport.placement.value && <Scale placement={viewport.placement.value} />}
            {document.warnings.length > 0 && <h3>{t("quality.warnings")}</h3>}
            {document.warnings.map((warning) => (
              <Warns key={warning.code}>{warningText(warning)}</Warns>
            ))}
            <h3>{t("quality.screen")}</h3>
            <ThisScreen modality={document.modality} />
          </>
        )}
      </div>
    </Sheet>
  );
}

function Arrival({ viewport, document }: { readonly viewport: Viewport; readonly document: SeriesDocument }): JSX.Element {
  const [n, total] = [viewport.loaded.value, document.number_of_frames];
  return (
    <>
      {viewport.isLow.value && <Warns>{t("quality.low")}</Warns>}
      {n < total && <p>{t("quality.arriving", { n, total })}</p>}
    </>
  );
}

/** What the pixels went through, and whether that cost something. */
function History({ frame }: { readonly frame: FrameAttributes }): JSX.Element {
  const syntax = syntaxText(frame.stored_transfer_syntax_uid);
  if (activePane.value.kind !== "stack") return <p>{t("quality.computed")}</p>;
  switch (lossOf(frame)) {
    case "lossy":
      return <Warns>{t("quality.lossy", { ratio: ratioText(frame), method: methodText(frame) || syntax })}</Warns>;
    case "maybe_lossy":
      return <Warns>{t("quality.maybe_lossy", { syntax })}</Warns>;
    case "lossless":
      return <p>{t("quality.lossless", { syntax })}</p>;
    case "original":
      return <p>{t("quality.original", { syntax })}</p>;
  }
}

function ratioText({ lossy_ratio: ratio }: FrameAttributes): string {
  return ratio === null ? t("quality.ratio_unknown") : `${measureText(ratio, Number.isInteger(ratio) ? 0 : 1)}:1`;
}

function methodText({ lossy_method }: FrameAttributes): string {
  return lossy_method.split("\\").filter(Boolean).map((method) => METHODS[method] ?? method).join(" + ");
}

/** Where several pixels of the picture share one of the screen, small things are not seen. */
function Scale({ placement: { toPane } }: { readonly placement: Placement }): JSX.Element | null {
  const shown = Math.hypot(toPane.a, toPane.b) * devicePixelRatio;
  return shown < 0.995 ? <p>{t("quality.reduced", { percent: measureText(shown * 100, 0) })}</p> : null;
}

function ThisScreen({ modality }: { readonly modality: string }): JSX.Element {
  const { fits, inHand, has, needed } = fitnessFor(modality);
  const facts = { has: measureText(has, 1), needed: measureText(needed, 1), modality };
  if (fits) return <p>{t("quality.screen_enough", facts)}</p>;
  return <Warns>{t(inHand ? "quality.screen_in_hand" : "quality.screen_small", facts)}</Warns>;
}

function Warns({ children }: { readonly children: ComponentChildren }): JSX.Element {
  return (
    <p class="warns">
      <Icon name="warning" />
      <span>{children}</span>
    </p>
  );
}

const MOST_DECIMALS = 3;

export function warningText({ code, facts }: SeriesWarning): string {
  return t(`warning.${code}`, Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, factText(name, value)])));
}

/** A count stays a number, so that the language chooses its plural. */
function factText(name: string, value: number | string): number | string {
  if (typeof value === "string" || name === "n") return value;
  const decimals = [0, 1, 2].find((digits) => Number(value.toFixed(digits)) === value) ?? MOST_DECIMALS;
  return measureText(value, decimals);
}
