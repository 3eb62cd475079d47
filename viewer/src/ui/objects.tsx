// What others wrote, beside the pictures: states to choose from, areas to show and hide, reports to read, key images.
import type { ComponentChildren, JSX } from "preact";
import { t, type Key } from "../i18n";
import { dateText } from "../i18n/format";
import { keyImagePath, type Segment, type Structure } from "../net/objects";
import type { Viewport } from "../render/viewport";
import {
  askAgain,
  closeReport,
  contentOf,
  drawingsOnly,
  drawn,
  hidden,
  type Listed,
  listAgain,
  listedAs,
  mayLieOn,
  objects,
  opacity,
  openReport,
  partName,
  planesSeen,
  read,
  refOf,
  setParts,
  toggleDrawn,
  togglePart,
  unlisted,
} from "../state/objects";
import { openSeries } from "../state/reading";
import { activeViewport } from "../tools/viewports";
import { Icon } from "./icons";
import { isOfPicture, presentUnder, showImage, showPlaced } from "./objectjumps";
import { ReportOf } from "./objectviews";
import { keepSpace } from "./toolbar";
import "./objects.css";

export function ObjectsPanel(): JSX.Element {
  const report = openReport.value && listedAs(openReport.value.sop);
  return (
    <div class="objects-body" onKeyDown={keepInside}>
      {report ? <ReportPanel object={report} /> : <Everything />}
    </div>
  );
}

/** Keys of the panel's own controls are not the page's. */
function keepInside(event: KeyboardEvent): void {
  if (event.target instanceof HTMLInputElement) event.stopPropagation();
  keepSpace(event);
}

function ReportPanel({ object }: { readonly object: Listed }): JSX.Element {
  return (
    <>
      <button type="button" class="button" onClick={closeReport}>
        <Icon name="back" />
        <span class="button-text">{t("objects.title")}</span>
      </button>
      <ReportOf object={object} />
    </>
  );
}

function Everything(): JSX.Element {
  const viewport = activeViewport.value;
  const all = objects.value;
  return (
    <>
      {unlisted.value > 0 && (
        <p class="objects-failed" role="alert">
          {t("failed")}{" "}
          <button type="button" class="button framed" onClick={listAgain}>
            {t("retry")}
          </button>
        </p>
      )}
      {viewport && <States states={all.filter(({ kind }) => kind === "presentation_state")} viewport={viewport} />}
      {viewport?.attributes.value?.overlays && <Switch text={t("objects.planes")} on={planesSeen.value} turn={() => (planesSeen.value = !planesSeen.peek())} name="planes" />}
      <Areas heading="objects.segmentations" all={all.filter(({ kind }) => kind === "segmentation")} />
      <Areas heading="objects.contours" all={all.filter(({ kind }) => kind === "contours")} />
      <Reports all={all.filter(({ kind }) => kind === "sr")} />
      <KeyObjects all={all.filter(({ kind }) => kind === "key_object")} />
      <Files all={all.filter(({ kind }) => kind === "document" || kind === "video")} />
      {all.length === 0 && unlisted.value === 0 && <p class="objects-none">{t("objects.none")}</p>}
    </>
  );
}

function Section({ heading, children }: { readonly heading: Key; readonly children: ComponentChildren }): JSX.Element {
  return (
    <section class="objects-section" aria-label={t(heading)}>
      <h3>{t(heading)}</h3>
      {children}
    </section>
  );
}

function States({ states, viewport }: { readonly states: readonly Listed[]; readonly viewport: Viewport }): JSX.Element | null {
  const fitting = states.filter((state) => isOfPicture(state, viewport));
  if (states.length === 0) return null;
  const name = viewport.presented.value?.name ?? "";
  const setOnly = (): void => {
    drawingsOnly.value = !drawingsOnly.peek();
    void presentUnder(listedAs(name) ?? null);
  };
  return (
    <Section heading="objects.states">
      <div role="radiogroup" aria-label={t("objects.states")}>
        <Choice text={t("objects.no_state")} chosen={name === ""} run={() => void presentUnder(null)} />
        {fitting.map((state) => (
          <Choice key={state.sop_instance_uid} text={titleOf(state)} hint={madeBy(state)} chosen={name === state.sop_instance_uid} run={() => void presentUnder(state)} />
        ))}
      </div>
      {fitting.length < states.length && <p class="objects-hint">{t("objects.other_states", { n: states.length - fitting.length })}</p>}
      <Switch text={t("objects.drawings_only")} on={drawingsOnly.value} turn={setOnly} name="drawings-only" />
    </Section>
  );
}

