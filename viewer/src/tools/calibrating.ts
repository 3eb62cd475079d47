// A line of a known length: from it what each pixel of that object measures, until it is undone.
import { lengthOf, type Step } from "../geom/shapes";
import { shapeResults } from "../measure/results";
import type { Annotation } from "../net/annotation";
import type { Viewport } from "../render/viewport";
import { annotations, stepOf, type Change } from "../state/annotations";
import { asked } from "../state/asked";
import { calibrate, calibrationOf } from "../state/calibration";
import { perform } from "../state/history";
import { drawing } from "./drawing";
import { groundOf, measuredOf } from "./grounds";

export const calibrating = drawing("calibrate", "length", (line, viewport) => {
  const { place } = line;
  if (place.on !== "frame") return;
  asked.value = {
    title: "measure.calibrate_title",
    label: "measure.calibrate_label",
    value: "",
    kind: "mm",
    done: (typed) => take(viewport, line, place.sop_instance_uid, Number(typed)),
  };
});

/** Pixels keep their shape: the length tells the size of both sides. */
function take(viewport: Viewport, { points }: Annotation, sopInstanceUid: string, lengthMm: number): void {
  const ground = groundOf(viewport);
  if (!ground || !(lengthMm > 0)) return;
  const [one, other] = points.map(ground.toPicture);
  const aspect = ground.frame.pixel_aspect_ratio;
  const mm = lengthMm / lengthOf(one!, other!, { x: 1, y: aspect });
  calibrateWith(viewport, sopInstanceUid, { x: mm, y: mm * aspect });
}

/** Null takes a calibration away. What is drawn on the object is told anew; all of it is one step to undo. */
export function calibrateWith(viewport: Viewport, sopInstanceUid: string, step: Step | null): void {
  const before = calibrationOf(sopInstanceUid);
  const ground = groundOf(viewport);
  if (!ground) return;
  const measured = { ...measuredOf(viewport, ground), calibration: step };
  const drawn = [...annotations.peek().values()].filter(({ place }) => place.on === "frame" && place.sop_instance_uid === sopInstanceUid);
  const changes = drawn.map((annotation): Change => {
    const shape = shapeResults(annotation.kind, annotation.points.map(ground.toPicture), measured);
    const counted = annotation.results.filter(({ quantity }) => ["mean", "sd", "min", "max", "value"].includes(quantity));
    return { before: annotation, after: { ...annotation, results: [...shape, ...counted] } };
  });
  const retold = stepOf(changes);
  perform({
    redo() {
      calibrate(sopInstanceUid, step);
      retold.redo();
    },
    undo() {
      calibrate(sopInstanceUid, before);
      retold.undo();
    },
  });
}
