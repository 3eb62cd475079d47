// The decoding workers, shared by all viewports of the page.
import type { DecodedFrame, PixelDescription } from "../geom/pixels";
import { decodeNative, NATIVE } from "./native";
import { frameOf } from "./samples";
import type { Done, Job, Warming } from "./worker";

export interface Decoder {
  /**
   * Decodes one frame; the caller keeps the bytes, and does not change them. What is asked for as `urgent` goes before
   * the rest. `reduce`: the bytes end with a lower resolution, the frame so many times halved.
   */
  decode(bytes: Uint8Array, description: PixelDescription, urgent?: boolean, reduce?: number): Promise<DecodedFrame>;
  /** Starts a worker and fetches the codec for a transfer syntax, while its first frame is still on its way. */
  warm(transferSyntaxUid: string): void;
  dispose(): void;
}

interface Waiting {
  readonly bytes: Uint8Array;
  readonly description: PixelDescription;
  readonly urgent: boolean;
  readonly reduce: number;
  resolve(frame: DecodedFrame): void;
  reject(error: Error): void;
}

interface Hand {
  readonly worker: Worker;
  readonly running: Map<number, Waiting>;
}

/** Bytes of an uncompressed frame up to which it is read at once: a worker would cost more than it spares. */
const SMALL = 4 << 20;

let shared: Decoder | undefined;

/** The one pool of the page; its workers start with the first frame, or with `warm`. */
export function sharedDecoder(): Decoder {
  shared ??= createDecoder();
  return shared;
}

/** Workers each get one job at a time, so that an urgent one waits for no more than one other. */
export function createDecoder(workers = Math.min(2, Math.max(1, (navigator.hardwareConcurrency || 2) - 1))): Decoder {
  const waiting: Waiting[] = [];
  const hands: Hand[] = [];
  let lastId = 0;

  const feed = (hand: Hand): void => {
    if (hand.running.size > 0 || waiting.length === 0) return;
    const next = waiting.splice(Math.max(0, waiting.findIndex(({ urgent }) => urgent)), 1)[0]!;
    const job: Job = { id: ++lastId, bytes: next.bytes.slice(), description: next.description, reduce: next.reduce };
    hand.running.set(job.id, next);
    hand.worker.postMessage(job, [job.bytes.buffer]);
  };
  const hire = (): Hand => {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    const hand: Hand = { worker, running: new Map() };
    worker.addEventListener("message", ({ data }: MessageEvent<Done>) => {
      const asked = hand.running.get(data.id);
      hand.running.delete(data.id);
      feed(hand);
      if ("frame" in data) asked?.resolve(data.frame);
      else asked?.reject(new Error(data.error));
    });
    worker.addEventListener("error", (event) => {
      const failed = [...hand.running.values()];
      hand.running.clear();
      for (const asked of failed) asked.reject(new Error(event.message || "the decoder stopped"));
      hands.splice(hands.indexOf(hand), 1);
      worker.terminate();
      if (hands.length === 0) for (const asked of waiting.splice(0)) asked.reject(new Error("the decoder cannot start"));
    });
    hands.push(hand);
    return hand;
  };

  return {
    async decode(bytes, description, urgent = false, reduce = 0) {
      if (isSmallNative(bytes, description.transferSyntaxUid)) return frameOf(decodeNative(bytes, description), description);
      return new Promise((resolve, reject) => {
        waiting.push({ bytes, description, urgent, reduce, resolve, reject });
        const idle = hands.find(({ running }) => running.size === 0) ?? (hands.length < workers ? hire() : undefined);
        if (idle) feed(idle);
      });
    },
    warm(transferSyntaxUid) {
      if (transferSyntaxUid !== NATIVE) (hands[0] ?? hire()).worker.postMessage({ warm: transferSyntaxUid } satisfies Warming);
    },
    dispose() {
      for (const { worker } of hands.splice(0)) worker.terminate();
      waiting.splice(0);
    },
  };
}

function isSmallNative(bytes: Uint8Array, transferSyntaxUid: string): boolean {
  return transferSyntaxUid === NATIVE && bytes.length <= SMALL;
}
