// What is drawn over pictures that lie in one space: lines of other planes, the crosshair, and what is wrong with a volume.
import type { ComponentChildren, JSX } from "preact";
import { apply } from "../geom/plane";
import { crossing, heightOver, type Plane, type Segment, toImage } from "../geom/space";
import { flawsOf, type Flaws } from "../geom/volume";
import { measureText, t, type Key } from "../i18n";
import type { SeriesDocument } from "../net/series";
import type { Viewport } from "../render/viewport";
import { slabMm } from "../render/planes";
import { crosshair, referenceLines, scrollLinked, slab, type Slab } from "../state/link";
import { planesOf, volumeOf } from "../state/planes";
import { activePaneId, onlyPaneId, panes, type PaneKind } from "../state/reading";
import { touchFirst } from "../state/screen";
import { type Crossed, crossedOver, isTurned, straighten } from "../tools/crosshair";
import { shownPlane } from "../tools/jump";
import { following } from "../tools/link";
import { lookAtPlane, refusal, type Refusal, refusalOf, togglePlanes, USUAL_SLAB_MM } from "../tools/planes";
import { activeViewport } from "../tools/viewports";
import { Icon } from "./icons";
import { Notice } from "./notice";
import type { LayerProps } from "./parts";
import { press } from "./toolbar";
import "./space.css";

/** Lines and the crosshair, over one picture. */
export function SpaceLines({ pane, viewport }: LayerProps): JSX.Element | null {
  const plane = shownPlane(viewport);
  const placement = viewport.placement.value;
  if (!plane || !placement) return null;
  const crossed = crossedOver(viewport);
  const lines = crossed || !referenceLines.value ? [] : linesOver(viewport, plane);
  return (
    <svg class="space-lines" width={placement.pane.width} height={placement.pane.height} aria-hidden="true">
      {lines.map(({ segment, isEnd }, index) => {
        const [from, to] = [apply(placement.toPane, segment.from), apply(placement.toPane, segment.to)];
        return <line key={index} class={`reference ${isEnd ? "end" : ""}`} x1={from.x} y1={from.y} x2={to.x} y2={to.y} />;
      })}
      {crossed ? <Cross crossed={crossed} /> : <Mark viewport={viewport} plane={plane} isActive={pane.id === activePaneId.value} />}
    </svg>
  );
}

interface Line {
  readonly segment: Segment;
  /** Of the first or the last frame of the series in use. */
  readonly isEnd: boolean;
}

/** Where the plane of the pane in use crosses this one, and where its series begins and ends. */
function linesOver(viewport: Viewport, plane: Plane): readonly Line[] {
  const leader = activeViewport.value;
  const document = leader?.document.value;
  if (!leader || !document || leader === viewport) return [];
  const all = planesOf(document);
  const shown = leader.shown.value;
  const ends = [0, all.length - 1].filter((index) => index !== shown && document.stack !== null);
  return [...ends.map((index) => ({ index, isEnd: true })), { index: shown, isEnd: false }].flatMap(({ index, isEnd }) => {
    const other = all[index];
    const segment = other && other.frameOfReferenceUid !== "" && other.frameOfReferenceUid === plane.frameOfReferenceUid ? crossing(plane, other) : null;
    return segment ? [{ segment, isEnd }] : [];
  });
}

/** The lines of the other planes of a volume, in the colours of their panes, with what they are turned by. */
function Cross({ crossed: { lines } }: { readonly crossed: Crossed }): JSX.Element {
  return (
    <>
      {lines.map(({ kind, from, to, handles }) => (
        <g key={kind} class={`cross ${kind}`} data-line={kind}>
          <line x1={from.x} y1={from.y} x2={to.x} y2={to.y} />
          {handles.map(({ x, y }, index) => (
            <circle key={index} cx={x} cy={y} r={touchFirst.value ? 9 : 6} />
          ))}
        </g>
      ))}
    </>
  );
}

/** Half the length of the arms of the mark, and of its empty middle, in px. */
const ARM_PX = 14;
const EMPTY_PX = 4;

