// Instances on their way from this browser into the archive.
import { computed, signal } from "@preact/signals-core";
import { mayBeInstance, type Found, type Picked } from "../net/picked";
import { sendInstance } from "../net/stow";
import { ZipError, type ZipFault } from "../net/zip";

export interface Refused {
  readonly name: string;
  /** A Failure Reason (PS3.18 Table I.2-2); 0: the detail says it. */
  readonly code: number;
  readonly detail: string;
  readonly fault?: ZipFault;
}

export interface Upload {
  readonly phase: "sending" | "paused" | "done" | "cancelled";
  /** Whether all files have been looked for: before that nobody knows how many there are. */
  readonly counted: boolean;
  readonly files: number;
  readonly bytes: number;
  readonly filesDone: number;
  readonly bytesDone: number;
  readonly stored: number;
  /** Files that are no DICOM instance. */
  readonly skipped: number;
  readonly refused: readonly Refused[];
  /** How many instances went into each study. */
  readonly studies: ReadonlyMap<string, number>;
  /** The line or the server is not there: it is tried again. */
  readonly waiting: boolean;
  readonly began: number;
}

const AT_ONCE = 4;
const PAUSES_S = [1, 2, 5, 10, 30];
const MOST_NAMED = 200;
/** Files that are known and not sent yet. */
const MOST_AHEAD = 100_000;

/** The one that runs or ran last; null: there was none. */
export const upload = signal<Upload | null>(null);
/** Bytes of the files that are being sent, so far. */
const partly = signal<ReadonlyMap<Picked, number>>(new Map());

/** How far it is, 0 to 1. */
export const progress = computed(() => {
  const { value } = upload;
  if (!value || value.bytes === 0) return 0;
  return Math.min(1, bytesGone.value / value.bytes);
});

export const bytesGone = computed(() => [...partly.value.values()].reduce((sum, bytes) => sum + bytes, upload.value?.bytesDone ?? 0));

export const isUploading = computed(() => upload.value?.phase === "sending" || upload.value?.phase === "paused");

let abort = new AbortController();
/** Who waits while it is paused. */
let waiting: (() => void)[] = [];

/** Sends what was chosen; resolves when all of it is done or given up. */
export async function uploadAll(found: AsyncIterable<Found>): Promise<void> {
  abort = new AbortController();
  const { signal: stopped } = abort;
  partly.value = new Map();
  upload.value = {
    phase: "sending",
    counted: false,
    files: 0,
    bytes: 0,
    filesDone: 0,
    bytesDone: 0,
    stored: 0,
    skipped: 0,
    refused: [],
    studies: new Map(),
    waiting: false,
    began: Date.now(),
  };
  waiting = [];
  const queue = new Queue();
  const senders = Array.from({ length: AT_ONCE }, () => sendFrom(queue, stopped));
  for await (const one of found) {
    if (stopped.aborted) break;
    if ("fault" in one) refuse({ name: one.name, code: 0, detail: "", fault: one.fault });
    else {
      change((now) => ({ ...now, files: now.files + 1, bytes: now.bytes + one.size }));
      await queue.put(one);
    }
  }
  queue.end();
  change((now) => ({ ...now, counted: true }));
  await Promise.all(senders);
  change((now) => ({ ...now, phase: stopped.aborted ? "cancelled" : "done", waiting: false }));
}

export function pause(): void {
  change((now) => ({ ...now, phase: "paused" }));
}

export function resume(): void {
  change((now) => ({ ...now, phase: "sending" }));
  for (const go of waiting.splice(0)) go();
}

/** What is stored stays stored. */
export function cancel(): void {
  abort.abort();
  resume();
}

/** Forgets an upload that has ended. */
export function forget(): void {
  if (!isUploading.peek()) upload.value = null;
}

async function sendFrom(queue: Queue, stopped: AbortSignal): Promise<void> {
  for (let one = await queue.take(); one !== undefined; one = await queue.take()) {
    if (!stopped.aborted) await sendOne(one, stopped);
  }
}

async function sendOne(one: Picked, stopped: AbortSignal): Promise<void> {
  try {
    const instance = await one.read();
    if (await mayBeInstance(instance)) await persist(one, instance, stopped);
    else change((now) => ({ ...now, skipped: now.skipped + 1 }));
  } catch (error) {
    const fault: { fault?: ZipFault } = error instanceof ZipError ? { fault: error.fault } : {};
    refuse({ name: one.name, code: 0, detail: error instanceof ZipError ? "" : String(error), ...fault });
  }
  partly.value = new Map([...partly.peek()].filter(([key]) => key !== one));
  change((now) => ({ ...now, filesDone: now.filesDone + 1, bytesDone: now.bytesDone + one.size }));
}

/** Until the server has said yes or no. */
async function persist(one: Picked, instance: Blob, stopped: AbortSignal): Promise<void> {
  const tell = (bytes: number): void => void (partly.value = new Map(partly.peek()).set(one, bytes));
  for (let attempt = 0; ; attempt++) {
    await whilePaused();
    const sent = await sendInstance(instance, tell, stopped);
    if (sent.kind === "aborted") return;
    if (sent.kind === "refused") return refuse({ name: one.name, code: sent.code, detail: sent.detail });
    if (sent.kind === "stored") return count(sent.study);
    change((now) => ({ ...now, waiting: true }));
    await pauseFor(Math.max(sent.afterSeconds, PAUSES_S[Math.min(attempt, PAUSES_S.length - 1)]!), stopped);
  }
}

function count(study: string): void {
  change((now) => ({
    ...now,
    waiting: false,
    stored: now.stored + 1,
    studies: new Map(now.studies).set(study, (now.studies.get(study) ?? 0) + 1),
  }));
}

function refuse(refused: Refused): void {
  change((now) => ({ ...now, refused: now.refused.length < MOST_NAMED ? [...now.refused, refused] : now.refused }));
}

function change(to: (now: Upload) => Upload): void {
  const now = upload.peek();
  if (now) upload.value = to(now);
}

async function whilePaused(): Promise<void> {
  if (upload.peek()?.phase === "paused") await new Promise<void>((done) => waiting.push(done));
}

function pauseFor(seconds: number, stopped: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, seconds * 1000);
    stopped.addEventListener("abort", () => (clearTimeout(timer), done()), { once: true });
  });
}

/** What has been found and not been taken yet. Who finds faster than is sent waits: a folder may hold a million files. */
class Queue {
  private readonly items: Picked[] = [];
  private readonly takers: ((one: Picked | undefined) => void)[] = [];
  private readonly putters: (() => void)[] = [];
  private ended = false;

  async put(one: Picked): Promise<void> {
    const taker = this.takers.shift();
    if (taker) return taker(one);
    this.items.push(one);
    if (this.items.length > MOST_AHEAD) await new Promise<void>((done) => this.putters.push(done));
  }

  take(): Promise<Picked | undefined> {
    const one = this.items.shift();
    if (this.items.length <= MOST_AHEAD / 2) for (const putter of this.putters.splice(0)) putter();
    if (one || this.ended) return Promise.resolve(one);
    return new Promise((done) => this.takers.push(done));
  }

  end(): void {
    this.ended = true;
    for (const taker of this.takers.splice(0)) taker(undefined);
  }
}