function Choice({ text, hint, chosen, run }: { readonly text: string; readonly hint?: string; readonly chosen: boolean; readonly run: () => void }): JSX.Element {
  return (
    <button type="button" class="objects-row" role="radio" aria-checked={chosen} onClick={run}>
      <span class="objects-radio" />
      <span class="objects-name">
        {text}
        {hint && <small>{hint}</small>}
      </span>
    </button>
  );
}

function Switch({ text, on, turn, name }: { readonly text: string; readonly on: boolean; readonly turn: () => void; readonly name: string }): JSX.Element {
  return (
    <label class="objects-row">
      <input type="checkbox" checked={on} data-switch={name} onChange={turn} />
      <span class="objects-name">{text}</span>
    </label>
  );
}

/** Segmentations or structure sets: each can be drawn, and its parts shown and hidden. */
function Areas({ heading, all }: { readonly heading: Key; readonly all: readonly Listed[] }): JSX.Element | null {
  if (all.length === 0) return null;
  const isAnyDrawn = all.some(({ sop_instance_uid }) => drawn.value.has(sop_instance_uid));
  return (
    <Section heading={heading}>
      {all.map((object) => (
        <Area key={object.sop_instance_uid} object={object} />
      ))}
      {isAnyDrawn && (
        <label class="objects-row">
          <span class="objects-name">{t("objects.opacity")}</span>
          <input type="range" min="0.1" max="1" step="0.05" value={opacity.value} onInput={(event) => (opacity.value = Number(event.currentTarget.value))} />
        </label>
      )}
    </Section>
  );
}

function Area({ object }: { readonly object: Listed }): JSX.Element {
  const sop = object.sop_instance_uid;
  const isDrawn = drawn.value.has(sop);
  const document = activeViewport.value?.document.value;
  const space = document ? (document.shared.frame_of_reference_uid ?? document.per_frame.frame_of_reference_uid?.[0] ?? "") : "";
  const fits = document ? mayLieOn(object, document.series_instance_uid, space) : false;
  return (
    <div class="objects-object" data-object={sop}>
      <label class="objects-row">
        <input type="checkbox" checked={isDrawn} onChange={() => toggleDrawn(sop)} />
        <span class="objects-name">
          {titleOf(object)}
          <small>{madeBy(object)}</small>
        </span>
      </label>
      {isDrawn && !fits && <p class="objects-hint">{t("objects.elsewhere")}</p>}
      {isDrawn && <PartsOf object={object} />}
    </div>
  );
}

function PartsOf({ object }: { readonly object: Listed }): JSX.Element {
  const content = contentOf(refOf(object)).value;
  if (!content) return <p class="objects-hint">{t("objects.loading")}</p>;
  if (!content.ok) return <Failure object={object} />;
  const { value } = content;
  const parts: readonly (Segment | Structure)[] = value.kind === "segmentation" ? value.segments : value.kind === "contours" ? value.structures : [];
  const numbers = parts.map(({ number }) => number);
  const isAnySeen = numbers.some((number) => !hidden.value.has(partName(object.sop_instance_uid, number)));
  return (
    <>
      <ul class="objects-parts">
        {parts.map((part) => (
          <PartOf key={part.number} object={object} part={part} />
        ))}
      </ul>
      {parts.length > 1 && (
        <button type="button" class="button" onClick={() => setParts(object.sop_instance_uid, numbers, !isAnySeen)}>
          {t(isAnySeen ? "objects.hide_all" : "objects.show_all")}
        </button>
      )}
      {value.left_out > 0 && <p class="objects-hint">{t("objects.left_out", { n: value.left_out })}</p>}
    </>
  );
}

