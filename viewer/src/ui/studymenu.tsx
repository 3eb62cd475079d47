// What else can be done with a study of the list.
import type { JSX } from "preact";
import { t } from "../i18n";
import { exportPath } from "../net/paths";
import { Menu, MenuItem } from "./menu";

export function StudyMenu({ study }: { readonly study: string }): JSX.Element {
  return (
    <Menu name={t("list.actions")} icon="more" class="study-menu">
      <MenuItem text={t("list.download")} icon="download" run={() => download(exportPath(study, true))} />
      <MenuItem text={t("list.download_names")} icon="download" run={() => download(exportPath(study, false))} />
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