/** The place that was pointed at; where the picture does not go through it, how far it is away. */
function Mark({ viewport, plane, isActive }: { readonly viewport: Viewport; readonly plane: Plane; readonly isActive: boolean }): JSX.Element | null {
  const marked = crosshair.value;
  const placement = viewport.placement.value;
  if (!marked || !placement || marked.frameOfReferenceUid !== plane.frameOfReferenceUid) return null;
  const { x, y } = apply(placement.toPane, toImage(plane, marked.at));
  const away = Math.abs(heightOver(plane, marked.at));
  const spacing = viewport.document.value?.stack?.spacing ?? 1;
  const isHere = away <= spacing / 2 + 1e-3;
  if (isActive && !isHere) return null;
  return (
    <g class={`mark-place ${isHere ? "" : "away"}`} data-place={isHere ? "here" : "away"} data-away={away.toFixed(2)}>
      <path d={`M${x - ARM_PX} ${y}h${ARM_PX - EMPTY_PX}m${2 * EMPTY_PX} 0h${ARM_PX - EMPTY_PX}M${x} ${y - ARM_PX}v${ARM_PX - EMPTY_PX}m0 ${2 * EMPTY_PX}v${ARM_PX - EMPTY_PX}`} />
      {!isHere && (
        <text x={x + ARM_PX} y={y - EMPTY_PX}>
          {t("space.away", { mm: measureText(away, 1) })}
        </text>
      )}
    </g>
  );
}

const KINDS: readonly PaneKind[] = ["axial", "coronal", "sagittal"];

/** Over panes of planes: what they are, what is wrong with the volume, and how they are cut. */
export function PlanesLayer({ pane, viewport, document }: LayerProps): JSX.Element | null {
  if (pane.kind === "stack") return null;
  const refused = refusalOf(document);
  if (refused) return <Notice icon="planes" title={t("space.refused")} hint={refusalText(refused)} />;
  const isFirst = onlyPaneId.value === null ? panes.value.find(({ kind }) => kind !== "stack")?.id === pane.id : onlyPaneId.value === pane.id;
  return (
    <>
      <FlawNotice document={document} />
      {isFirst && <PlanesBar />}
      {viewport.shown.value < 0 && viewport.failure.value === null && <Notice icon="planes" title={t("space.gathering")} />}
    </>
  );
}

/** Stays as long as the planes do: lengths through the slices are only as good as this says. */
function FlawNotice({ document }: { readonly document: SeriesDocument }): JSX.Element | null {
  const volume = volumeOf(document);
  const sentences = typeof volume === "string" ? [] : flawSentences(flawsOf(volume));
  if (sentences.length === 0) return null;
  return (
    <div class="flaws" role="status" data-flaws={sentences.length}>
      <Icon name="warning" />
      <div>
        {sentences.map((sentence) => (
          <p key={sentence}>{sentence}</p>
        ))}
      </div>
    </div>
  );
}

/** Gaps that are named one by one. */
const NAMED_GAPS = 3;

function flawSentences({ tilt, gaps, uneven }: Flaws): readonly string[] {
  const named = gaps.slice(0, NAMED_GAPS).map(({ after, before, mm, missing }) => t("space.gap", { after, before, mm: measureText(mm, 1), n: missing }));
  return [
    ...(tilt === null ? [] : [t("space.tilt", { degrees: measureText(tilt, 1) })]),
    ...named,
    ...(gaps.length > NAMED_GAPS ? [t("space.more_gaps", { n: gaps.length - NAMED_GAPS })] : []),
    ...(uneven === null ? [] : [t("space.uneven", { least: measureText(uneven[0], 2), most: measureText(uneven[1], 2) })]),
  ];
}