function PartOf({ object, part }: { readonly object: Listed; readonly part: Segment | Structure }): JSX.Element {
  const sop = object.sop_instance_uid;
  const isSeen = !hidden.value.has(partName(sop, part.number));
  const label = part.label || String(part.number);
  return (
    <li>
      <button type="button" class="button" aria-pressed={isSeen} aria-label={t("objects.show_part", { name: label })} title={t("objects.show_part", { name: label })} onClick={() => togglePart(sop, part.number)}>
        <Icon name={isSeen ? "eye" : "eyeOff"} />
      </button>
      <i class="objects-colour" style={{ background: part.colour }} />
      <button type="button" class="objects-jump" title={[part.kind, part.description, part.algorithm].filter(Boolean).join(" · ")} onClick={() => void jumpToPart(object, part.number)}>
        {label}
      </button>
    </li>
  );
}

async function jumpToPart(object: Listed, number: number): Promise<void> {
  const content = contentOf(refOf(object)).peek();
  if (!content?.ok) return;
  const { value } = content;
  if (value.kind === "contours") await showPlaced(object, (placed: { readonly structure: number }) => placed.structure === number);
  if (value.kind === "segmentation") {
    await showPlaced(object, ([frame]: readonly [number, unknown]) => [number, null].includes(value.frames[frame - 1]?.segment ?? null));
  }
}

export function Failure({ object }: { readonly object: Listed }): JSX.Element {
  return (
    <p class="objects-hint" role="alert">
      {t("objects.unreadable")}{" "}
      <button type="button" class="button framed" onClick={() => askAgain(object.sop_instance_uid)}>
        {t("retry")}
      </button>
    </p>
  );
}

function Reports({ all }: { readonly all: readonly Listed[] }): JSX.Element | null {
  if (all.length === 0) return null;
  return (
    <Section heading="objects.reports">
      {all.map((object) => (
        <div key={object.sop_instance_uid} class="objects-line" data-object={object.sop_instance_uid}>
          <button type="button" class="objects-row" onClick={() => read(refOf(object))}>
            <Icon name="document" />
            <span class="objects-name">
              {titleOf(object)}
              <small>{madeBy(object)}</small>
            </span>
          </button>
          <label class="objects-marks" title={t("objects.marks")}>
            <input type="checkbox" aria-label={t("objects.marks")} checked={drawn.value.has(object.sop_instance_uid)} onChange={() => toggleDrawn(object.sop_instance_uid)} />
          </label>
        </div>
      ))}
    </Section>
  );
}

const MOST_THUMBNAILS = 60;

function KeyObjects({ all }: { readonly all: readonly Listed[] }): JSX.Element | null {
  if (all.length === 0) return null;
  return (
    <Section heading="objects.key_images">
      {all.map((object) => (
        <KeyObject key={object.sop_instance_uid} object={object} />
      ))}
    </Section>
  );
}

export function KeyObject({ object }: { readonly object: Listed }): JSX.Element {
  return (
    <div class="objects-object" data-object={object.sop_instance_uid}>
      <p class="objects-name">
        {titleOf(object)}
        <small>{madeBy(object)}</small>
      </p>
      <div class="objects-gallery">
        {object.images.slice(0, MOST_THUMBNAILS).map((image, index) => (
          <button key={index} type="button" class="objects-thumbnail" aria-label={t("objects.key_image", { n: index + 1 })} title={t("objects.key_image", { n: index + 1 })} onClick={() => void showImage(image)}>
            <img src={keyImagePath(object.studyUid, image)} alt="" loading="lazy" draggable={false} />
          </button>
        ))}
      </div>
      {object.images.length > MOST_THUMBNAILS && <p class="objects-hint">{t("objects.left_out", { n: object.images.length - MOST_THUMBNAILS })}</p>}
    </div>
  );
}

function Files({ all }: { readonly all: readonly Listed[] }): JSX.Element | null {
  if (all.length === 0) return null;
  return (
    <Section heading="objects.files">
      {all.map((object) => (
        <button key={object.sop_instance_uid} type="button" class="objects-row" onClick={() => openSeries({ studyUid: object.studyUid, seriesUid: object.series_instance_uid })}>
          <Icon name={object.kind === "video" ? "play" : "document"} />
          <span class="objects-name">
            {titleOf(object)}
            <small>{madeBy(object)}</small>
          </span>
        </button>
      ))}
    </Section>
  );
}

export function titleOf({ label, description, kind }: Listed): string {
  return label || description || t(kind === "contours" ? "objects.contours" : (`kind.${kind}` satisfies Key));
}

function madeBy({ creator, date, label, description }: Listed): string {
  return [description === label ? "" : description, creator, dateText(date)].filter(Boolean).join(" · ");
}
