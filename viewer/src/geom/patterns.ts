// Test patterns as grey levels, one for each pixel of the screen: after SMPTE RP 133 and the patterns of AAPM TG18.
// They are drawn here for any size, so that no picture of one is ever stretched; what they are for is in docs/displays.md.

/** Grey levels of 0 to 255, row by row. */
export interface Greyscale {
  readonly width: number;
  readonly height: number;
  readonly values: Uint8Array;
}

export type PatternName = "smpte" | "tg18-qc" | "tg18-ad" | "tg18-ct" | "tg18-unl" | "tg18-ln";

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Per cent of white as a grey level. */
const grey = (percent: number): number => Math.round((percent / 100) * 255);

/** The sixteen levels of TG18-QC in 8 bits, each in the middle of its sixteenth. */
const SIXTEENTHS = Array.from({ length: 16 }, (_, index) => 8 + 16 * index);
/** Of the eighteen steps of TG18-LN in 8 bits. */
const EIGHTEEN = Array.from({ length: 18 }, (_, index) => 15 * index);
/** A target differs from what it lies on by so many levels. */
const LOW_CONTRAST = 4;

const DRAWN: Readonly<Record<PatternName, (picture: Greyscale) => void>> = {
  smpte: drawSmpte,
  "tg18-qc": drawQc,
  "tg18-ad": drawAd,
  "tg18-ct": drawCt,
  "tg18-unl": drawUnl,
  "tg18-ln": drawLn,
};

/** The pattern for a screen of so many pixels. */
export function patternOf(name: PatternName, width: number, height: number): Greyscale {
  const picture = { width, height, values: new Uint8Array(width * height) };
  DRAWN[name](picture);
  return picture;
}

/** The grey level of a pixel. */
export function greyAt({ width, values }: Greyscale, x: number, y: number): number {
  return values[y * width + x]!;
}

/** A grid, eleven squares from black to white, those of 5 and 95 per cent within black and white, and bars one pixel wide. */
function drawSmpte(picture: Greyscale): void {
  fill(picture, whole(picture), grey(50));
  const area = square(picture);
  const cell = Math.floor(area.width / 14);
  for (let line = 0; line <= 14; line++) {
    fill(picture, { ...area, x: area.x + line * cell, width: 1 }, grey(75));
    fill(picture, { ...area, y: area.y + line * cell, height: 1 }, grey(75));
  }
  const at = (column: number, row: number, columns = 1, rows = 1): Box => ({
    x: area.x + column * cell + 1,
    y: area.y + row * cell + 1,
    width: columns * cell - 1,
    height: rows * cell - 1,
  });
  [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100].forEach((percent, index) => {
    fill(picture, at(index < 6 ? 4 + index : 9 - (index - 6), index < 6 ? 4 : 9), grey(percent));
  });
  within(picture, at(4, 6, 2, 2), grey(0), grey(5));
  within(picture, at(8, 6, 2, 2), grey(100), grey(95));
  // Black beside white, where a screen or its cable would leave a trail.
  fill(picture, at(3, 11, 8), grey(0));
  fill(picture, at(4, 11, 6), grey(100));
  for (const [column, row] of [[1, 1], [11, 1], [1, 11], [11, 11], [6, 6]] as const) bars(picture, at(column, row, 2, 2));
  frame(picture, grey(100));
}

/** Sixteen levels with faint squares in their corners, ramps at both sides, bars one pixel wide, and 5 and 95 per cent. */
function drawQc(picture: Greyscale): void {
  fill(picture, whole(picture), grey(50));
  const area = square(picture);
  const cell = Math.floor(area.width / 10);
  SIXTEENTHS.forEach((level, index) => {
    const patch = { x: area.x + (3 + (index % 4)) * cell, y: area.y + (2 + Math.floor(index / 4)) * cell, width: cell, height: cell };
    fill(picture, patch, level);
    const side = Math.max(2, Math.floor(cell / 6));
    const corner = (x: number, y: number, by: number): void => fill(picture, { x, y, width: side, height: side }, level + by);
    corner(patch.x + side, patch.y + side, LOW_CONTRAST);
    corner(patch.x + cell - 2 * side, patch.y + cell - 2 * side, -LOW_CONTRAST);
  });
  within(picture, { x: area.x + 3 * cell, y: area.y + 6.5 * cell, width: cell, height: cell }, grey(0), grey(5));
  within(picture, { x: area.x + 6 * cell, y: area.y + 6.5 * cell, width: cell, height: cell }, grey(100), grey(95));
  ramp(picture, { x: area.x + cell, y: area.y + cell, width: cell, height: 8 * cell }, "down");
  ramp(picture, { x: area.x + 8 * cell, y: area.y + cell, width: cell, height: 8 * cell }, "up");
  for (const [x, y] of [[0, 0], [9, 0], [0, 9], [9, 9], [4.5, 6.5]] as const) bars(picture, { x: area.x + x * cell, y: area.y + y * cell, width: cell, height: cell });
  frame(picture, grey(100));
}

