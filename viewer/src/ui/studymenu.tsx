// What else can be done with a study of the list.
import type { JSX } from "preact";
import { t } from "../i18n";
import type { StudySummary } from "../net/api";
import { exportPath } from "../net/paths";
import { chosenStudies, toggleChosen } from "../state/saved";
import { Menu, MenuItem } from "./menu";
import { askRemoval, mayRemove } from "./removal";

export function StudyMenu({ study }: { readonly study: StudySummary }): JSX.Element {
  const uid = study.study_instance_uid;
  return (
    <Menu name={t("list.actions")} icon="more" class="study-menu">
      <MenuItem text={t("list.choose_this")} icon="grid" chosen={chosenStudies.value.includes(uid)} run={() => toggleChosen(uid)} />
      <MenuItem text={t("list.download")} icon="download" run={() => download(exportPath(uid, true))} />
      <MenuItem text={t("list.download_names")} icon="download" run={() => download(exportPath(uid, false))} />
      {mayRemove() && <MenuItem text={t("list.remove")} icon="remove" run={() => askRemoval(study)} />}
    </Menu>
  );
}

/** The browser keeps it, shows how far it is, and goes on where it broke off. */
function download(path: string): void {
  const link = document.createElement("a");
  link.href = path;
  link.download = "";
  link.click();
}
