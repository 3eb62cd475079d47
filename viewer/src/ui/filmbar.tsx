// Play, pause and speed, under a series that was recorded as a film or that runs as one.
import type { JSX } from "preact";
import { measureText, t } from "../i18n";
import { filmRate, isFilm, playing } from "../tools/cine";
import { actionsOf, type Action } from "./actions";
import { Icon } from "./icons";
import { ActionButton, press } from "./toolbar";

export function FilmBar(): JSX.Element | null {
  if (!isFilm.value && !playing.value) return null;
  const [slower, play, faster] = actionsOf(["slower", "play", "faster"]) as [Action, Action, Action];
  return (
    <div class="film-bar" role="group" aria-label={t("cine.speed")}>
      <ActionButton action={slower} bare />
      <button type="button" class="button film-play" data-action="film" onClick={(event) => press(event, play.run)}>
        <Icon name={playing.value ? "pause" : "play"} />
        {t(playing.value ? "cine.pause" : "cine.play")}
      </button>
      <ActionButton action={faster} bare />
      <span class="numbers">{t("cine.rate", { n: measureText(filmRate.value, Number.isInteger(filmRate.value) ? 0 : 1) })}</span>
    </div>
  );
}
