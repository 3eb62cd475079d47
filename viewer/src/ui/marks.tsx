// What else is to be known of a picture at a glance: on the button in its corner, and loudly where a mistake is near.
import type { JSX } from "preact";
import { t } from "../i18n";
import { fitnessFor, isRead, patientsInSight } from "../state/fitness";
import { Icon } from "./icons";
import type { LayerProps } from "./parts";
import "./marks.css";

/** Contradictions in the headers; quiet once they were read, and never gone. */
export function WarningMark({ document }: LayerProps): JSX.Element | null {
  if (document.warnings.length === 0) return null;
  const read = isRead(document.series_instance_uid);
  return (
    <span class={`mark ${read ? "read" : "unread"}`} data-mark="warnings">
      <Icon name="warning" />
      {t("mark.warnings", { n: document.warnings.length })}
    </span>
  );
}

export function ScreenMark({ document }: LayerProps): JSX.Element | null {
  if (fitnessFor(document.modality).fits) return null;
  return (
    <span class="mark" data-mark="screen">
      {t("mark.screen")}
    </span>
  );
}

/** Turning a picture leaves right and left where they were; flipping it does not. */
export function MirroredMark({ viewport }: LayerProps): JSX.Element | null {
  const { flipH, flipV } = viewport.view.value;
  if (flipH === flipV) return null;
  return (
    <span class="mark unread" data-mark="mirrored">
      {t("mark.mirrored")}
    </span>
  );
}

export function OtherPatient(): JSX.Element | null {
  if (patientsInSight.value < 2) return null;
  return (
    <p class="other-patient" role="alert">
      <Icon name="warning" />
      {t("mark.other_patient", { n: patientsInSight.value })}
    </p>
  );
}
