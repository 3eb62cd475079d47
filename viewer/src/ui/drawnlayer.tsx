// Over each picture: what is drawn on it, the loupe, and the value under the pointer.
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { Ground } from "../measure/ground";
import { needsPixels, resultsOf, type Measured } from "../measure/results";
import type { Annotation } from "../net/annotation";
import { Annotations } from "../overlay/annotations";
import { LoupeView } from "../overlay/loupe";
import { ProbedView } from "../overlay/probed";
import { annotations, completeAnnotation } from "../state/annotations";
import { nudge } from "../tools/editing";
import { groundOf, measuredOf } from "../tools/grounds";
import type { LayerProps } from "./parts";

export function DrawnLayer({ viewport }: LayerProps): JSX.Element | null {
  const ground = groundOf(viewport);
  const measured = ground && measuredOf(viewport, ground);
  useEffect(() => {
    if (ground && measured?.values) for (const each of annotations.peek().values()) if (ground.has(each)) complete(each, ground, measured);
  }, [ground?.document, ground?.frame, measured?.values, measured?.suv]);
  if (!ground || !measured) return null;
  const resultsAt = (x: number, y: number): Annotation["results"] => resultsOf("probe", [{ x, y }], measured);
  return (
    <>
      <Annotations {...{ viewport, ground, nudge }} />
      <ProbedView viewport={viewport} resultsAt={resultsAt} />
      <LoupeView viewport={viewport} />
    </>
  );
}

/** Tells what had to wait for the pixels, and values in the unit that is wanted now. */
function complete(annotation: Annotation, { toPicture }: Ground, measured: Measured): void {
  if (!needsPixels(annotation.kind)) return;
  const results = resultsOf(annotation.kind, annotation.points.map(toPicture), measured);
  if (typesIn(results) !== typesIn(annotation.results)) completeAnnotation({ ...annotation, results });
}

/** What is told of pixels, and in which unit: "mean SUVbw, sd SUVbw ...". */
function typesIn(results: Annotation["results"]): string {
  const counted = results.filter(({ quantity }) => !["area", "length", "width", "height", "angle"].includes(quantity));
  return counted.map(({ quantity, type, unit }) => `${quantity} ${type} ${unit}`).join();
}
