// A larger view of what lies under the pointer, in the greys of the picture.
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { lensOf } from "../geom/lens";
import type { Greys } from "../geom/lut";
import { after, inverse, type Affine } from "../geom/plane";
import { windowOver } from "../geom/window";
import { lutAt } from "../net/series";
import type { Viewport } from "../render/viewport";
import { loupe } from "../state/loupe";

const SIZE_PX = 160;
/** How much larger than on screen. */
const FACTOR = 3;
/** From a finger to the middle of the glass, so that it does not hide it. */
const ABOVE_PX = 120;

export function LoupeView({ viewport }: { readonly viewport: Viewport }): JSX.Element | null {
  const glass = useRef<HTMLCanvasElement>(null);
  const held = loupe.value?.canvas === viewport.canvas ? loupe.value : null;
  const pixels = viewport.pixels.value;
  const placement = viewport.placement.value;
  useEffect(() => {
    if (!held || !pixels || !placement) return;
    const toPicture = after(inverse(placement.toPane), around(held.at));
    const bytes = lensOf(pixels.frame, greysOf(viewport), viewport.invert.value, toPicture, SIZE_PX);
    glass.current!.getContext("2d")!.putImageData(new ImageData(bytes, SIZE_PX, SIZE_PX), 0, 0);
  });
  if (!held || !pixels || !placement) return null;
  const { x, y } = held.at;
  // Near the upper edge there is no room above a finger: it stands at its side.
  const above = held.beside && y > ABOVE_PX + SIZE_PX / 2;
  const left = x - SIZE_PX / 2 + (held.beside && !above ? ABOVE_PX * (x > placement.pane.width / 2 ? -1 : 1) : 0);
  const top = y - SIZE_PX / 2 - (above ? ABOVE_PX : 0);
  return (
    <div class="loupe" style={{ left: `${left}px`, top: `${top}px` }}>
      <canvas ref={glass} width={SIZE_PX} height={SIZE_PX} />
    </div>
  );
}

/** From px of the glass to px of the pane. */
function around({ x, y }: { readonly x: number; readonly y: number }): Affine {
  const scale = 1 / FACTOR;
  const shift = (SIZE_PX / 2) * scale;
  return { a: scale, b: 0, c: 0, d: scale, e: x - shift, f: y - shift };
}

function greysOf(viewport: Viewport): Greys | null {
  const [pixels, window] = [viewport.pixels.value, viewport.window.value];
  if (!pixels || !window) return null;
  const { document, attributes, modality, padding } = pixels;
  const table = lutAt(document, attributes.voi_lut);
  // A table of the data set is in use while the window is the one that stands for it.
  const ofTable = table && windowOver(table.first, table.first + table.values.length - 1);
  const lut = ofTable && ofTable.center === window.center && ofTable.width === window.width ? table : null;
  return { modality, voi: { window, function: attributes.voi_lut_function, lut }, inverse: attributes.inverse, padding };
}
