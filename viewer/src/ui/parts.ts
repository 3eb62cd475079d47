// Parts of the reading page whose scripts come after the first picture: what each adds is entered here.
import type { ComponentType } from "preact";
import { signal } from "@preact/signals-core";
import { speakAlso, type Key, type Texts } from "../i18n";
import type { SeriesDocument, SeriesKind } from "../net/series";
import type { Viewport } from "../render/viewport";
import type { Pane, SeriesRef } from "../state/reading";
import { addHook, type PaneHook } from "../tools/hooks";
import { addTools, type Tool } from "../tools/tools";
import type { Action } from "./actions";
import type { IconName } from "./icons";

/** What is drawn over one picture. */
export interface LayerProps {
  readonly pane: Pane;
  readonly viewport: Viewport;
  readonly document: SeriesDocument;
}

/** What stands in a pane in place of a picture. */
export interface ViewProps {
  readonly pane: Pane;
  readonly series: SeriesRef;
  readonly document: SeriesDocument;
}

/** A column at the side of a desk, a sheet on a phone. */
export interface Panel {
  readonly name: string;
  readonly label: Key;
  readonly icon: IconName;
  readonly Body: ComponentType;
}

export interface SideProps {
  /** A series was chosen. */
  readonly chosen?: (() => void) | undefined;
}

export interface Part {
  readonly texts?: Texts;
  readonly tools?: readonly Tool[];
  readonly actions?: readonly Action[];
  readonly hooks?: readonly PaneHook[];
  /** Over each picture, the first lowest. */
  readonly layers?: readonly ComponentType<LayerProps>[];
  /** Short words on how far a picture can be trusted, on the button in its corner that explains them. */
  readonly marks?: readonly ComponentType<LayerProps>[];
  /** Over the whole page: menus, sheets and notices that show themselves when they have something to say. */
  readonly places?: readonly ComponentType[];
  /** The list of series: at the side of a desk, in a sheet on a phone. */
  readonly side?: ComponentType<SideProps>;
  readonly panels?: readonly Panel[];
  /** For series without pictures, by kind. */
  readonly views?: Partial<Readonly<Record<SeriesKind, ComponentType<ViewProps>>>>;
  /** Begins what runs as long as the page. */
  readonly start?: () => void;
}

export const parts = signal<readonly Part[]>([]);

/** The page has the part once this resolves; it stays. */
export async function addPart(part: Part): Promise<void> {
  if (part.texts) await speakAlso(part.texts);
  addTools(part.tools ?? []);
  for (const hook of part.hooks ?? []) addHook(hook);
  parts.value = [...parts.peek(), part];
  part.start?.();
}
