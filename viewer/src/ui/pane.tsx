// One pane: a picture, what is written over it, and what is said when there is none.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { effect } from "@preact/signals-core";
import { t, type Key } from "../i18n";
import { dateText } from "../i18n/format";
import type { Failed } from "../net/api";
import { frameOf, type SeriesDocument, type SeriesKind } from "../net/series";
import { Badges } from "../overlay/badges";
import { Corners, Identity } from "../overlay/corners";
import { EdgeLetters } from "../overlay/edges";
import { ScaleBar } from "../overlay/scalebar";
import { createViewport, type Viewport } from "../render/viewport";
import { pictureSeen } from "../state/begun";
import { cornerTexts } from "../state/prefs";
import { activePaneId, documentOf, isPrior, lookOf, noteArrived, noteLeft, noteLook, onlyPaneId, placeIn, type Pane } from "../state/reading";
import { narrow, touchFirst } from "../state/screen";
import { bindPane } from "../tools/gestures";
import { fingerTool, mouseTool, toolOf } from "../tools/tools";
import { ownWindow, placeViewport, volumeViewport } from "../tools/viewports";
import { FailureNotice, Notice } from "./notice";
import { parts, type LayerProps } from "./parts";
import { Scrubber } from "./scrubber";
import "../overlay/overlay.css";

export function PaneView({ pane }: { readonly pane: Pane }): JSX.Element {
  const surface = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [viewport, setViewport] = useState<Viewport | null>(null);

  // What makes planes through volumes comes with a part: until then the pane is empty.
  const make = pane.kind === "stack" ? createViewport : volumeViewport.value;
  useEffect(() => {
    if (!make) return;
    const made = make(canvas.current!, pane);
    const activate = (): void => {
      activePaneId.value = pane.id;
    };
    const ends = [bindPane(surface.current!, made, activate), placeViewport(pane.id, made), bindArrived(made, pane), () => noteHow(made, pane), () => made.dispose()];
    setViewport(made);
    return () => ends.forEach((end) => end());
  }, [make]);

  const { failed, document, retry } = useSeries(viewport, pane);
  const tool = toolOf((touchFirst.value ? fingerTool : mouseTool).value);
  const isOld = isPrior(pane.series?.studyUid);
  const isActive = activePaneId.value === pane.id;
  useEffect(() => {
    if (isActive) viewport?.attend();
  }, [isActive, viewport]);
  return (
    <section class={`pane ${placeOf(pane)} ${isOld ? "prior" : ""}`} aria-label={t("read.pane")} data-pane={pane.id}>
      <div ref={surface} class="surface" style={{ cursor: tool.cursor }}>
        <canvas ref={canvas} class="picture" role="img" aria-label={t("read.pane")} />
      </div>
      {isOld && <p class="prior-mark numbers">{t("read.prior", { date: dateText(document?.study_date ?? "") })}</p>}
      {document && <Identity document={document} />}
      {viewport && document && document.number_of_frames > 0 && <Over pane={pane} viewport={viewport} document={document} />}
      {failed && <FailureNotice failed={failed} retry={retry} />}
      {document?.number_of_frames === 0 && <InPlace pane={pane} document={document} />}
    </section>
  );
}

/** Whether it is the active one, alone in sight, or behind the one that is. */
function placeOf({ id }: Pane): string {
  const active = activePaneId.value === id ? "active" : "";
  return onlyPaneId.value === null ? active : `${active} ${onlyPaneId.value === id ? "only" : "behind"}`;
}

interface Shown {
  readonly document: SeriesDocument | null;
  readonly failed: Failed | null;
  readonly retry: () => void;
}

const NOTHING = { document: null, failed: null };

