// The window that shows just what is in a region: from its lowest value to its highest.
import { windowOver } from "../geom/window";
import { statisticsOf } from "../measure/statistics";
import { selected } from "../state/annotations";
import { groundOf } from "./grounds";
import { activeViewport } from "./viewports";

export function windowOfRegion(): void {
  const [viewport, annotation] = [activeViewport.peek(), selected.peek()];
  const ground = viewport && groundOf(viewport);
  const pixels = viewport?.pixels.peek();
  if (!viewport || !pixels || !annotation || !ground?.has(annotation)) return;
  const { kind } = annotation;
  if (kind !== "ellipse" && kind !== "rectangle" && kind !== "freehand") return;
  const counted = statisticsOf(pixels, { kind, points: annotation.points.map(ground.toPicture) });
  if (!counted) return;
  const { center, width } = windowOver(counted.min, counted.max, pixels.attributes.voi_lut_function);
  viewport.setWindow(center, width);
}
