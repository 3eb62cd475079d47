// The way to uploading, on the study list: a button, and files dropped anywhere. What does it is fetched when it is needed.
import { signal } from "@preact/signals";
import type { ComponentType, JSX } from "preact";
import { useEffect } from "preact/hooks";
import { percentText, t } from "../../i18n";
import { me } from "../../state/session";
import { Icon } from "../icons";
import { Later } from "../later";

/** Dropped before the script was here; taken by who sends it. */
export const dropped = signal<readonly (File | FileSystemEntry)[]>([]);
/** How far an upload is, 0 to 1, also while its sheet is put away; null: there is none. */
export const share = signal<number | null>(null);
const isOpen = signal(false);
const isOver = signal(false);

const load = async (): Promise<ComponentType> => (await import("./uploading")).start();

export function mayUpload(): boolean {
  return me.value?.permissions.includes("store") ?? false;
}

export function UploadButton(): JSX.Element | null {
  if (!mayUpload()) return null;
  const name = share.value === null ? t("list.upload") : t("list.uploading", { percent: percentText(share.value) });
  return (
    <button type="button" class="button upload-button" aria-label={name} title={name} onClick={() => (isOpen.value = true)}>
      <Icon name="upload" />
      <span class="button-text">{name}</span>
    </button>
  );
}

/** What lies over the list while something is dragged over it, and the sheet. */
export function UploadPlace(): JSX.Element | null {
  useEffect(bindDrop, []);
  return (
    <>
      {isOver.value && (
        <div class="drop-here" aria-hidden="true">
          <Icon name="upload" />
          {t("list.drop")}
        </div>
      )}
      {isOpen.value && mayUpload() && <Later load={load} />}
    </>
  );
}

export function closeUpload(): void {
  isOpen.value = false;
}

/** Files dropped anywhere on the page; without it the browser would open them in our place. */
function bindDrop(): () => void {
  const over = (event: DragEvent): void => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = mayUpload() ? "copy" : "none";
    isOver.value = mayUpload();
  };
  const leave = (event: DragEvent): void => {
    if (event.relatedTarget === null) isOver.value = false;
  };
  const drop = (event: DragEvent): void => {
    isOver.value = false;
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    if (!mayUpload()) return;
    // To be asked for now: when this event is over, the browser has forgotten them.
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry() ?? item.getAsFile());
    dropped.value = entries.filter((entry) => entry !== null);
    isOpen.value = true;
  };
  window.addEventListener("dragover", over);
  window.addEventListener("dragleave", leave);
  window.addEventListener("drop", drop);
  return () => {
    window.removeEventListener("dragover", over);
    window.removeEventListener("dragleave", leave);
    window.removeEventListener("drop", drop);
  };
}
