// What the thumb's toolbar opens: windows by name, and everything that has no button in it.
import type { JSX } from "preact";
import { t } from "../i18n";
import { windowText } from "../i18n/format";
import { closeSheet } from "../state/sheets";
import { isInUse, presets, usePreset } from "../tools/presets";
import { actions, isOffered, type Action, type ActionName, type Group } from "./actions";
import { MenuItem } from "./menu";
import { Sheet } from "./sheet";
import { PhoneButton } from "./toolbar";

const GROUPS: readonly Group[] = ["tools", "measure", "view", "images", "layout", "page"];

/** Fingers have a gesture for these, or a button in the toolbar. */
const NOT_HERE: readonly ActionName[] = [
  "scroll",
  "window",
  "zoom",
  "next_image",
  "previous_image",
  "next_images",
  "previous_images",
  "zoom_in",
  "zoom_out",
  "side_list",
];

export function PresetSheet(): JSX.Element {
  return (
    <Sheet title={t("read.presets")} close={closeSheet}>
      <div role="menu" aria-label={t("read.presets")} onClick={closeSheet}>
        {presets.value.map((preset, index) => (
          <MenuItem
            key={index}
            text={preset.name}
            chosen={isInUse(preset)}
            run={() => usePreset(preset)}
            aside={t("corner.window", { center: windowText(preset.center), width: windowText(preset.width) })}
          />
        ))}
      </div>
    </Sheet>
  );
}

/** Everything that can be done now, by kind: what parts bring is here without being named. */
export function TouchSheet(): JSX.Element {
  const offered = actions.value.filter((action) => !NOT_HERE.includes(action.name) && isOffered(action));
  return (
    <Sheet title={t("read.more")} close={closeSheet}>
      {GROUPS.map((group) => ({ group, its: offered.filter((action) => action.group === group) })).map(
        ({ group, its }) =>
          its.length > 0 && (
            <section key={group} class="touch-group" aria-label={nameOf(group)}>
              <h3>{nameOf(group)}</h3>
              <div class="touch-grid">
                {its.map((action) => (
                  <PhoneButton key={action.name} action={{ ...action, run: () => leaveTo(action) }} />
                ))}
              </div>
            </section>
          ),
      )}
    </Sheet>
  );
}

/** A thumb has no buttons of a mouse to give tools to. */
function nameOf(group: Group): string {
  return t(group === "tools" ? "read.tools" : `group.${group}`);
}

/** The sheet goes first: what is done may open another. */
function leaveTo(action: Action): void {
  closeSheet();
  action.run();
}
