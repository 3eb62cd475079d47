// The renderer on WebGL2: stored values as a texture, everything else in the shader, so that a new window uploads nothing.
import type { Greys, Lut } from "../geom/lut";
import type { DecodedFrame, StoredValues } from "../geom/pixels";
import { inverse } from "../geom/plane";
import { fragmentShader, type TextureKind, VERTEX } from "./shaders";
import { createCpuRenderer } from "./cpu2d";
import type { Appearance, OnRestored, Picture, Renderer } from "./stack";

/** Samples of a device pixel in each direction when the picture is made smaller: enough for a quarter of its size. */
const MOST_TAPS = 4;

interface Program {
  readonly program: WebGLProgram;
  uniform(name: string): WebGLUniformLocation | null;
}

/** The graphics card: one context for all panes, because a browser takes the oldest away when there are more than a few. */
export interface Card {
  readonly gl: WebGL2RenderingContext;
  /** What is drawn on, never seen: each pane copies its picture from the lower left of it. */
  readonly canvas: HTMLCanvasElement;
  readonly programs: Map<TextureKind, Program>;
  /** How often the context was lost: what was made before is gone. */
  losses: number;
}

/** What a pane has in the graphics card. */
interface Resources {
  readonly losses: number;
  readonly image: WebGLTexture;
  readonly lut: WebGLTexture;
  key: string;
  shape: Shape;
  uploadedLut: Lut | null;
}

interface Shape {
  readonly kind: TextureKind;
  readonly rows: number;
  readonly columns: number;
  /** How many image pixels a texel covers in each direction: 1, or more where the card cannot hold so large a picture. */
  readonly step: number;
}

/** Null where there is no WebGL2, or a slow one and `slowToo` is not set. */
export function openCard(slowToo: boolean): Card | null {
  const canvas = document.createElement("canvas");
  const options = { alpha: false, antialias: false, depth: false, failIfMajorPerformanceCaveat: !slowToo };
  const gl = canvas.getContext("webgl2", options) as WebGL2RenderingContext | null;
  if (!gl) return null;
  const card: Card = { gl, canvas, programs: new Map(), losses: 0 };
  canvas.addEventListener("webglcontextlost", (event) => {
    // Else it would never come back.
    event.preventDefault();
    card.programs.clear();
    card.losses++;
  });
  return card;
}

/** While the context is lost, the processor draws. */
export function createGlRenderer(canvas: HTMLCanvasElement, card: Card, onRestored: OnRestored): Renderer {
  const { gl } = card;
  const processor = createCpuRenderer(canvas, onRestored);
  const context = canvas.getContext("2d")!;
  let resources: Resources | null = null;
  let pixelRatio = 1;

  const drawOn = (picture: Picture, appearance: Appearance): void => {
    if (resources?.losses !== card.losses) resources = create(card);
    gl.viewport(0, 0, canvas.width, canvas.height);
    upload(gl, resources, picture);
    const { shape } = resources;
    const program = programFor(card, shape.kind);
    gl.useProgram(program.program);
    place(gl, program, shape, appearance, canvas, pixelRatio);
    if (appearance.greys) setGreys(gl, program, resources, appearance.greys);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  };
  return {
    draw(picture, appearance) {
      if (gl.isContextLost()) return processor.draw(picture, appearance);
      grow(card.canvas, canvas);
      drawOn(picture, appearance);
      const { width, height } = canvas;
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.drawImage(card.canvas, 0, card.canvas.height - height, width, height, 0, 0, width, height);
    },
    clear: processor.clear,
    resize(width, height, ratio) {
      pixelRatio = ratio;
      processor.resize(width, height, ratio);
    },
    dispose() {
      processor.dispose();
      if (!resources) return;
      gl.deleteTexture(resources.image);
      gl.deleteTexture(resources.lut);
    },
  };
}

function grow(canvas: HTMLCanvasElement, { width, height }: HTMLCanvasElement): void {
  if (canvas.width < width) canvas.width = width;
  if (canvas.height < height) canvas.height = height;
}

function create({ gl, losses }: Card): Resources {
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  return {
    losses,
    image: textureOf(gl),
    lut: textureOf(gl),
    key: "",
    shape: { kind: "unsigned", rows: 0, columns: 0, step: 1 },
    uploadedLut: null,
  };
}

/** An integer or float texture is complete only without filters. */
function textureOf(gl: WebGL2RenderingContext): WebGLTexture {
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  for (const parameter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, parameter, gl.NEAREST);
  for (const parameter of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, parameter, gl.CLAMP_TO_EDGE);
  return texture;
}

function programFor({ gl, programs }: Card, kind: TextureKind): Program {
  const known = programs.get(kind);
  if (known) return known;
  const program = gl.createProgram();
  for (const [type, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, fragmentShader(kind)]] as const) {
    const shader = gl.createShader(type)!;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) throw new Error(reasonOf(gl, program));
  const locations = new Map<string, WebGLUniformLocation | null>();
  const made: Program = {
    program,
    uniform(name) {
      if (!locations.has(name)) locations.set(name, gl.getUniformLocation(program, name));
      return locations.get(name)!;
    },
  };
  programs.set(kind, made);
  return made;
}

function reasonOf(gl: WebGL2RenderingContext, program: WebGLProgram): string {
  const logs = (gl.getAttachedShaders(program) ?? []).map((shader) => gl.getShaderInfoLog(shader));
  return [gl.getProgramInfoLog(program), ...logs].join("\n");
}

