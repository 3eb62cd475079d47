// The list of what was measured: each with its numbers, where they come from, and the way to its picture.
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { t, type Key } from "../i18n";
import { dateText } from "../i18n/format";
import { kindText, linesOfText, sourceText } from "../measure/text";
import type { Annotation, KeptAnnotation } from "../net/annotation";
import { annotations, removeAnnotation, selectedId } from "../state/annotations";
import { isPrior, studies, summaryOf, type SeriesRef } from "../state/reading";
import { SUV_KINDS, suvKind } from "../state/suv";
import { viewports } from "../tools/viewports";
import { putOnClipboard } from "./clipboard";
import { Icon } from "./icons";
import { documentShown, frameIndex, jumpTo } from "./jump";
import { SaveLine } from "./savestate";

const copied = signal(false);

export function Measurements(): JSX.Element {
  const all = [...annotations.value.values()];
  useEffect(() => {
    copied.value = false;
  }, [annotations.value]);
  return (
    <>
      <SaveLine />
      {all.length > 0 && (
        <div class="panel-bar">
          <button type="button" class="button framed" data-action="copy-measurements" onClick={() => void copy(all)}>
            {t("measure.copy")}
          </button>
          <span role="status">{copied.value && t("measure.copied")}</span>
        </div>
      )}
      {hasPet() && <SuvChoice />}
      {all.length === 0 && <p class="panel-bar">{t("measure.none")}</p>}
      <ul class="measured-list">
        {all.map((annotation) => (
          <Measured key={annotation.id} annotation={annotation} />
        ))}
      </ul>
    </>
  );
}

function Measured({ annotation }: { readonly annotation: Annotation }): JSX.Element {
  const { id, kind } = annotation;
  const isSelected = selectedId.value === id;
  return (
    <li class={`measured ${isSelected ? "selected" : ""}`} data-measured={kind}>
      <button type="button" class="measured-jump numbers" aria-current={isSelected} onClick={() => jumpTo(annotation)}>
        <p class="kind">{kindText(kind)}</p>
        {linesOfText(annotation).map((line, index) => (
          <p key={index} class="line">
            {line}
          </p>
        ))}
        <p class="where">{whereText(annotation)}</p>
        {sourcesOf(annotation).map((source) => (
          <p key={source} class="source">
            {source}
          </p>
        ))}
      </button>
      <button type="button" class="button" aria-label={`${t("measure.delete")}: ${kindText(kind)}`} title={t("measure.delete")} onClick={() => removeAnnotation(id)}>
        <Icon name="remove" />
      </button>
    </li>
  );
}

function SuvChoice(): JSX.Element {
  return (
    <label class="panel-bar">
      {t("measure.suv")}
      <select class="field" value={suvKind.value} onChange={({ currentTarget }) => (suvKind.value = currentTarget.value as (typeof SUV_KINDS)[number])}>
        {SUV_KINDS.map((kind) => (
          <option key={kind} value={kind}>
            {t(`measure.suv_${kind}` satisfies Key)}
          </option>
        ))}
      </select>
      <SuvLack />
    </label>
  );
}

/** Why there is no uptake value in the pictures on screen. */
function SuvLack(): JSX.Element | null {
  const reasons = [...viewports.value.values()].map(({ attributes }) => attributes.value?.suv?.reason ?? "").filter((reason) => reason !== "");
  const [reason] = reasons;
  return reason ? <span role="note">{t(`measure.no_suv_${reason}` satisfies Key)}</span> : null;
}

function hasPet(): boolean {
  return [...viewports.value.values()].some(({ document }) => document.value?.modality === "PT");
}

function sourcesOf({ results }: Annotation): readonly string[] {
  return [...new Set(results.map(sourceText))].filter(Boolean);
}

function whereText(annotation: Annotation): string {
  const { place } = annotation;
  const summary = summaryOf(refOf(annotation));
  const series = [summary?.series_number, summary?.series_description].filter((part) => part !== null && part !== undefined && part !== "").join(". ");
  const where = place.on === "plane" ? t("measure.on_plane", { series }) : t("measure.where", { series, n: imageNumber(annotation) });
  const study = studies.value.find(({ uid }) => uid === place.study_instance_uid)?.study;
  const prior = isPrior(place.study_instance_uid) ? t("measure.prior", { date: dateText(study?.study_date ?? "") }) : "";
  const { author } = annotation as Partial<KeptAnnotation>;
  return [where, prior, author ? t("measure.by", { author }) : ""].filter(Boolean).join(" · ");
}

/** Within the series. */
function imageNumber({ place }: Annotation): number {
  if (place.on !== "frame") return 0;
  const document = documentShown(place.series_instance_uid);
  const index = document ? frameIndex(document, place) : null;
  return index === null ? place.frame_number : index + 1;
}

async function copy(all: readonly Annotation[]): Promise<void> {
  const text = all.map((each) => [kindText(each.kind), ...linesOfText(each), whereText(each), ...sourcesOf(each)].join("; ")).join("\n");
  copied.value = await putOnClipboard(text);
}

function refOf({ place }: Annotation): SeriesRef {
  return { studyUid: place.study_instance_uid, seriesUid: place.series_instance_uid };
}
