// Play, pause and speed, over a series that was recorded as a film or that runs as one.
import type { JSX } from "preact";
import { measureText, t, type Key } from "../i18n";
import { filmRate, isFilm, setSpeed } from "../tools/cine";
import { Icon, type IconName } from "./icons";
import type { LayerProps } from "./parts";
import { press } from "./toolbar";

export function FilmBar({ viewport }: LayerProps): JSX.Element | null {
  const runs = viewport.playing.value;
  if (!isFilm(viewport) && !runs) return null;
  const rate = filmRate(viewport);
  const toggle = (): void => (runs ? viewport.stop() : viewport.play(rate));
  return (
    <div class="film-bar" role="group" aria-label={t("cine.speed")}>
      <Step label="action.slower" icon="slower" run={() => setSpeed(viewport, -1)} />
      <button type="button" class="button film-play" data-action="film" onClick={(event) => press(event, toggle)}>
        <Icon name={runs ? "pause" : "play"} />
        {t(runs ? "cine.pause" : "cine.play")}
      </button>
      <Step label="action.faster" icon="faster" run={() => setSpeed(viewport, 1)} />
      <span class="numbers">{t("cine.rate", { n: measureText(rate, Number.isInteger(rate) ? 0 : 1) })}</span>
    </div>
  );
}

interface StepProps {
  readonly label: Key;
  readonly icon: IconName;
  readonly run: () => void;
}

function Step({ label, icon, run }: StepProps): JSX.Element {
  return (
    <button type="button" class="button" aria-label={t(label)} title={t(label)} onClick={(event) => press(event, run)}>
      <Icon name={icon} />
    </button>
  );
}
