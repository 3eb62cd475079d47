// What was taken away just now, and the way back.
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../../i18n";
import { undoable } from "../../state/undo";
import { Icon } from "../icons";
import { Problem, useAct } from "./act";

export function UndoBar(): JSX.Element | null {
  const offered = undoable.value;
  const button = useRef<HTMLButtonElement>(null);
  const { working, failed, run } = useAct();

  useEffect(() => button.current?.focus(), [offered]);
  useEffect(() => () => void (undoable.value = null), []);
  if (!offered) return null;

  const undo = async (): Promise<void> => {
    if (await run(() => offered.undo())) undoable.value = null;
  };
  return (
    <div class="undo" role="status">
      <span>{offered.text}</span>
      <Problem failed={failed} />
      <button ref={button} type="button" class="button framed" aria-disabled={working} onClick={() => void undo()}>
        {t("undo")}
      </button>
      <button type="button" class="button" aria-label={t("close")} title={t("close")} onClick={() => (undoable.value = null)}>
        <Icon name="close" />
      </button>
    </div>
  );
}
