// The windows of a modality, as this reader wants them: names, values, order.
import type { JSX } from "preact";
import { t } from "../i18n";
import { closeSheet, sheet } from "../state/sheets";
import { ownWindows, type NamedWindow } from "../state/windows";
import { presets, unitOf } from "../tools/presets";
import { activeViewport } from "../tools/viewports";
import { Icon } from "./icons";
import { Sheet } from "./sheet";

/** As many as there are keys. */
const MOST = 10;

export function WindowsPlace(): JSX.Element | null {
  return sheet.value === "windows" ? <Windows /> : null;
}

function Windows(): JSX.Element | null {
  const viewport = activeViewport.value;
  const document = viewport?.document.value;
  const factor = document && unitOf(document, viewport.attributes.value);
  if (!viewport || !document || !factor) return null;
  const { modality } = document;
  const windows = ownWindows.value[modality] ?? offered(factor);
  const set = (changed: readonly NamedWindow[]): void => {
    ownWindows.value = { ...ownWindows.peek(), [modality]: changed };
  };
  const reset = (): void => {
    ownWindows.value = Object.fromEntries(Object.entries(ownWindows.peek()).filter(([each]) => each !== modality));
  };
  const add = (): void => {
    const { center, width } = viewport.window.peek()!;
    set([...windows, { name: t("windows.new"), center: rounded(center * factor), width: rounded(width * factor) }]);
  };
  return (
    <Sheet title={t("windows.title", { modality })} close={closeSheet}>
      <p>{t("windows.hint")}</p>
      <ol class="own-windows">
        {windows.map((each, index) => (
          <Line
            key={`${index} ${each.name} ${each.center} ${each.width}`}
            window={each}
            change={(changed) => set(windows.map((other, at) => (at === index ? changed : other)))}
            remove={() => set(windows.filter((_, at) => at !== index))}
            raise={index === 0 ? undefined : () => set([...windows.slice(0, index - 1), each, windows[index - 1]!, ...windows.slice(index + 1)])}
          />
        ))}
      </ol>
      <div class="panel-bar">
        <button type="button" class="button framed" data-action="add-window" disabled={windows.length >= MOST || !viewport.window.value} onClick={add}>
          {t("windows.add")}
        </button>
        <button type="button" class="button framed" disabled={!ownWindows.value[modality]} onClick={reset}>
          {t("windows.usual")}
        </button>
      </div>
    </Sheet>
  );
}

interface LineProps {
  readonly window: NamedWindow;
  readonly change: (changed: NamedWindow) => void;
  readonly remove: () => void;
  readonly raise: (() => void) | undefined;
}

function Line({ window, change, remove, raise }: LineProps): JSX.Element {
  /** What is no number is left as it was. */
  const take = (key: "center" | "width", field: HTMLInputElement): void => {
    const value = Number(field.value.replace(",", "."));
    const isRight = field.value.trim() !== "" && Number.isFinite(value) && (key === "center" || value > 0);
    if (isRight) change({ ...window, [key]: value });
    else field.value = String(window[key]);
  };
  return (
    <li>
      <input class="field" aria-label={t("windows.name")} defaultValue={window.name} maxLength={40} onChange={({ currentTarget }) => change({ ...window, name: currentTarget.value })} />
      <input class="field" aria-label={t("windows.center")} inputMode="decimal" defaultValue={String(window.center)} onChange={({ currentTarget }) => take("center", currentTarget)} />
      <input class="field" aria-label={t("windows.width")} inputMode="decimal" defaultValue={String(window.width)} onChange={({ currentTarget }) => take("width", currentTarget)} />
      <button type="button" class="button" aria-label={`${t("windows.up")}: ${window.name}`} title={t("windows.up")} disabled={!raise} onClick={raise}>
        <Icon name="up" />
      </button>
      <button type="button" class="button" aria-label={`${t("windows.remove")}: ${window.name}`} title={t("windows.remove")} onClick={remove}>
        <Icon name="remove" />
      </button>
    </li>
  );
}

/** What has a key now, to begin with. */
function offered(factor: number): readonly NamedWindow[] {
  const keyed = presets.value.filter(({ key }) => key !== "");
  return keyed.map(({ name, center, width }) => ({ name, center: rounded(center * factor), width: rounded(width * factor) }));
}

function rounded(value: number): number {
  return Number(value.toPrecision(6));
}
