// The texts in the corners of a picture: whose it is, of what, and how it is shown.
import type { ComponentChildren, JSX } from "preact";
import { t } from "../i18n";
import { ageText, dateText, mmText, nameText, sexText, timeText, windowText } from "../i18n/format";
import { frameAttributes, type FrameAttributes, type SeriesDocument } from "../net/series";
import type { Viewport } from "../render/viewport";

interface CornersProps {
  readonly viewport: Viewport;
  /** On a phone: only what changes from picture to picture. */
  readonly brief: boolean;
  /** The reader wants none of it: what is beneath the pictures' own marks is left out. */
  readonly hidden: boolean;
  /** Marks that stay. */
  readonly children: ComponentChildren;
}

/** Whose picture this is: in every pane, and whatever else is hidden. */
export function Identity({ document: { patient, study_date } }: { readonly document: SeriesDocument }): JSX.Element {
  const born = dateText(patient.patient_birth_date);
  const facts = [born, ageText(patient.patient_birth_date, study_date), sexText(patient.patient_sex)];
  return (
    <div class="corner top-left identity numbers">
      <p>{nameText(patient.patient_name) || t("list.no_name")}</p>
      <p>{patient.patient_id}</p>
      <p>{facts.filter(Boolean).join(" · ")}</p>
    </div>
  );
}

export function Corners({ viewport, brief, hidden, children }: CornersProps): JSX.Element | null {
  const document = viewport.document.value;
  const shown = viewport.shown.value;
  if (!document || shown < 0) return null;
  const frame = frameAttributes(document, shown);
  return (
    <div class={`corners numbers ${brief ? "brief" : ""}`}>
      {!brief && !hidden && <Lines place="top-right" lines={studyLines(document)} />}
      {!hidden && (
        <div class="corner bottom-left">
          <Lines lines={seriesLines(document, frame, brief)} />
          <p data-corner="image">{t(countedAs(document), { n: shown + 1, total: document.number_of_frames })}</p>
        </div>
      )}
      <div class="corner bottom-right">
        {children}
        {!hidden && <p data-corner="zoom">{t("corner.zoom", { percent: Math.round(zoomPercent(viewport)) })}</p>}
        {!hidden && <WindowLine viewport={viewport} />}
      </div>
    </div>
  );
}

/** The pictures of a single multi-frame object are its frames. */
function countedAs({ instances, number_of_frames }: SeriesDocument): "corner.frame" | "corner.image" {
  return instances.length === 1 && number_of_frames > 1 ? "corner.frame" : "corner.image";
}

function Lines({ place, lines }: { readonly place?: string; readonly lines: readonly string[] }): JSX.Element {
  const said = lines.filter(Boolean).map((line, index) => <p key={index}>{line}</p>);
  return place ? <div class={`corner ${place}`}>{said}</div> : <>{said}</>;
}

function WindowLine({ viewport }: { readonly viewport: Viewport }): JSX.Element | null {
  const window = viewport.window.value;
  if (!window) return null;
  const center = windowText(window.center);
  return <p data-corner="window">{t("corner.window", { center, width: windowText(window.width) })}</p>;
}

function studyLines(document: SeriesDocument): readonly string[] {
  const when = [dateText(document.study_date), timeText(document.study_time)].filter(Boolean).join(" ");
  return [document.institution_name, when, document.study_description, document.accession_number];
}

function seriesLines(document: SeriesDocument, frame: FrameAttributes, brief: boolean): readonly string[] {
  const name = [document.series_number, document.series_description || document.protocol_name].filter(isSaid).join(". ");
  const side = [frame.laterality, frame.view_position].filter(Boolean).join(" ");
  return brief ? [side] : [name, side, ...placeLines(frame)];
}

function isSaid(part: string | number | null): boolean {
  return part !== null && part !== "";
}

function placeLines({ slice_location, image_position, slice_thickness }: FrameAttributes): readonly string[] {
  const location = slice_location ?? image_position?.[2] ?? null;
  return [
    location === null ? "" : t("corner.location", { mm: mmText(location) }),
    slice_thickness === null || slice_thickness === 0 ? "" : t("corner.thickness", { mm: mmText(slice_thickness) }),
  ];
}

/** Device pixels for each image pixel, in per cent: 100 % shows every pixel as it is. */
function zoomPercent(viewport: Viewport): number {
  const placement = viewport.placement.value;
  if (!placement) return viewport.zoom.value * 100;
  return Math.hypot(placement.toPane.a, placement.toPane.b) * devicePixelRatio * 100;
}
