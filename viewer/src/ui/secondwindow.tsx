// Opens the second window, and says when the browser does not let us.
import type { JSX } from "preact";
import { signal } from "@preact/signals-core";
import { t } from "../i18n";
import { openSecondWindow } from "../tools/secondwindow";
import { Icon } from "./icons";

const isBlocked = signal(false);

export function openSecond(): void {
  isBlocked.value = !openSecondWindow();
}

export function BlockedPlace(): JSX.Element | null {
  if (!isBlocked.value) return null;
  return (
    <div class="room-notice" role="alert">
      <span>{t("hang.blocked")}</span>
      <button type="button" class="button" aria-label={t("close")} title={t("close")} onClick={() => (isBlocked.value = false)}>
        <Icon name="close" />
      </button>
    </div>
  );
}
