// A pane as it is seen, as one picture: what is drawn over it and written on it too, or without whose it is.
import { newCanvas } from "./rendered";

/** What says whose picture it is, and where it was made. */
const PERSONAL = ".identity, .corner";

export async function paneImage(pane: HTMLElement, deidentified: boolean): Promise<HTMLCanvasElement> {
  const picture = pane.querySelector<HTMLCanvasElement>("canvas.picture")!;
  const canvas = newCanvas(picture);
  const context = canvas.getContext("2d")!;
  const box = pane.getBoundingClientRect();
  const scale = picture.width / box.width;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture, 0, 0);
  context.setTransform(scale, 0, 0, scale, -box.left * scale, -box.top * scale);
  for (const drawing of pane.querySelectorAll("svg")) await drawSvg(context, drawing);
  for (const bar of pane.querySelectorAll(".scale i")) drawBar(context, bar.getBoundingClientRect());
  for (const text of textsIn(pane)) if (!(deidentified && text.parentElement?.closest(PERSONAL))) drawText(context, text);
  return canvas;
}

/** What is written over the picture, but in buttons and drawings. */
function textsIn(pane: HTMLElement): readonly Text[] {
  const walker = document.createTreeWalker(pane, NodeFilter.SHOW_TEXT);
  const found: Text[] = [];
  while (walker.nextNode()) {
    const text = walker.currentNode as Text;
    if (text.data.trim() !== "" && !text.parentElement?.closest("svg, button, [role=slider], .unseen")) found.push(text);
  }
  return found;
}

function drawText(context: CanvasRenderingContext2D, text: Text): void {
  const range = document.createRange();
  range.selectNodeContents(text);
  const box = range.getBoundingClientRect();
  if (box.width === 0) return;
  const style = getComputedStyle(text.parentElement!);
  context.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  context.textBaseline = "middle";
  context.lineWidth = 3;
  context.lineJoin = "round";
  context.strokeStyle = "rgb(0 0 0 / 80%)";
  context.fillStyle = style.color;
  const place = [text.data, box.left, box.top + box.height / 2, box.width] as const;
  context.strokeText(...place);
  context.fillText(...place);
}

function drawBar(context: CanvasRenderingContext2D, { left, right, top, bottom }: DOMRect): void {
  context.strokeStyle = "#e4e7ea";
  context.lineWidth = 2;
  context.beginPath();
  context.moveTo(left + 1, top);
  context.lineTo(left + 1, bottom - 1);
  context.lineTo(right - 1, bottom - 1);
  context.lineTo(right - 1, top);
  context.stroke();
}

/** What a drawing takes from the page's style it must say itself to be a picture of its own. */
const STYLES = ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font", "text-anchor", "paint-order", "visibility", "display"];

async function drawSvg(context: CanvasRenderingContext2D, drawing: SVGSVGElement): Promise<void> {
  const box = drawing.getBoundingClientRect();
  if (box.width === 0 || drawing.closest("button")) return;
  const copy = drawing.cloneNode(true) as SVGSVGElement;
  const copies = copy.querySelectorAll<SVGElement>("*");
  drawing.querySelectorAll<SVGElement>("*").forEach((element, index) => {
    const style = getComputedStyle(element);
    for (const name of STYLES) copies[index]!.style.setProperty(name, style.getPropertyValue(name));
  });
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", String(box.width));
  copy.setAttribute("height", String(box.height));
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  await image.decode();
  context.drawImage(image, box.left, box.top, box.width, box.height);
}
