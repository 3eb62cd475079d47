// Which renderer a canvas gets: the graphics card if there is a real one, else the processor.
import { createCpuRenderer } from "./cpu2d";
import { type Card, createGlRenderer, openCard } from "./gl";
import type { OnRestored, Renderer } from "./stack";

/** WebGL made by the processor is slower than Canvas2D: thin clients, virtual desktops. */
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

/** The page's; null: there is none. */
let card: Card | null | undefined;

/** `onRestored` is called when all must be drawn again. The address `?gl=1` or `?gl=0` decides, for tests. */
export function createRenderer(canvas: HTMLCanvasElement, onRestored: OnRestored): Renderer {
  card ??= cardHere(new URLSearchParams(location.search).get("gl"));
  return card ? createGlRenderer(canvas, card, onRestored) : createCpuRenderer(canvas, onRestored);
}

function cardHere(told: string | null): Card | null {
  if (told !== null) return told === "1" ? openCard(true) : null;
  const found = openCard(false);
  return found && !SOFTWARE.test(nameOf(found.gl)) ? found : closed(found);
}

function nameOf(gl: WebGL2RenderingContext): string {
  const named = gl.getExtension("WEBGL_debug_renderer_info");
  return String(gl.getParameter(named ? named.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
}

function closed(unused: Card | null): null {
  unused?.gl.getExtension("WEBGL_lose_context")?.loseContext();
  return null;
}
