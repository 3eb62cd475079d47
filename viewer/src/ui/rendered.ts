// Pictures to be taken away: rendered by the server from every stored pixel, in the window that is in use here.
import { effect } from "@preact/signals-core";
import { imageToPane, type Size } from "../geom/plane";
import type { VoiFunction } from "../geom/window";
import { frameAttributes, instanceOf, type SeriesDocument } from "../net/series";
import type { Viewport } from "../render/viewport";

const FUNCTIONS: Readonly<Record<VoiFunction, string>> = { LINEAR: "linear", LINEAR_EXACT: "linear-exact", SIGMOID: "sigmoid" };

/** A frame as it is shown, in its own pixels, neither turned nor inverted. Throws what a person is told. */
async function renderedFrame(viewport: Viewport, index: number): Promise<ImageBitmap> {
  const document = viewport.document.peek()!;
  const response = await fetch(renderedPath(viewport, document, index), { headers: { Accept: "image/png" } });
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  return createImageBitmap(await response.blob());
}

function renderedPath(viewport: Viewport, document: SeriesDocument, index: number): string {
  const { frame_number, voi_lut_function } = frameAttributes(document, index);
  const path = `/dicom-web/studies/${document.study_instance_uid}/series/${document.series_instance_uid}`;
  const frame = `${path}/instances/${instanceOf(document, index).sop_instance_uid}/frames/${frame_number}/rendered`;
  const window = viewport.window.peek();
  if (!window || isTable(viewport)) return frame;
  const numbers = [window.center, window.width].map((value) => String(Number(value.toFixed(6))));
  return `${frame}?window=${[...numbers, FUNCTIONS[voi_lut_function]].join(",")}`;
}

/** A table of the data set is in use: the server takes it by itself. */
function isTable(viewport: Viewport): boolean {
  const window = viewport.window.peek();
  return viewport.presets.peek().some(({ kind, center, width }) => kind === "table" && center === window?.center && width === window.width);
}

/** The frame in its own pixels, turned, flipped and inverted as it is shown; a pixel of it is as high as it is wide in mm. */
export async function wholePicture(viewport: Viewport, index: number): Promise<HTMLCanvasElement> {
  const bitmap = await renderedFrame(viewport, index);
  const { columns, rows, pixel_aspect_ratio } = frameAttributes(viewport.document.peek()!, index);
  const image = { width: columns, height: rows };
  const aspect = pixel_aspect_ratio || 1;
  const view = { ...viewport.view.peek(), zoom: 1, panX: 0, panY: 0 };
  const size = sizeOf(image, aspect, view.rotate);
  const canvas = newCanvas(size);
  const context = canvas.getContext("2d")!;
  const { a, b, c, d, e, f } = imageToPane(image, aspect, size, view);
  context.setTransform(a, b, c, d, e, f);
  context.drawImage(bitmap, 0, 0, image.width, image.height);
  bitmap.close();
  if (viewport.invert.peek()) negate(context);
  return canvas;
}

/** Exactly: a filter would round. */
function negate(context: CanvasRenderingContext2D): void {
  context.resetTransform();
  context.globalCompositeOperation = "difference";
  context.fillStyle = "#fff";
  context.fillRect(0, 0, context.canvas.width, context.canvas.height);
}

/** Pixels that are not square are stretched, none is lost. */
function sizeOf({ width, height }: Size, aspect: number, rotate: number): Size {
  const square = aspect >= 1 ? { width, height: height * aspect } : { width: width / aspect, height };
  return rotate % 180 === 0 ? square : { width: square.height, height: square.width };
}

export function newCanvas({ width, height }: Size): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width));
  canvas.height = Math.max(1, Math.round(height));
  return canvas;
}

export async function blobOf(canvas: HTMLCanvasElement): Promise<Blob> {
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
  if (!blob) throw new Error("the picture is too large for this browser");
  return blob;
}

/** Resolves when the frame is on screen, whole. Throws when it cannot be shown. */
export function whenShown(viewport: Viewport, index: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = effect(() => {
      const failed = viewport.failure.value;
      if (failed === null && (viewport.shown.value !== index || viewport.isLow.value)) return;
      queueMicrotask(() => {
        stop();
        if (failed === null) requestAnimationFrame(() => resolve());
        else reject(new Error(failed));
      });
    });
    viewport.setFrame(index);
  });
}
