// The buttons of the reading page: a line at the top of a desk, a line at the bottom of a phone.
import type { JSX } from "preact";
import { t } from "../i18n";
import { windowText } from "../i18n/format";
import { toggleSheet } from "../state/sheets";
import { playing } from "../tools/cine";
import { isInUse, presets, usePreset } from "../tools/presets";
import { actionsOf, isOffered, type Action, type ActionName } from "./actions";
import { Icon } from "./icons";
import { KeyCaps, keyText } from "./keys";
import { Menu, MenuItem } from "./menu";

const ON_DESK: readonly (readonly ActionName[])[] = [
  ["scroll", "window", "zoom", "pan"],
  ["length", "angle", "ellipse", "measurements", "key_images"],
  ["invert", "reset", "play"],
  ["grid", "planes", "crosshair", "link", "objects"],
];

/** In the menu at the end of the line: what has no button of its own, and is no key for moving about. */
const IN_MENU: readonly ActionName[] = [
  "cobb",
  "rectangle",
  "freehand",
  "probe",
  "arrow",
  "text",
  "calibrate",
  "magnify",
  "undo",
  "redo",
  "delete_measurement",
  "window_of_region",
  "edit_windows",
  "key_image",
  "fit",
  "rotate_right",
  "rotate_left",
  "flip_horizontal",
  "flip_vertical",
  "one_up",
  "link_view",
  "reference_lines",
  "projection",
  "straighten",
  "play_all",
  "like_this",
  "second_window",
  "to_other_window",
  "zoom_in",
  "zoom_out",
  "corners",
  "print",
  "export",
  "full_screen",
  "patterns",
  "help",
];

const ON_PHONE: readonly ActionName[] = ["scroll", "window", "zoom"];

export function DeskToolbar(): JSX.Element {
  return (
    <div class="toolbar" role="toolbar" aria-label={t("read.tools")} onKeyDown={keepSpace}>
      {ON_DESK.map((group, index) => (
        <div key={index} class="toolbar-group">
          {actionsOf(group).map((each) => (
            <ActionButton key={each.name} action={each} />
          ))}
          {index === 0 && <PresetMenu />}
        </div>
      ))}
      <Menu name={t("read.more")} icon="more" text={t("read.more")} side="left">
        {actionsOf(IN_MENU).filter(isOffered).map(({ name, label, icon, key, run }) => (
          <MenuItem key={name} text={t(label)} icon={icon} run={run} aside={<KeyCaps of={key} />} />
        ))}
      </Menu>
    </div>
  );
}

/** A button that has the focus takes the space bar for itself. */
export function keepSpace(event: KeyboardEvent): void {
  if (event.key === " ") event.stopPropagation();
}

interface ActionButtonProps {
  readonly action: Action;
  /** Only its icon is seen; its name is a tip. */
  readonly bare?: boolean;
}

export function ActionButton({ action, bare = false }: ActionButtonProps): JSX.Element {
  const pressed = action.isOn ? { "aria-pressed": action.isOn() } : {};
  return (
    <button
      type="button"
      class="button"
      {...pressed}
      aria-label={t(action.label)}
      aria-keyshortcuts={action.key || undefined}
      title={action.key ? `${t(action.label)} (${keyText(action.key)})` : t(action.label)}
      disabled={!isOffered(action)}
      data-action={action.name}
      onClick={(event) => press(event, action.run)}
    >
      <ActionFace action={action} bare={bare} />
    </button>
  );
}

function ActionFace({ action, bare = false }: ActionButtonProps): JSX.Element {
  const runs = action.name === "play" && playing.value;
  const text = action.name === "play" ? t(runs ? "cine.pause" : "cine.play") : t(action.label);
  return (
    <>
      <Icon name={runs ? "pause" : action.icon} />
      {!bare && <span class="button-text">{text}</span>}
    </>
  );
}

/** After a press by mouse or finger the keys belong to the picture again. */
export function press(event: MouseEvent, run: () => void): void {
  if (event.detail > 0 && event.currentTarget instanceof HTMLElement) event.currentTarget.blur();
  run();
}

function PresetMenu(): JSX.Element {
  return (
    <Menu name={t("read.presets")} icon="presets" text={t("read.presets")} side="left" class="preset-menu" disabled={presets.value.length === 0}>
      {presets.value.map((preset, index) => (
        <MenuItem
          key={index}
          text={preset.name}
          chosen={isInUse(preset)}
          run={() => usePreset(preset)}
          aside={
            <>
              {t("corner.window", { center: windowText(preset.center), width: windowText(preset.width) })} {preset.key && <KeyCaps of={preset.key} />}
            </>
          }
        />
      ))}
    </Menu>
  );
}

export function PhoneToolbar(): JSX.Element {
  return (
    <nav class="phone-bar" aria-label={t("read.tools")}>
      {actionsOf(ON_PHONE).map((action) => (
        <PhoneButton key={action.name} action={action} />
      ))}
      <button type="button" class="phone-button" disabled={presets.value.length === 0} data-action="presets" onClick={() => toggleSheet("presets")}>
        <Icon name="presets" />
        <span>{t("read.presets")}</span>
      </button>
      <button type="button" class="phone-button" data-action="more" onClick={() => toggleSheet("more")}>
        <Icon name="more" />
        <span>{t("read.more")}</span>
      </button>
    </nav>
  );
}

export function PhoneButton({ action }: { readonly action: Action }): JSX.Element {
  const pressed = action.isOn ? { "aria-pressed": action.isOn() } : {};
  return (
    <button type="button" class="phone-button" {...pressed} disabled={!isOffered(action)} data-action={action.name} onClick={action.run}>
      <ActionFace action={action} />
    </button>
  );
}
