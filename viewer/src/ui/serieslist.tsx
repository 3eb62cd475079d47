// The series of the opened studies, each with a small picture, its counts and how much of it has arrived.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { ruleName } from "../hang/words";
import { t } from "../i18n";
import { dateText } from "../i18n/format";
import { seriesPath, type PriorStudy, type SeriesSummary, type Study } from "../net/api";
import { activePane, arrived, hangingName, isPrior, openSeries, openStudy, panes, studies, type OpenedStudy } from "../state/reading";
import { openBeside } from "../state/layout";
import { narrow } from "../state/screen";
import { actionsOf } from "./actions";
import { Icon } from "./icons";
import { sentenceOf } from "./notice";
import type { SideProps } from "./parts";
import { ActionButton, keepSpace, press } from "./toolbar";

export function SeriesList({ chosen }: SideProps): JSX.Element {
  return (
    <div class="series-list" onKeyDown={keepSpace}>
      {!narrow.value && <HangingLine />}
      {studies.value.map((opened) => (
        <section key={opened.uid} class={isPrior(opened.uid) ? "prior" : ""} aria-label={opened.study?.study_description || t("read.series")}>
          <StudyHead opened={opened} />
          {opened.study?.series.map((series) => (
            <SeriesButton key={series.series_instance_uid} study={opened.study!} series={series} chosen={chosen} />
          ))}
          {!opened.study && !opened.failed && <SeriesSkeletons />}
        </section>
      ))}
      <Earlier chosen={chosen} />
    </div>
  );
}

/** By which rule the study hangs, the other ones, and how to keep what is on the screen. */
function HangingLine(): JSX.Element {
  const name = ruleName(hangingName.value) || t("hang.by_hand");
  return (
    <div class="hanging-line" role="group" aria-label={t("hang.hanging")}>
      <span title={name}>{name}</span>
      {actionsOf(["previous_hanging", "next_hanging", "like_this"]).map((each) => (
        <ActionButton key={each.name} action={each} bare />
      ))}
    </div>
  );
}

/** Earlier studies of the patient that are not open. */
function Earlier({ chosen }: SideProps): JSX.Element | null {
  const opened = studies.value.map(({ uid }) => uid);
  const rest = (studies.value[0]?.study?.priors ?? []).filter(({ study_instance_uid }) => !opened.includes(study_instance_uid));
  if (rest.length === 0) return null;
  return (
    <section class="earlier" aria-label={t("hang.earlier")}>
      <h2>{t("hang.earlier")}</h2>
      {rest.map((prior) => (
        <EarlierButton key={prior.study_instance_uid} prior={prior} chosen={chosen} />
      ))}
    </section>
  );
}

function EarlierButton({ prior, chosen }: SideProps & { readonly prior: PriorStudy }): JSX.Element {
  const open = (): void => {
    void openBeside(prior.study_instance_uid);
    chosen?.();
  };
  return (
    <button type="button" class="earlier-study numbers" data-prior={prior.study_instance_uid} onClick={(event) => press(event, open)}>
      <b>{dateText(prior.study_date)}</b>
      <span>{[prior.modalities_in_study.join(" "), prior.body_parts.join(" ")].filter(Boolean).join(" · ")}</span>
      <span>{prior.study_description}</span>
    </button>
  );
}

function StudyHead({ opened }: { readonly opened: OpenedStudy }): JSX.Element | null {
  const { study, failed, uid } = opened;
  if (failed) {
    return (
      <div class="series-failed" role="alert">
        <p>{sentenceOf(failed)}</p>
        <button type="button" class="button framed" onClick={() => void openStudy(uid)}>
          {t("retry")}
        </button>
      </div>
    );
  }
  if (!study) return null;
  return (
    <header class="series-study numbers">
      <b>
        {dateText(study.study_date) || "–"} {isPrior(uid) && <i>{t("hang.prior")}</i>}
      </b>
      <span title={study.study_description}>{study.study_description || t("list.no_description")}</span>
    </header>
  );
}

interface SeriesButtonProps {
  readonly study: Study;
  readonly series: SeriesSummary;
  readonly chosen: (() => void) | undefined;
}

function SeriesButton({ study, series, chosen }: SeriesButtonProps): JSX.Element {
  const uid = series.series_instance_uid;
  const ref = { studyUid: study.study_instance_uid, seriesUid: uid };
  const current = activePane.value.series?.seriesUid === uid;
  const shown = panes.value.some((pane) => pane.series?.seriesUid === uid);
  const frames = series.number_of_frames;
  const name = [series.series_number, series.series_description || t("read.unnamed_series")].filter((part) => part !== null).join(". ");
  const open = (): void => {
    openSeries(ref);
    chosen?.();
  };
  return (
    <button type="button" class={`series ${shown ? "shown" : ""}`} draggable aria-current={current} data-series={uid} title={`${name} – ${countText(series)}`} onClick={(event) => press(event, open)}>
      <span class="series-picture">
        {frames > 0 ? <Thumbnail path={`${seriesPath(ref.studyUid, uid)}/thumbnail`} /> : <Icon name="document" />}
        <b class="series-modality">{series.modality}</b>
        <span class="series-count numbers">{frames > 0 ? frames : series.number_of_series_related_instances}</span>
        {frames > 0 && <Progress part={(arrived.value.get(uid) ?? 0) / frames} />}
      </span>
      <span class="series-name">{name}</span>
    </button>
  );
}

/** A small picture; where the server cannot make one, an icon. */
function Thumbnail({ path }: { readonly path: string }): JSX.Element {
  const [failed, setFailed] = useState(false);
  if (failed) return <Icon name="images" />;
  return <img src={path} alt="" loading="lazy" decoding="async" draggable={false} onError={() => setFailed(true)} />;
}

function countText({ number_of_frames: frames, number_of_series_related_instances: instances }: SeriesSummary): string {
  return frames > instances ? t("read.frames", { n: frames }) : t("read.images", { n: instances });
}

/** How much has arrived, 0 to 1. */
function Progress({ part }: { readonly part: number }): JSX.Element {
  const percent = Math.round(part * 100);
  return (
    <span class={`series-progress ${percent >= 100 ? "full" : ""}`} role="progressbar" aria-valuenow={percent} aria-label={t("read.loaded", { n: percent, total: "100 %" })}>
      <i style={{ transform: `scaleX(${part})` }} />
    </span>
  );
}

function SeriesSkeletons(): JSX.Element {
  return (
    <div aria-hidden="true">
      {[0, 1, 2].map((each) => (
        <div key={each} class="series">
          <span class="series-picture skeleton" />
          <span class="series-name">
            <span class="skeleton" />
          </span>
        </div>
      ))}
    </div>
  );
}