/** Shows the pane's series in the viewport once its document is here; an older one that comes late is dropped. */
function useSeries(viewport: Viewport | null, pane: Pane): Shown {
  const { series, at } = pane;
  const [shown, setShown] = useState<Omit<Shown, "retry">>(NOTHING);
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    if (!viewport || !series) return;
    let stale = false;
    setShown(NOTHING);
    void documentOf(series).then((answer) => {
      if (stale) return;
      setShown(answer.ok ? { document: answer.value, failed: null } : { document: null, failed: answer });
      if (answer.ok && answer.value.number_of_frames > 0) showAgain(viewport, pane, answer.value, at);
      else showNothing(viewport);
    });
    return () => {
      stale = true;
      noteHow(viewport, pane);
    };
  }, [viewport, series?.seriesUid, at, attempt]);

  return { ...shown, retry: () => setAttempt(attempt + 1) };
}

/** What stands in place of a picture comes with the parts, which wait for no picture then. */
function showNothing(viewport: Viewport): void {
  viewport.clear();
  pictureSeen.value = true;
}

/** Shows a series as this pane showed it last; else from the picture that was asked for, or where the series was left. */
function showAgain(viewport: Viewport, { id, kind }: Pane, document: SeriesDocument, at: string | undefined): void {
  const look = lookOf(id, document.series_instance_uid);
  viewport.show(document, look?.frame ?? (at ? frameOf(document, at) : placeIn(document.series_instance_uid)));
  if (look?.window) viewport.setWindow(look.window.center, look.window.width);
  if (look?.view && kind === "stack") viewport.setView(look.view);
  if (look?.invert) viewport.setInvert(true);
}

/** Remembers how a pane shows what it shows, before it shows something else. Places in planes are none in the series. */
function noteHow(viewport: Viewport, { id: paneId, kind }: Pane): void {
  const seriesUid = viewport.document.peek()?.series_instance_uid;
  if (seriesUid === undefined || kind !== "stack") return;
  const frame = viewport.frame.peek();
  noteLeft(seriesUid, frame);
  noteLook(paneId, { seriesUid, frame, view: viewport.view.peek(), window: ownWindow(viewport), invert: viewport.invert.peek() });
}

/** Tells how much of the series has arrived. */
function bindArrived(viewport: Viewport, { kind }: Pane): () => void {
  return effect(() => {
    const uid = viewport.document.value?.series_instance_uid;
    if (uid && kind === "stack") noteArrived(uid, viewport.loaded.value);
  });
}

function Over({ pane, viewport, document }: LayerProps): JSX.Element {
  const brief = narrow.value;
  const layers = parts.value.flatMap((part) => part.layers ?? []);
  const marks = parts.value.flatMap((part) => part.marks ?? []);
  return (
    <>
      {layers.map((Layer, index) => (
        <Layer key={index} pane={pane} viewport={viewport} document={document} />
      ))}
      <Corners viewport={viewport} brief={brief} hidden={!cornerTexts.value}>
        <Badges pane={pane} viewport={viewport}>
          {marks.map((Mark, index) => (
            <Mark key={index} pane={pane} viewport={viewport} document={document} />
          ))}
        </Badges>
      </Corners>
      <EdgeLetters viewport={viewport} />
      <ScaleBar viewport={viewport} />
      {document.number_of_frames > 1 && <Scrubber viewport={viewport} />}
      {viewport.failure.value !== null && <Notice icon="warning" title={t("read.undrawable")} hint={t("read.undrawable_hint")} />}
    </>
  );
}

/** What a part shows of a series without pictures; else that there is none. */
function InPlace({ pane, document }: Omit<LayerProps, "viewport">): JSX.Element {
  const View = parts.value.map(({ views }) => views?.[document.kind]).find((each) => each !== undefined);
  return View && pane.series ? <View pane={pane} series={pane.series} document={document} /> : <NoPicture kind={document.kind} />;
}

function NoPicture({ kind }: { readonly kind: SeriesKind }): JSX.Element {
  const name = kind === "image" ? "other" : kind;
  return <Notice icon="document" title={t("read.no_picture", { kind: t(`kind.${name}` satisfies Key) })} hint={t("read.no_picture_hint")} />;
}
