// What the thumb's toolbar opens: windows by name, and everything that has no button in it.
import type { JSX } from "preact";
import { t } from "../i18n";
import { windowText } from "../i18n/format";
import { closeSheet } from "../state/sheets";
import { isInUse, presets, usePreset } from "../tools/presets";
import { actions, isOffered, type ActionName } from "./actions";
import { MenuItem } from "./menu";
import { Sheet } from "./sheet";
import { PhoneButton } from "./toolbar";

const IN_TOUCH_SHEET: readonly ActionName[] = [
  "crosshair",
  "planes",
  "link",
  "length",
  "angle",
  "cobb",
  "ellipse",
  "rectangle",
  "freehand",
  "probe",
  "arrow",
  "text",
  "magnify",
  "calibrate",
  "measurements",
  "key_image",
  "key_images",
  "undo",
  "redo",
  "delete_measurement",
  "pan",
  "fit",
  "reset",
  "invert",
  "rotate_left",
  "rotate_right",
  "flip_horizontal",
  "flip_vertical",
  "play",
  "slower",
  "faster",
  "first_image",
  "last_image",
  "previous_series",
  "next_series",
  "objects",
  "overlay_planes",
  "corners",
  "print",
  "export",
  "full_screen",
  "help",
  "list",
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

export function TouchSheet(): JSX.Element {
  const offered = actions.value.filter(({ name }) => IN_TOUCH_SHEET.includes(name)).filter(isOffered);
  return (
    <Sheet title={t("read.more")} close={closeSheet}>
      <div class="touch-grid">
        {offered.map((action) => (
          <PhoneButton key={action.name} action={action} />
        ))}
      </div>
    </Sheet>
  );
}
