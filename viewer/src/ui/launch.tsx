// Opened from another system by its own numbers: what they mean is asked; what is not clear is left to the reader.
import type { ComponentType, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { speakAlso, t, type Key } from "../i18n";
import { dateText, nameText, sexText, timeText } from "../i18n/format";
import { fetchJson, type Failed, type StudySummary } from "../net/api";
import { placeAddress, replaceAddress, route, viewerAddress } from "../state/route";
import { LanguageMenu } from "./account";
import { Brand } from "./brand";
import { LIST_TEXTS } from "./listtexts";
import { FailureNotice, Notice } from "./notice";
import { Icon } from "./icons";
import "./launch.css";

type Verdict = "open" | "choose" | "nothing" | "some_missing" | "several_patients" | "another_patient";

interface Meant {
  readonly verdict: Verdict;
  readonly studies: readonly StudySummary[];
  readonly series_instance_uid: string;
  readonly sop_instance_uid: string;
}

/** Those that may be opened together. */
const TOGETHER: ReadonlySet<Verdict> = new Set<Verdict>(["choose", "some_missing"]);
const MOST_TOGETHER = 8;

export async function start(): Promise<ComponentType> {
  await speakAlso(LIST_TEXTS);
  return Launch;
}

function Launch(): JSX.Element {
  const [meant, setMeant] = useState<Meant | null>(null);
  const [failed, setFailed] = useState<Failed | null>(null);
  const { search } = route.value;

  const ask = async (): Promise<void> => {
    setFailed(null);
    const answer = await fetchJson<Meant>(`/api/launch${search}`);
    if (!answer.ok) return setFailed(answer);
    if (answer.value.verdict === "open") replaceAddress(addressOf(answer.value));
    else setMeant(answer.value);
  };
  useEffect(() => void ask(), [search]);
  useEffect(() => {
    document.title = `${t("launch.title")} – Filmless`;
  });

  return (
    <div class="launch">
      <header class="launch-top">
        <Brand />
        <LanguageMenu />
      </header>
      <main class="launch-main" aria-busy={!meant && !failed}>
        {failed?.status === 400 && <Notice icon="warning" title={t("launch.unclear")} hint={failed.reason} />}
        {failed && failed.status !== 400 && <FailureNotice failed={failed} retry={() => void ask()} />}
        {meant?.verdict === "nothing" && <Notice icon="search" title={t("launch.nothing")} hint={t("launch.nothing_hint")} />}
        {meant && meant.verdict !== "nothing" && <Choice meant={meant} />}
      </main>
    </div>
  );
}

function Choice({ meant: { verdict, studies } }: { readonly meant: Meant }): JSX.Element {
  const uids = studies.map((study) => study.study_instance_uid);
  return (
    <>
      <h1 class={verdict === "choose" ? "" : "launch-warning"}>
        {verdict !== "choose" && <Icon name="warning" />}
        {t(`launch.${verdict}` as Key)}
      </h1>
      <ul class="launch-studies">
        {studies.map((study) => (
          <li key={study.study_instance_uid}>
            <a href={viewerAddress([study.study_instance_uid])}>
              <b>{nameText(study.patient_name) || t("list.no_name")}</b>
              <span class="numbers">{[study.patient_id, dateText(study.patient_birth_date), sexText(study.patient_sex)].filter(Boolean).join(" · ")}</span>
              <span>{[study.modalities_in_study.join(" "), study.study_description || t("list.no_description")].filter(Boolean).join(" · ")}</span>
              <span class="numbers">{[dateText(study.study_date), timeText(study.study_time), study.accession_number].filter(Boolean).join(" · ")}</span>
            </a>
          </li>
        ))}
      </ul>
      {TOGETHER.has(verdict) && uids.length > 1 && (
        <a class="button primary" href={viewerAddress(uids.slice(0, MOST_TOGETHER))}>
          {t("launch.together", { n: Math.min(uids.length, MOST_TOGETHER) })}
        </a>
      )}
    </>
  );
}

function addressOf({ studies, series_instance_uid, sop_instance_uid }: Meant): string {
  const frameNumber = Number(route.peek().searchParams.get("frame") ?? 1) || 1;
  return placeAddress(studies.map((study) => study.study_instance_uid), { seriesUid: series_instance_uid, sopInstanceUid: sop_instance_uid, frameNumber });
}
