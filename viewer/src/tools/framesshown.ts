// Which frame a viewport shows, by its UIDs.
import type { FramePlace } from "../net/annotation";
import { frameAttributes } from "../net/series";
import type { Viewport } from "../render/viewport";

/** Null while nothing is on screen, and of a plane through a volume. */
export function frameShown({ document, shown }: Viewport): FramePlace | null {
  const series = document.value;
  if (!series || shown.value < 0 || shown.value >= series.number_of_frames) return null;
  const { instance, frame_number } = frameAttributes(series, shown.value);
  const of = series.instances[instance];
  if (!of) return null;
  const { study_instance_uid, series_instance_uid } = series;
  return { on: "frame", study_instance_uid, series_instance_uid, sop_class_uid: of.sop_class_uid, sop_instance_uid: of.sop_instance_uid, frame_number };
}
