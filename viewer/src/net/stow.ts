// One instance to the archive (STOW-RS, PS3.18 10.5). To send it again does no harm.
import { tellSignedOut } from "./api";

/** What became of an instance. */
export type Sent =
  | { readonly kind: "stored"; readonly study: string }
  | { readonly kind: "refused"; readonly code: number; readonly detail: string }
  /** The server or the line is not there, or has no room now: to be tried again. */
  | { readonly kind: "later"; readonly afterSeconds: number }
  | { readonly kind: "aborted" };

type Json = Readonly<Record<string, { readonly Value?: readonly unknown[] }>>;

const FAILED_SOP_SEQUENCE = "00081198";
const REFERENCED_SOP_SEQUENCE = "00081199";
const OTHER_FAILURES_SEQUENCE = "0008119A";
const FAILURE_REASON = "00081197";
const RETRIEVE_URL = "00081190";
const AGAIN: ReadonlySet<number> = new Set([0, 408, 425, 429, 500, 502, 503, 504]);

/** Sends it; `progress` is told how many of its bytes have gone. */
export function sendInstance(instance: Blob, progress: (bytes: number) => void, signal: AbortSignal): Promise<Sent> {
  return new Promise((done) => {
    const request = new XMLHttpRequest(); // fetch does not tell how far a body has gone
    const abort = (): void => request.abort();
    const end = (sent: Sent): void => {
      signal.removeEventListener("abort", abort);
      done(sent);
    };
    signal.addEventListener("abort", abort);
    request.upload.onprogress = ({ loaded }) => progress(loaded);
    request.onload = () => end(sentOf(request));
    request.onerror = () => end({ kind: "later", afterSeconds: 0 });
    request.onabort = () => end({ kind: "aborted" });
    request.open("POST", "/dicom-web/studies");
    request.setRequestHeader("Content-Type", "application/dicom");
    request.setRequestHeader("Accept", "application/dicom+json");
    if (signal.aborted) end({ kind: "aborted" });
    else request.send(instance);
  });
}

function sentOf(request: XMLHttpRequest): Sent {
  const { status } = request;
  if (status === 401) tellSignedOut();
  if (AGAIN.has(status)) return { kind: "later", afterSeconds: Number(request.getResponseHeader("Retry-After")) || 0 };
  const body = parsed(request.responseText);
  const stored = firstItem(body, REFERENCED_SOP_SEQUENCE);
  if (status < 300 && stored) return { kind: "stored", study: studyOf(String(valueOf(stored, RETRIEVE_URL) ?? "")) };
  const failed = firstItem(body, FAILED_SOP_SEQUENCE) ?? firstItem(body, OTHER_FAILURES_SEQUENCE);
  const problem = body as { readonly detail?: unknown; readonly title?: unknown };
  const detail = failed ? "" : String(problem.detail ?? problem.title ?? status);
  return { kind: "refused", code: Number(failed ? valueOf(failed, FAILURE_REASON) : 0), detail };
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return {};
  }
}

function firstItem(body: Json, tag: string): Json | undefined {
  return body[tag]?.Value?.[0] as Json | undefined;
}

function valueOf(item: Json, tag: string): unknown {
  return item[tag]?.Value?.[0];
}

function studyOf(url: string): string {
  return /\/studies\/([0-9.]+)/.exec(url)?.[1] ?? "";
}
