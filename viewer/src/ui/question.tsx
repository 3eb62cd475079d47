// Asks for a word or a length.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../i18n";
import { asked, type Asked } from "../state/asked";
import { Sheet } from "./sheet";

/** As pydicom and our server take it: what a presentation state can hold (PS3.3 C.10.5, ST). */
const LONGEST = 1000;

export function QuestionPlace(): JSX.Element | null {
  return asked.value && <Question key={asked.value.title} asked={asked.value} />;
}

function Question({ asked: { title, label, value, kind, done } }: { readonly asked: Asked }): JSX.Element {
  const field = useRef<HTMLInputElement>(null);
  const [wrong, setWrong] = useState(false);
  useEffect(() => field.current!.select(), []);
  const close = (): void => {
    asked.value = null;
  };
  const take = (event: Event): void => {
    event.preventDefault();
    // A comma is the decimal sign of Vietnamese and French.
    const typed = kind === "mm" ? field.current!.value.trim().replace(",", ".") : field.current!.value;
    if (kind === "mm" && !(Number(typed) > 0 && Number.isFinite(Number(typed)))) return setWrong(true);
    close();
    done(typed);
  };
  return (
    <Sheet title={t(title)} close={close} firm>
      <form class="asked" onSubmit={take}>
        <label>
          <span>{t(label)}</span>
          <input ref={field} class="field" defaultValue={value} maxLength={LONGEST} inputMode={kind === "mm" ? "decimal" : "text"} autocomplete="off" />
        </label>
        {kind === "mm" && <p class="asked-hint">{t("measure.calibrate_hint")}</p>}
        {wrong && <p role="alert">{t("measure.no_length")}</p>}
        <button type="submit" class="button framed">
          {t("measure.take")}
        </button>
      </form>
    </Sheet>
  );
}
