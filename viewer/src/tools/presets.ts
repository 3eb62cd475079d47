// Windows by name: those the modality recorded, and the usual ones of CT.
import { computed } from "@preact/signals-core";
import type { Window } from "../geom/window";
import { t, type Key } from "../i18n";
import { frameAttributes, type FrameAttributes, type SeriesDocument } from "../net/series";
import { ownWindows } from "../state/windows";
import { activeViewport } from "./viewports";

export interface Preset extends Window {
  /** As a person reads it. */
  readonly name: string;
  /** "1" to "9", "0"; "" for those without. */
  readonly key: string;
}

/** In HU, in the order of the keys. */
export const CT_WINDOWS: readonly (Window & { readonly label: Key })[] = [
  { label: "preset.soft_tissue", center: 40, width: 400 },
  { label: "preset.lung", center: -600, width: 1500 },
  { label: "preset.bone", center: 480, width: 2500 },
  { label: "preset.brain", center: 40, width: 80 },
  { label: "preset.mediastinum", center: 50, width: 350 },
  { label: "preset.abdomen", center: 60, width: 360 },
  { label: "preset.liver", center: 90, width: 150 },
  { label: "preset.angiography", center: 300, width: 600 },
  { label: "preset.stroke", center: 35, width: 35 },
  { label: "preset.temporal_bone", center: 700, width: 4000 },
];

/** Of PET, in SUVbw. */
const SUV_WINDOWS = [5, 10, 20].map((most) => ({ name: `SUV 0–${most}`, center: most / 2, width: most }));

const KEYS = "1234567890";

/** The windows for the picture in the active pane, in the order they are offered. */
export const presets = computed<readonly Preset[]>(() => {
  const viewport = activeViewport.value;
  const document = viewport?.document.value;
  if (!viewport || !document || !viewport.window.value) return [];
  const recorded = recordedWindows(document, Math.max(0, viewport.shown.value));
  const usual = likedWindows(document, viewport.attributes.value);
  const keyed = usual.length > 0 ? usual : recorded;
  const unkeyed = usual.length > 0 ? recorded : [];
  return [...keyed.map((each, index) => ({ ...each, key: KEYS[index] ?? "" })), ...unkeyed.map((each) => ({ ...each, key: "" }))];
});

export function usePreset({ center, width }: Window): void {
  activeViewport.peek()?.setWindow(center, width);
}

export function usePresetOfKey(key: string): void {
  const preset = presets.peek().find((each) => each.key === key);
  if (preset) usePreset(preset);
}

/** The reader's own for the modality, else the usual ones. */
function likedWindows(document: SeriesDocument, frame: FrameAttributes | null): readonly (Window & { readonly name: string })[] {
  const perUnit = unitOf(document, frame);
  const own = perUnit === null ? undefined : ownWindows.value[document.modality];
  const liked = own ?? (isHounsfield(document) ? CT_WINDOWS.map(({ label, ...window }) => ({ ...window, name: t(label) })) : perUnit === null || document.modality !== "PT" ? [] : SUV_WINDOWS);
  return liked.map(({ name, center, width }) => ({ name, center: center / (perUnit ?? 1), width: width / (perUnit ?? 1) }));
}

/** From modality units to those that windows are told in: of PET, SUVbw; null where that cannot be computed. */
export function unitOf({ modality }: SeriesDocument, frame: FrameAttributes | null): number | null {
  return modality === "PT" ? (frame?.suv?.bw ?? null) : 1;
}

/** Whether `preset` is the window in use. */
export function isInUse({ center, width }: Window): boolean {
  const used = activeViewport.value?.window.value;
  return used !== undefined && used !== null && used.center === center && used.width === width;
}

function recordedWindows(document: SeriesDocument, frame: number): readonly (Window & { readonly name: string })[] {
  const { windows } = frameAttributes(document, frame);
  const distinct = windows.filter(([center, width], index) => windows.findIndex((each) => each[0] === center && each[1] === width) === index);
  return distinct.map(([center, width, explanation]) => ({ center, width, name: isTelling(explanation) ? explanation : t("read.preset_recorded") }));
}

/** Many machines explain a window (0028,1055) as "WINDOW1". */
function isTelling(explanation: string): boolean {
  return !/^(window|algo)?\s*\d*$/i.test(explanation);
}

function isHounsfield({ modality }: SeriesDocument): boolean {
  return modality === "CT";
}
