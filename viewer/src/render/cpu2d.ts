// The renderer for machines without a graphics card: greys by table, the scaling by Canvas2D.
import { type Greys, greyOf, greyTable } from "../geom/lut";
import type { StoredValues } from "../geom/pixels";
import type { Appearance, OnRestored, Picture, Renderer } from "./stack";

/** What is drawn for each stored value, counted from `first`. */
interface Table {
  readonly kind: string;
  readonly greys: Greys;
  readonly negative: boolean;
  readonly first: number;
  readonly words: Uint32Array;
}

export function createCpuRenderer(canvas: HTMLCanvasElement, onRestored: OnRestored): Renderer {
  const context = canvas.getContext("2d", { alpha: false });
  if (!context) throw new Error("no 2D canvas");
  const drawn = document.createElement("canvas");
  let painted: { readonly key: string; readonly greys: Greys | null; readonly negative: boolean } | null = null;
  let image: ImageData | null = null;
  let table: Table | null = null;
  let pixelRatio = 1;

  const restored = (): void => {
    painted = null;
    onRestored();
  };
  canvas.addEventListener("contextrestored", restored);

  const tableFor = (values: Exclude<StoredValues, Float32Array>, greys: Greys, negative: boolean): Table => {
    const kind = values.constructor.name;
    if (table?.kind !== kind || table.negative !== negative || !sameGreys(table.greys, greys)) {
      const { first, greys: levels } = greyTable(values, greys);
      table = { kind, greys, negative, first, words: Uint32Array.from(levels, (grey) => word(negative ? 255 - grey : grey)) };
    }
    return table;
  };
  const paint = ({ key, frame }: Picture, { greys, negative }: Appearance): void => {
    if (painted?.key === key && painted.negative === negative && sameGreys(painted.greys, greys)) return;
    painted = { key, greys, negative };
    if (image?.width !== frame.columns || image.height !== frame.rows) {
      drawn.width = frame.columns;
      drawn.height = frame.rows;
      image = new ImageData(frame.columns, frame.rows);
    }
    const { values } = frame;
    if (!greys) paintColour(image, values, negative);
    else if (values instanceof Float32Array) paintReal(image, values, greys, negative);
    else paintGrey(image, values, tableFor(values, greys, negative));
    drawn.getContext("2d", { alpha: false })!.putImageData(image, 0, 0);
  };
  const clear = (): void => {
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#000";
    context.fillRect(0, 0, canvas.width, canvas.height);
  };

  return {
    draw(picture, appearance) {
      paint(picture, appearance);
      clear();
      const { a, b, c, d, e, f } = appearance.toPane;
      context.setTransform(a * pixelRatio, b * pixelRatio, c * pixelRatio, d * pixelRatio, e * pixelRatio, f * pixelRatio);
      const magnified = Math.hypot(a, b) * pixelRatio >= 1;
      context.imageSmoothingEnabled = appearance.interpolate || !magnified;
      context.imageSmoothingQuality = magnified ? "low" : "high";
      context.drawImage(drawn, 0, 0);
    },
    clear,
    resize(width, height, ratio) {
      pixelRatio = ratio;
      canvas.width = Math.max(1, Math.round(width * ratio));
      canvas.height = Math.max(1, Math.round(height * ratio));
    },
    dispose() {
      canvas.removeEventListener("contextrestored", restored);
      drawn.width = drawn.height = 0;
    },
  };
}

function sameGreys(one: Greys | null, other: Greys | null): boolean {
  if (!one || !other) return one === other;
  return (
    one.inverse === other.inverse &&
    one.modality.slope === other.modality.slope &&
    one.modality.intercept === other.modality.intercept &&
    one.modality.lut === other.modality.lut &&
    one.voi.function === other.voi.function &&
    one.voi.lut === other.voi.lut &&
    one.voi.window.center === other.voi.window.center &&
    one.voi.window.width === other.voi.window.width &&
    one.padding?.[0] === other.padding?.[0] &&
    one.padding?.[1] === other.padding?.[1]
  );
}

const OPAQUE = 0xff000000;

/** A grey as one little-endian RGBA word. */
function word(grey: number): number {
  return OPAQUE | (grey << 16) | (grey << 8) | grey;
}

function paintGrey(image: ImageData, values: ArrayLike<number>, { first, words }: Table): void {
  const out = new Uint32Array(image.data.buffer);
  for (let i = 0; i < out.length; i++) out[i] = words[values[i]! - first]!;
}

function paintReal(image: ImageData, values: Float32Array, greys: Greys, negative: boolean): void {
  const out = new Uint32Array(image.data.buffer);
  for (let i = 0; i < out.length; i++) {
    const grey = greyOf(values[i]!, greys);
    out[i] = word(negative ? 255 - grey : grey);
  }
}

function paintColour(image: ImageData, values: ArrayLike<number>, negative: boolean): void {
  const out = new Uint32Array(image.data.buffer);
  const turn = negative ? 0xffffff : 0;
  for (let i = 0, v = 0; i < out.length; i++, v += 3) {
    out[i] = OPAQUE | (((values[v + 2]! << 16) | (values[v + 1]! << 8) | values[v]!) ^ turn);
  }
}