function upload(gl: WebGL2RenderingContext, resources: Resources, { key, frame }: Picture): void {
  gl.activeTexture(gl.TEXTURE0);
  gl.bindTexture(gl.TEXTURE_2D, resources.image);
  if (resources.key === key) return;
  const most = gl.getParameter(gl.MAX_TEXTURE_SIZE) as number;
  const step = Math.ceil(Math.max(frame.rows, frame.columns) / most);
  const { rows, columns, samples, values } = step === 1 ? frame : thinned(frame, step);
  const [kind, internal, format, type] = formatOf(gl, samples, values);
  gl.texImage2D(gl.TEXTURE_2D, 0, internal, columns, rows, 0, format, type, values);
  resources.key = key;
  resources.shape = { kind, rows, columns, step };
}

function formatOf(gl: WebGL2RenderingContext, samples: 1 | 3, values: StoredValues): readonly [TextureKind, number, number, number] {
  if (samples === 3) return ["colour", gl.RGB8, gl.RGB, gl.UNSIGNED_BYTE];
  if (values instanceof Uint8Array) return ["unsigned", gl.R8UI, gl.RED_INTEGER, gl.UNSIGNED_BYTE];
  if (values instanceof Int8Array) return ["signed", gl.R8I, gl.RED_INTEGER, gl.BYTE];
  if (values instanceof Uint16Array) return ["unsigned", gl.R16UI, gl.RED_INTEGER, gl.UNSIGNED_SHORT];
  if (values instanceof Int16Array) return ["signed", gl.R16I, gl.RED_INTEGER, gl.SHORT];
  return ["real", gl.R32F, gl.RED, gl.FLOAT];
}

/** Every `step`th pixel of every `step`th row. */
function thinned({ rows, columns, samples, values }: DecodedFrame, step: number): DecodedFrame {
  const thinRows = Math.floor(rows / step);
  const thinColumns = Math.floor(columns / step);
  const out = values.slice(0, thinRows * thinColumns * samples);
  for (let row = 0, o = 0; row < thinRows; row++) {
    for (let column = 0; column < thinColumns; column++) {
      const from = (row * columns + column) * step * samples;
      for (let sample = 0; sample < samples; sample++) out[o++] = values[from + sample]!;
    }
  }
  return { rows: thinRows, columns: thinColumns, samples, values: out };
}

function place(gl: WebGL2RenderingContext, program: Program, shape: Shape, appearance: Appearance, canvas: HTMLCanvasElement, pixelRatio: number): void {
  const { a, b, c, d, e, f } = inverse(appearance.toPane);
  const { step } = shape;
  const perDevicePx = 1 / (pixelRatio * step);
  const texelsPerPixel = Math.max(Math.hypot(a, b), Math.hypot(c, d)) * perDevicePx;
  gl.uniform1i(program.uniform("image"), 0);
  gl.uniform2i(program.uniform("size"), shape.columns, shape.rows);
  gl.uniform2f(program.uniform("paneSize"), canvas.width, canvas.height);
  gl.uniform3f(program.uniform("toImageX"), a * perDevicePx, c * perDevicePx, e / step);
  gl.uniform3f(program.uniform("toImageY"), b * perDevicePx, d * perDevicePx, f / step);
  gl.uniform1i(program.uniform("interpolate"), appearance.interpolate ? 1 : 0);
  gl.uniform1i(program.uniform("taps"), Math.min(MOST_TAPS, Math.max(1, Math.ceil(texelsPerPixel - 0.01))));
  gl.uniform1i(program.uniform("negative"), appearance.negative ? 1 : 0);
}

const VOI_CODE = { LINEAR: 0, LINEAR_EXACT: 1, SIGMOID: 2 } as const;
const VOI_LUT_CODE = 3;

function setGreys(gl: WebGL2RenderingContext, program: Program, resources: Resources, { modality, voi, inverse: inverted, padding }: Greys): void {
  gl.uniform2f(program.uniform("modality"), modality.slope, modality.intercept);
  gl.uniform2f(program.uniform("window"), voi.window.center, voi.window.width);
  gl.uniform1i(program.uniform("voi"), voi.lut ? VOI_LUT_CODE : VOI_CODE[voi.function]);
  gl.uniform1i(program.uniform("inverse"), inverted ? 1 : 0);
  gl.uniform1i(program.uniform("hasPadding"), padding ? 1 : 0);
  gl.uniform2f(program.uniform("padding"), padding?.[0] ?? 0, padding?.[1] ?? 0);
  gl.uniform1i(program.uniform("voiLut"), 1);
  gl.activeTexture(gl.TEXTURE1);
  gl.bindTexture(gl.TEXTURE_2D, resources.lut);
  uploadLut(gl, resources, voi.lut ?? NO_LUT);
  if (!voi.lut) return;
  gl.uniform1i(program.uniform("voiLutFirst"), voi.lut.first);
  gl.uniform1i(program.uniform("voiLutCount"), voi.lut.values.length);
  gl.uniform1f(program.uniform("voiLutTop"), 2 ** voi.lut.bits - 1);
}

/** A sampler without a texture is an error even where it is not used. */
const NO_LUT: Lut = { first: 0, bits: 16, values: new Uint16Array(1) };
const LUT_WIDTH = 256;

function uploadLut(gl: WebGL2RenderingContext, resources: Resources, lut: Lut): void {
  if (resources.uploadedLut === lut) return;
  const rows = Math.ceil(lut.values.length / LUT_WIDTH);
  const padded = new Uint16Array(rows * LUT_WIDTH);
  padded.set(lut.values);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.R16UI, LUT_WIDTH, rows, 0, gl.RED_INTEGER, gl.UNSIGNED_SHORT, padded);
  resources.uploadedLut = lut;
}
