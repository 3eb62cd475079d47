// Which renderer a canvas gets: the graphics card if there is a real one, else the processor.
import { createCpuRenderer } from "./cpu2d";
import { createGlRenderer } from "./gl";
import type { OnRestored, Renderer } from "./stack";

/** WebGL made by the processor is slower than Canvas2D: thin clients, virtual desktops. */
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

/** `onRestored` is called when a lost graphics context is back. The address `?gl=1` or `?gl=0` decides, for tests. */
export function createRenderer(canvas: HTMLCanvasElement, onRestored: OnRestored): Renderer {
  const told = new URLSearchParams(location.search).get("gl");
  const useGl = told === null ? hasGraphicsCard() : told === "1";
  return useGl ? createGlRenderer(canvas, onRestored) : createCpuRenderer(canvas);
}

function hasGraphicsCard(): boolean {
  const probe = document.createElement("canvas");
  const gl = probe.getContext("webgl2", { failIfMajorPerformanceCaveat: true });
  if (!gl) return false;
  const named = gl.getExtension("WEBGL_debug_renderer_info");
  const name = String(gl.getParameter(named ? named.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return !SOFTWARE.test(name);
}
