// What stands in a pane in place of a picture: reports, key images, documents, videos.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../i18n";
import { nameText } from "../i18n/format";
import { ReportBody } from "../doc/report";
import { documentPath, videoPath, type ObjectRef } from "../net/objects";
import type { OtherObject, SeriesDocument } from "../net/series";
import { chosenMark, contentOf, type Listed, listedAs, objects, read, refOf } from "../state/objects";
import { Icon } from "./icons";
import { Notice } from "./notice";
import { showImage, showMark } from "./objectjumps";
import { Failure, KeyObject, titleOf } from "./objects";
import type { ViewProps } from "./parts";
import { keepSpace } from "./toolbar";

/** A report, with ways to the images that it names. inPane: it stands where they will be shown, so it is read beside them then. */
export function ReportOf({ object, inPane = false }: { readonly object: Listed; readonly inPane?: boolean }): JSX.Element {
  const [missing, setMissing] = useState(false);
  const content = contentOf(refOf(object)).value;
  if (!content) return <p class="objects-hint">{t("objects.loading")}</p>;
  if (!content.ok || content.value.kind !== "sr") return <Failure object={object} />;
  const show = async (shown: () => Promise<boolean>): Promise<void> => {
    const isHere = await shown();
    setMissing(!isHere);
    if (isHere && inPane) read(refOf(object));
  };
  return (
    <>
      <ReportBody
        of={content.value}
        actions={{
          showImage: (reference) => void show(() => showImage(reference)),
          showMark: (mark) => void show(() => showMark(object, mark)),
          chosenMark: chosenMark.value,
          words: {
            onImage: t("objects.on_image"),
            image: (frames) => (frames.length > 0 ? t("objects.image_frame", { n: frames[0]! }) : t("objects.image")),
          },
        }}
      />
      {missing && (
        <p class="objects-hint" role="alert">
          {t("objects.not_here")}
        </p>
      )}
      {content.value.left_out > 0 && <p class="objects-hint">{t("objects.left_out", { n: content.value.left_out })}</p>}
    </>
  );
}

export function ReportView(props: ViewProps): JSX.Element {
  return <Each {...props}>{(object) => <ReportOf object={object} inPane />}</Each>;
}

export function KeyObjectView(props: ViewProps): JSX.Element {
  return <Each {...props}>{(object) => <KeyObject object={object} />}</Each>;
}

/** The objects of a series one below the other. */
function Each({ series, document, children }: ViewProps & { readonly children: (object: Listed) => JSX.Element }): JSX.Element {
  const all = objects.value.filter(({ series_instance_uid }) => series_instance_uid === series.seriesUid);
  return (
    <div class="doc-view" onKeyDown={keepSpace} tabIndex={0}>
      <Whose document={document} />
      {all.length === 0 && <p class="objects-hint">{t("objects.loading")}</p>}
      {all.map((object) => (
        <div key={object.sop_instance_uid}>{children(object)}</div>
      ))}
    </div>
  );
}

function Whose({ document, children }: { readonly document: SeriesDocument; readonly children?: JSX.Element }): JSX.Element {
  const { patient } = document;
  return (
    <header class="doc-head">
      <strong>
        {nameText(patient.patient_name)} <span class="numbers">{patient.patient_id}</span>
      </strong>
      {children}
    </header>
  );
}

export function DocumentView({ series, document }: ViewProps): JSX.Element {
  const [chosen, setChosen] = useState(0);
  const object = document.objects[chosen] ?? document.objects[0]!;
  const ref = refIn(series.studyUid, object);
  const isPdf = listedAs(ref.sop)?.media_type === "application/pdf";
  return (
    <div class="doc-view">
      <Whose document={document}>
        <>
          <Pages of={document.objects} chosen={chosen} choose={setChosen} />
          <a class="button framed" href={documentPath(ref)} {...(isPdf ? { target: "_blank", rel: "noopener" } : { download: "" })} data-action="document-open">
            <Icon name="download" />
            <span class="button-text">{t(isPdf ? "objects.open_document" : "objects.download")}</span>
          </a>
        </>
      </Whose>
      {isPdf && navigator.pdfViewerEnabled ? (
        // The answer has a policy of its own, which makes it a sandbox; the attribute would take the browser's reader away too.
        <iframe key={ref.sop} src={documentPath(ref)} title={titleIn(ref)} />
      ) : (
        <Notice icon="document" title={titleIn(ref)} hint={t(isPdf ? "objects.no_reader" : "objects.for_others")} />
      )}
    </div>
  );
}

/** MPEG-2: no browser plays it. */
const UNPLAYABLE = ["video/mpeg"];

export function VideoView({ series, document }: ViewProps): JSX.Element {
  const video = useRef<HTMLVideoElement>(null);
  const [chosen, setChosen] = useState(0);
  const [failed, setFailed] = useState(false);
  const object = document.objects[chosen] ?? document.objects[0]!;
  const ref = refIn(series.studyUid, object);
  const isUnplayable = failed || UNPLAYABLE.includes(listedAs(ref.sop)?.media_type ?? "");
  useEffect(() => setFailed(false), [ref.sop]);
  return (
    <div class="doc-view" onKeyDown={(event) => event.stopPropagation()}>
      <Whose document={document}>
        <>
          <Pages of={document.objects} chosen={chosen} choose={setChosen} />
          <a class="button framed" href={videoPath(ref)} download={`${ref.sop}.mp4`}>
            <Icon name="download" />
            <span class="button-text">{t("objects.download")}</span>
          </a>
        </>
      </Whose>
      {isUnplayable ? (
        <Notice icon="warning" title={t("objects.unplayable")} hint={t("objects.unplayable_hint")} />
      ) : (
        <video key={ref.sop} ref={video} src={videoPath(ref)} controls playsInline preload="metadata" aria-label={titleIn(ref)} onError={() => setFailed(true)} />
      )}
    </div>
  );
}

function Pages({ of: all, chosen, choose }: { readonly of: readonly OtherObject[]; readonly chosen: number; readonly choose: (index: number) => void }): JSX.Element | null {
  if (all.length < 2) return null;
  return (
    <select aria-label={t("objects.files")} value={chosen} onChange={(event) => choose(Number(event.currentTarget.value))}>
      {all.map(({ sop_instance_uid, instance_number }, index) => (
        <option key={sop_instance_uid} value={index}>
          {instance_number ?? index + 1}
        </option>
      ))}
    </select>
  );
}

function titleIn({ sop }: ObjectRef): string {
  const object = listedAs(sop);
  return object ? titleOf(object) : t("kind.document");
}

function refIn(studyUid: string, { sop_instance_uid: sop }: OtherObject): ObjectRef {
  return { studyUid, sop };
}
