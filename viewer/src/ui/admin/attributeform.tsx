// Making one more attribute searchable.
import type { JSX } from "preact";
import { t } from "../../i18n";
import { addFurther, LEVELS } from "../../net/admin";
import { attributes, furtherOf, VRS } from "../../state/attributes";
import { Sheet } from "../sheet";
import { Problem, useAct } from "./act";
import { Field, TextField } from "./field";

export function AttributeForm({ close }: { readonly close: () => void }): JSX.Element {
  const { working, failed, run } = useAct();
  const onSubmit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const asked = furtherOf(new FormData(event.currentTarget as HTMLFormElement));
    if (!(await run(() => addFurther(asked)))) return;
    close();
    void attributes.ask();
  };
  return (
    <Sheet title={t("attributes.add")} close={close} firm class="small-sheet">
      <form class="admin-form" onSubmit={(event) => void onSubmit(event)}>
        <TextField label={t("attributes.attribute")} name="attribute" hint={t("attributes.attribute_hint")} maxLength={128} focused required />
        <Field label={t("attributes.level")} hint={t("attributes.level_hint")}>
          {(described) => (
            <select {...described} class="field" name="level">
              {LEVELS.map((level) => (
                <option key={level} value={level} selected={level === "study"}>
                  {t(`level.${level}`)}
                </option>
              ))}
            </select>
          )}
        </Field>
        <PrivateFields />
        <Problem failed={failed} />
        <div class="form-end">
          <button type="button" class="button framed" onClick={close}>
            {t("cancel")}
          </button>
          <button type="submit" class="button primary" aria-disabled={working}>
            {t("attributes.add_now")}
          </button>
        </div>
      </form>
    </Sheet>
  );
}

function PrivateFields(): JSX.Element {
  return (
    <fieldset class="admin-group">
      <legend>{t("attributes.private")}</legend>
      <div class="form-grid">
        <TextField label={t("attributes.creator")} name="creator" hint={t("attributes.creator_hint")} maxLength={64} />
        <Field label="VR" hint={t("attributes.vr_hint")}>
          {(described) => (
            <select {...described} class="field" name="vr">
              <option value="">{t("attributes.vr_known")}</option>
              {VRS.map((vr) => (
                <option key={vr}>{vr}</option>
              ))}
            </select>
          )}
        </Field>
      </div>
    </fieldset>
  );
}
