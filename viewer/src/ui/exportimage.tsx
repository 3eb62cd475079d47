// Taking pictures away: one as it is seen or in its own size, a series as a film, the study as it was received.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { t, type Key } from "../i18n";
import { exportPath } from "../net/paths";
import type { Viewport } from "../render/viewport";
import { activePane, activePaneId } from "../state/reading";
import { closeSheet, sheet } from "../state/sheets";
import { activeViewport } from "../tools/viewports";
import { filmKinds, makeFilm } from "./film";
import { Icon } from "./icons";
import { paneImage } from "./paneimage";
import { blobOf, wholePicture } from "./rendered";
import { Sheet } from "./sheet";
import "./print.css";

export function ExportPlace(): JSX.Element | null {
  return sheet.value === "export" && activeViewport.value ? <ExportSheet viewport={activeViewport.value} /> : null;
}

function ExportSheet({ viewport }: { readonly viewport: Viewport }): JSX.Element {
  const deidentified = useSignal(true);
  const told = useSignal("");
  const working = useSignal(false);
  const stop = useRef(new AbortController());
  useEffect(() => () => stop.current.abort(), []);

  const isStack = activePane.value.kind === "stack";
  const study = activePane.value.series?.studyUid ?? "";
  const canFilm = filmKinds().length > 0;
  const burnedIn = viewport.attributes.value?.burned_in_annotation ?? false;

  const run = async (name: string, make: () => Promise<Blob>): Promise<void> => {
    working.value = true;
    told.value = t("export.working");
    try {
      const blob = await make();
      save(blob, `${name}.${/^\w+\/(\w+)/.exec(blob.type)?.[1]}`);
      told.value = t("export.done");
    } catch (error) {
      if (!stop.current.signal.aborted) told.value = t("export.failed", { reason: String(error) });
    }
    working.value = false;
  };
  const seen = (): Promise<void> => run("image", async () => blobOf(await paneImage(paneElement(), deidentified.peek())));
  const whole = (): Promise<void> => run("image-full-size", async () => blobOf(await wholePicture(viewport, viewport.shown.peek())));
  const film = (): Promise<void> =>
    run("film", () =>
      makeFilm(viewport, (n) => (told.value = t("export.filming", { n, total: viewport.count.peek() })), stop.current.signal),
    );

  return (
    <Sheet title={t("export.title")} close={closeSheet} class="take-away">
      <label class="check-line">
        <input type="checkbox" checked={deidentified.value} onChange={(event) => (deidentified.value = event.currentTarget.checked)} />
        {t("export.deidentified")}
      </label>
      {burnedIn && <p class="take-warning">{t("export.burned_in")}</p>}
      <Choice text="export.seen" hint="export.seen_hint" disabled={working.value} run={seen} />
      {isStack && <Choice text="export.whole" hint="export.whole_hint" disabled={working.value} run={whole} />}
      {viewport.count.value > 1 && <Choice text="export.film" hint={canFilm ? "export.film_hint" : "export.no_film"} disabled={working.value || !canFilm} run={film} />}
      <Choice text="list.download" hint="export.study_hint" disabled={false} run={() => follow(exportPath(study, true))} />
      <p role="status">{told.value}</p>
    </Sheet>
  );
}

interface ChoiceProps {
  readonly text: Key;
  readonly hint: Key;
  readonly disabled: boolean;
  readonly run: () => unknown;
}

function Choice({ text, hint, disabled, run }: ChoiceProps): JSX.Element {
  return (
    <button type="button" class="take-choice" disabled={disabled} onClick={() => void run()}>
      <Icon name="download" />
      <span>
        <b>{t(text)}</b>
        <span>{t(hint)}</span>
      </span>
    </button>
  );
}

function paneElement(): HTMLElement {
  return document.querySelector<HTMLElement>(`[data-pane="${activePaneId.peek()}"]`)!;
}

/** No name of a file says whose picture it is. */
function save(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob);
  follow(address, name);
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

function follow(address: string, name = ""): void {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
}