/** On the button in the corner: how thick a plane is, how it follows, and that slices are not as they should be. */
export function SpaceMark({ pane, viewport, document }: LayerProps): JSX.Element | null {
  const isPlane = pane.kind !== "stack";
  const leader = activeViewport.value;
  const led = leader?.document.value;
  const follows = scrollLinked.value && led && leader !== viewport ? t(`space.follows_${following(led, viewport.document.value ?? document)}`) : null;
  const volume = !isPlane && document.number_of_frames > 2 ? volumeOf(document) : "few";
  const isFlawed = typeof volume !== "string" && flawSentences(flawsOf(volume)).length > 0;
  return (
    <>
      {isPlane && slab.value.mm > 0 && <Said mark="slab">{slabText(slab.value, viewport)}</Said>}
      {follows && <Said mark="follows">{follows}</Said>}
      {isFlawed && <Said mark="slices">{t("space.slices")}</Said>}
    </>
  );
}

function Said({ mark, children }: { readonly mark: string; readonly children: ComponentChildren }): JSX.Element {
  return (
    <span class="mark" data-mark={mark}>
      {children}
    </span>
  );
}

function slabText(thick: Slab, viewport: Viewport): string {
  const mm = viewport.attributes.value?.slice_thickness ?? slabMm(thick, viewport.document.value?.stack?.spacing ?? 1);
  return t(`space.${thick.mode}_of`, { mm: measureText(mm, 1) });
}

/** How planes are cut: alone or as slabs, straight or turned; on a phone, which of them is seen. */
function PlanesBar(): JSX.Element {
  const { mode, mm } = slab.value;
  return (
    <div class="planes-bar" role="group" aria-label={t("space.bar")}>
      {onlyPaneId.value !== null && <PlaneChooser />}
      <select aria-label={t("space.slab")} value={mm === 0 ? "off" : mode} onChange={({ currentTarget }) => chooseSlab(currentTarget.value)}>
        {(["off", "mip", "minip", "mean"] as const).map((each) => (
          <option key={each} value={each}>
            {t(`space.slab_${each}`)}
          </option>
        ))}
      </select>
      {mm > 0 && (
        <label>
          <input
            type="number"
            min="1"
            max="200"
            step="1"
            value={mm}
            aria-label={t("space.thickness")}
            onChange={({ currentTarget }) => {
              slab.value = { mode, mm: Math.min(200, Math.max(1, currentTarget.valueAsNumber || USUAL_SLAB_MM)) };
            }}
          />{" "}
          mm
        </label>
      )}
      {isTurned() && (
        <button type="button" class="button" data-action="straighten-here" onClick={(event) => press(event, straighten)}>
          {t("action.straighten")}
        </button>
      )}
      <button type="button" class="button" aria-label={t("space.leave")} title={t("space.leave")} onClick={(event) => press(event, togglePlanes)}>
        <Icon name="close" />
      </button>
    </div>
  );
}

function chooseSlab(chosen: string): void {
  slab.value = chosen === "off" ? { mode: "mip", mm: 0 } : { mode: chosen as Slab["mode"], mm: slab.peek().mm || USUAL_SLAB_MM };
}

function PlaneChooser(): JSX.Element {
  const seen = panes.value.find(({ id }) => id === activePaneId.value)?.kind;
  return (
    <>
      {KINDS.map((kind) => (
        <button key={kind} type="button" class="button" aria-pressed={kind === seen} data-plane={kind} onClick={(event) => press(event, () => lookAtPlane(kind))}>
          {t(`space.${kind}` as Key)}
        </button>
      ))}
    </>
  );
}

/** Why planes were not opened. */
export function RefusalPlace(): JSX.Element | null {
  const refused = refusal.value;
  if (!refused) return null;
  return (
    <div class="refusal" role="alert">
      <Icon name="planes" />
      <p>
        <b>{t("space.refused")}</b> {refusalText(refused)}
      </p>
      <button type="button" class="button" aria-label={t("space.read")} onClick={(event) => press(event, () => (refusal.value = null))}>
        <Icon name="close" />
      </button>
    </div>
  );
}

const MEGABYTE = 1e6;

function refusalText({ reason, bytes }: Refusal): string {
  return reason === "large" ? t("space.no_large", { mb: measureText(bytes / MEGABYTE, 0) }) : t(`space.no_${reason}`);
}
