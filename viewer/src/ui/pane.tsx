// One pane: a picture, what is written over it, and what is said when there is none.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { effect } from "@preact/signals-core";
import { t, type Key } from "../i18n";
import type { Failed } from "../net/api";
import type { SeriesDocument, SeriesKind } from "../net/series";
import { Corners } from "../overlay/corners";
import { EdgeLetters } from "../overlay/edges";
import { ScaleBar } from "../overlay/scalebar";
import { createViewport, type Viewport } from "../render/viewport";
import { cornerTexts } from "../state/prefs";
import { activePaneId, documentOf, noteArrived, noteLeft, placeIn, type Pane } from "../state/reading";
import { narrow, touchFirst } from "../state/screen";
import { bindPane } from "../tools/gestures";
import { fingerTool, mouseTool, toolOf } from "../tools/tools";
import { placeViewport, volumeViewport } from "../tools/viewports";
import { FailureNotice, Notice } from "./notice";
import { FilmBar } from "./filmbar";
import { parts, type LayerProps } from "./parts";
import { Scrubber } from "./scrubber";
import "../overlay/overlay.css";

export function PaneView({ pane }: { readonly pane: Pane }): JSX.Element {
  const surface = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [viewport, setViewport] = useState<Viewport | null>(null);

  useEffect(() => {
    const make = pane.kind === "stack" ? createViewport : volumeViewport.peek()!;
    const made = make(canvas.current!, pane);
    const activate = (): void => {
      activePaneId.value = pane.id;
    };
    const ends = [bindPane(surface.current!, made, activate), placeViewport(pane.id, made), bindArrived(made), () => made.dispose()];
    setViewport(made);
    return () => ends.forEach((end) => end());
  }, []);

  const { failed, document, retry } = useSeries(viewport, pane);
  const tool = toolOf((touchFirst.value ? fingerTool : mouseTool).value);
  const isActive = activePaneId.value === pane.id;
  return (
    <section class={`pane ${isActive ? "active" : ""}`} aria-label={t("read.pane")} data-pane={pane.id}>
      <div ref={surface} class="surface" style={{ cursor: tool.cursor }}>
        <canvas ref={canvas} class="picture" role="img" aria-label={t("read.pane")} />
      </div>
      {viewport && document && document.number_of_frames > 0 && <Over pane={pane} viewport={viewport} document={document} />}
      {failed && <FailureNotice failed={failed} retry={retry} />}
      {document?.number_of_frames === 0 && <InPlace pane={pane} document={document} />}
    </section>
  );
}

interface Shown {
  readonly document: SeriesDocument | null;
  readonly failed: Failed | null;
  readonly retry: () => void;
}

const NOTHING = { document: null, failed: null };

/** Shows the pane's series in the viewport once its document is here; an older one that comes late is dropped. */
function useSeries(viewport: Viewport | null, { series }: Pane): Shown {
  const [shown, setShown] = useState<Omit<Shown, "retry">>(NOTHING);
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    if (!viewport || !series) return;
    let stale = false;
    setShown(NOTHING);
    void documentOf(series).then((answer) => {
      if (stale) return;
      setShown(answer.ok ? { document: answer.value, failed: null } : { document: null, failed: answer });
      if (answer.ok && answer.value.number_of_frames > 0) viewport.show(answer.value, placeIn(series.seriesUid));
      else viewport.clear();
    });
    return () => {
      stale = true;
      if (viewport.document.peek()?.series_instance_uid === series.seriesUid) noteLeft(series.seriesUid, viewport.frame.peek());
    };
  }, [viewport, series?.seriesUid, attempt]);

  return { ...shown, retry: () => setAttempt(attempt + 1) };
}

/** Tells how much of the series has arrived. */
function bindArrived(viewport: Viewport): () => void {
  return effect(() => {
    const uid = viewport.document.value?.series_instance_uid;
    if (uid) noteArrived(uid, viewport.loaded.value);
  });
}

function Over({ pane, viewport, document }: LayerProps): JSX.Element {
  const brief = narrow.value;
  const layers = parts.value.flatMap((part) => part.layers ?? []);
  return (
    <>
      {layers.map((Layer, index) => (
        <Layer key={index} pane={pane} viewport={viewport} document={document} />
      ))}
      {cornerTexts.value && <Corners viewport={viewport} brief={brief} />}
      <EdgeLetters viewport={viewport} />
      <ScaleBar viewport={viewport} />
      {document.number_of_frames > 1 && <Scrubber viewport={viewport} />}
      <FilmBar />
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
