// Choosing what to upload, and how far it is.
import { effect, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { numberText, t, type Key } from "../../i18n";
import { bytesText, durationText } from "../../i18n/amounts";
import { ofDropped, ofFiles } from "../../net/picked";
import type { ZipFault } from "../../net/zip";
import { go, viewerAddress } from "../../state/route";
import { searchAgain } from "../../state/studies";
import { bytesGone, cancel, forget, isUploading, pause, progress, resume, upload, uploadAll, type Refused, type Upload } from "../../state/upload";
import { Icon } from "../icons";
import { Sheet } from "../sheet";
import { closeUpload, dropped, share } from "./way";
import "./upload.css";

const MOST_LINKS = 20;

effect(() => {
  share.value = isUploading.value ? progress.value : null;
});
effect(() => {
  if (isUploading.value) window.addEventListener("beforeunload", ask);
  else window.removeEventListener("beforeunload", ask);
});

/** Who leaves the page while it sends is asked whether he means it. */
function ask(event: BeforeUnloadEvent): void {
  event.preventDefault();
}

export function UploadSheet(): JSX.Element {
  useEffect(takeDropped, [dropped.value]);
  const now = upload.value;
  const close = (): void => {
    closeUpload();
    forget();
  };
  return (
    <Sheet title={t("upload.title")} close={close} class="upload" firm={isUploading.value}>
      {now ? <Going now={now} /> : <Choosing />}
    </Sheet>
  );
}

function takeDropped(): void {
  const entries = dropped.peek();
  if (entries.length === 0 || isUploading.peek()) return;
  dropped.value = [];
  begin(ofDropped(entries));
}

function begin(found: Parameters<typeof uploadAll>[0]): void {
  void uploadAll(found).then(searchAgain);
}

function Choosing(): JSX.Element {
  const choose = (files: FileList | null): void => begin(ofFiles([...(files ?? [])]));
  return (
    <div class="upload-choose">
      <Icon name="upload" />
      <p class="upload-drop">
        {t("upload.drop")}
        <br />
        {t("upload.or")}
      </p>
      <div class="upload-buttons">
        <Chooser text={t("upload.files")} choose={choose} />
        <Chooser text={t("upload.folder")} choose={choose} folder />
      </div>
      <p class="soft">{t("upload.hint")}</p>
    </div>
  );
}

interface ChooserProps {
  readonly text: string;
  readonly choose: (files: FileList | null) => void;
  readonly folder?: boolean;
}

function Chooser({ text, choose, folder = false }: ChooserProps): JSX.Element {
  return (
    <label class="button framed">
      <input type="file" class="unseen" multiple {...(folder ? { webkitdirectory: true } : {})} onChange={(event) => choose(event.currentTarget.files)} />
      {text}
    </label>
  );
}

function Going({ now }: { readonly now: Upload }): JSX.Element {
  const percent = Math.round(progress.value * 100);
  return (
    <div class="upload-going">
      <p class="upload-phase" role="status">
        <Icon name={now.phase === "done" ? "check" : now.waiting ? "warning" : "upload"} />
        {t(phaseKey(now))}
      </p>
      <progress class="upload-bar" max={100} value={now.phase === "done" ? 100 : percent} aria-label={t("upload.title")} />
      <Amounts now={now} />
      <Controls now={now} />
      <Outcome now={now} />
    </div>
  );
}

function phaseKey(now: Upload): Key {
  if (now.phase === "done") return now.files === 0 && now.refused.length === 0 ? "upload.nothing" : "upload.done";
  if (now.phase === "cancelled") return "upload.cancelled";
  if (now.phase === "paused") return "upload.paused";
  if (now.waiting) return "upload.waiting";
  return now.counted ? "upload.sending" : "upload.counting";
}

function Amounts({ now }: { readonly now: Upload }): JSX.Element {
  const seconds = (Date.now() - now.began) / 1000;
  const rate = bytesGone.value / Math.max(seconds, 0.001);
  const left = rate > 0 ? (now.bytes - bytesGone.value) / rate : 0;
  return (
    <p class="soft numbers">
      {t("upload.progress", {
        done: numberText(now.filesDone),
        all: numberText(now.files),
        bytes: bytesText(bytesGone.value),
        total: bytesText(now.bytes),
      })}
      {now.phase === "sending" && now.counted && seconds > 2 && (
        <span class="upload-rate">{t("upload.rate", { rate: bytesText(rate), left: durationText(left) })}</span>
      )}
    </p>
  );
}

function Controls({ now }: { readonly now: Upload }): JSX.Element {
  if (now.phase === "done" || now.phase === "cancelled") {
    return (
      <div class="upload-buttons">
        <button type="button" class="button framed" onClick={forget}>
          {t("upload.more")}
        </button>
      </div>
    );
  }
  return (
    <div class="upload-buttons">
      <button type="button" class="button framed" onClick={now.phase === "paused" ? resume : pause}>
        {t(now.phase === "paused" ? "upload.resume" : "upload.pause")}
      </button>
      <button type="button" class="button framed" onClick={cancel}>
        {t("upload.cancel")}
      </button>
      <button type="button" class="button" onClick={closeUpload}>
        {t("upload.minimise")}
      </button>
    </div>
  );
}

function Outcome({ now }: { readonly now: Upload }): JSX.Element {
  const studies = [...now.studies].filter(([uid]) => uid !== "").slice(0, MOST_LINKS);
  return (
    <div class="upload-outcome">
      <ul class="upload-counts">
        {now.stored > 0 && <li>{t("upload.stored", { n: now.stored })}</li>}
        {now.skipped > 0 && <li class="soft">{t("upload.skipped", { n: now.skipped })}</li>}
      </ul>
      {now.phase !== "sending" &&
        studies.map(([uid, n]) => (
          <button key={uid} type="button" class="button framed" onClick={() => (closeUpload(), forget(), go(viewerAddress([uid])))}>
            {t("upload.open", { n })}
          </button>
        ))}
      {now.refused.length > 0 && <RefusedList refused={now.refused} />}
    </div>
  );
}

function RefusedList({ refused }: { readonly refused: readonly Refused[] }): JSX.Element {
  const open = useSignal(refused.length <= 5);
  return (
    <details class="upload-refused" open={open.value}>
      <summary>{t("upload.refused", { n: refused.length })}</summary>
      <ul>
        {refused.map((one) => (
          <li key={one.name}>
            <b>{one.name}</b> {whyText(one)}
          </li>
        ))}
      </ul>
    </details>
  );
}

const FAULTS: Readonly<Record<ZipFault, Key>> = {
  broken: "upload.why.broken",
  encrypted: "upload.why.encrypted",
  method: "upload.why.method",
  bomb: "upload.why.bomb",
};

/** A Failure Reason (PS3.18 Table I.2-2; the last digits of A77x are ours) in words. */
function whyText({ code, detail, fault }: Refused): string {
  if (fault) return t(FAULTS[fault]);
  if (code === 0) return detail;
  if (code === 0xa778) return t("upload.why.patient");
  if (code === 0xa77b) return t("upload.why.series");
  if (code === 0x0124) return t("upload.why.right");
  if (code === 0x0122 || code === 0xc122) return t("upload.why.class");
  const range = code >> 8;
  if (range === 0xa7) return t("upload.why.room");
  if (range === 0xa9) return t("upload.why.mismatch");
  if (code >> 12 === 0xc) return t("upload.why.invalid");
  return t("upload.why.other", { code: code.toString(16).toUpperCase().padStart(4, "0") });
}
