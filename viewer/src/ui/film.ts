// A series as a film: the pane's pictures one after the other, at the rate of the cine.
import type { Viewport } from "../render/viewport";
import { newCanvas, whenShown } from "./rendered";

/** Those that most can play come first. */
const KINDS: readonly string[] = ["video/mp4;codecs=avc1", "video/webm;codecs=vp9", "video/webm"];
/** A film of less has no pictures. */
const LEAST_BYTES = 1000;
const BITS_PER_SECOND = 12_000_000;

/** What this browser says it can make; none: it makes no films. */
export function filmKinds(): readonly string[] {
  return typeof MediaRecorder === "undefined" ? [] : KINDS.filter((kind) => MediaRecorder.isTypeSupported(kind));
}

/** Some browsers promise a kind and make an empty film of it: then the next is tried. Throws what a person is told. */
export async function makeFilm(viewport: Viewport, tell: (done: number) => void, stop: AbortSignal): Promise<Blob> {
  for (const kind of filmKinds()) {
    const film = await recorded(viewport, kind, tell, stop);
    if (film.size > LEAST_BYTES) return film;
  }
  throw new Error("this browser made an empty film");
}

async function recorded(viewport: Viewport, kind: string, tell: (done: number) => void, stop: AbortSignal): Promise<Blob> {
  const canvas = newCanvas(viewport.canvas);
  const context = canvas.getContext("2d")!;
  const recorder = new MediaRecorder(canvas.captureStream(), { mimeType: kind, videoBitsPerSecond: BITS_PER_SECOND });
  const pieces: Blob[] = [];
  recorder.ondataavailable = ({ data }) => pieces.push(data);
  const ended = new Promise<void>((resolve) => (recorder.onstop = () => resolve()));
  const before = viewport.frame.peek();
  recorder.start();
  try {
    for (let index = 0; index < viewport.count.peek(); index += 1) {
      stop.throwIfAborted();
      // Waiting for a picture takes no time of the film.
      recorder.pause();
      await whenShown(viewport, index);
      recorder.resume();
      context.drawImage(viewport.canvas, 0, 0);
      tell(index + 1);
      await new Promise((resolve) => setTimeout(resolve, 1000 / viewport.rate.peek()));
    }
  } finally {
    recorder.stop();
    await ended;
    viewport.setFrame(before);
  }
  return new Blob(pieces, { type: kind });
}
