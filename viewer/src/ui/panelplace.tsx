// Where panels of parts stand: a column beside the pictures, on a phone a sheet from below.
import type { JSX } from "preact";
import { t } from "../i18n";
import { openPanel } from "../state/panel";
import { narrow } from "../state/screen";
import { Icon } from "./icons";
import { parts } from "./parts";
import { Sheet } from "./sheet";
import "./panel.css";

export function PanelPlace(): JSX.Element | null {
  const panel = parts.value.flatMap(({ panels }) => panels ?? []).find(({ name }) => name === openPanel.value);
  if (!panel) return null;
  const { label, Body } = panel;
  if (narrow.value)
    return (
      <Sheet title={t(label)} close={close}>
        <Body />
      </Sheet>
    );
  return (
    <aside class="panel-column" aria-label={t(label)}>
      <header>
        <h2>{t(label)}</h2>
        <button type="button" class="button" aria-label={t("close")} title={t("close")} onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <Body />
    </aside>
  );
}

function close(): void {
  openPanel.value = null;
}