/** Dark squares whose halves differ by one level to seven: light of the room that falls on the screen hides the first ones. */
function drawAd(picture: Greyscale): void {
  const area = square(picture);
  const cell = Math.floor(area.width / 7);
  for (let row = 0; row < 7; row++) {
    for (let column = 0; column < 7; column++) {
      const level = 4 * row + 2;
      const patch = { x: area.x + column * cell, y: area.y + row * cell, width: cell, height: cell };
      fill(picture, patch, level);
      halfMoon(picture, patch, level + column + 1);
    }
  }
}

/** Each of the sixteen levels with a round target whose halves are a little darker and lighter. */
function drawCt(picture: Greyscale): void {
  fill(picture, whole(picture), grey(50));
  const area = square(picture);
  const cell = Math.floor(area.width / 4);
  SIXTEENTHS.forEach((level, index) => {
    const patch = { x: area.x + (index % 4) * cell, y: area.y + Math.floor(index / 4) * cell, width: cell, height: cell };
    fill(picture, patch, level);
    halfMoon(picture, patch, level + LOW_CONTRAST);
  });
}

/** One level of 80 per cent all over: stains, dead pixels, and edges that are darker than the middle. */
function drawUnl(picture: Greyscale): void {
  fill(picture, whole(picture), grey(80));
}

/** Eighteen steps from black to white above a ramp of all 256 levels. */
function drawLn(picture: Greyscale): void {
  const { width, height } = picture;
  const half = Math.floor(height / 2);
  EIGHTEEN.forEach((level, index) => {
    const x = Math.floor((index * width) / EIGHTEEN.length);
    fill(picture, { x, y: 0, width: Math.floor(((index + 1) * width) / EIGHTEEN.length) - x, height: half }, level);
  });
  for (let x = 0; x < width; x++) fill(picture, { x, y: half, width: 1, height: height - half }, Math.floor((x * 256) / width));
}

function whole({ width, height }: Greyscale): Box {
  return { x: 0, y: 0, width, height };
}

/** The largest square in the middle. */
function square({ width, height }: Greyscale): Box {
  const side = Math.min(width, height);
  return { x: Math.floor((width - side) / 2), y: Math.floor((height - side) / 2), width: side, height: side };
}

function fill({ width, height, values }: Greyscale, box: Box, level: number): void {
  const left = Math.max(0, Math.round(box.x));
  const right = Math.min(width, Math.round(box.x) + Math.round(box.width));
  const bottom = Math.min(height, Math.round(box.y) + Math.round(box.height));
  for (let y = Math.max(0, Math.round(box.y)); y < bottom; y++) values.fill(level, y * width + left, y * width + right);
}

/** A square within a square. */
function within(picture: Greyscale, box: Box, outer: number, inner: number): void {
  fill(picture, box, outer);
  const [width, height] = [Math.round(box.width / 2), Math.round(box.height / 2)];
  fill(picture, { x: box.x + width / 2, y: box.y + height / 2, width, height }, inner);
}

/** One pixel white, one black: upright in the left half, lying in the right one. */
function bars(picture: Greyscale, box: Box): void {
  const [x, y, half] = [Math.round(box.x), Math.round(box.y), Math.floor(box.width / 2)];
  for (let at = 0; at < half; at++) fill(picture, { x: x + at, y, width: 1, height: box.height }, at % 2 ? 0 : 255);
  for (let at = 0; at < box.height; at++) fill(picture, { x: x + half, y: y + at, width: half, height: 1 }, at % 2 ? 0 : 255);
}

function ramp(picture: Greyscale, box: Box, to: "up" | "down"): void {
  const height = Math.round(box.height);
  for (let at = 0; at < height; at++) {
    const level = Math.floor((at * 256) / height);
    fill(picture, { ...box, y: Math.round(box.y) + at, height: 1 }, to === "down" ? level : 255 - level);
  }
}

/** A round target in the middle, its left half of another level. */
function halfMoon(picture: Greyscale, box: Box, level: number): void {
  const radius = Math.floor(box.width / 4);
  const [x, y] = [Math.round(box.x + box.width / 2), Math.round(box.y + box.height / 2)];
  for (let dy = -radius; dy <= radius; dy++) {
    const half = Math.floor(Math.sqrt(radius * radius - dy * dy));
    fill(picture, { x: x - half, y: y + dy, width: half, height: 1 }, level);
  }
}

/** The outermost line of pixels: none of the screen is cut off. */
function frame(picture: Greyscale, level: number): void {
  const { width, height } = picture;
  for (const line of [{ x: 0, y: 0, width, height: 1 }, { x: 0, y: height - 1, width, height: 1 }, { x: 0, y: 0, width: 1, height }, { x: width - 1, y: 0, width: 1, height }]) {
    fill(picture, line, level);
  }
}
