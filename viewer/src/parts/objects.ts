// What others wrote, at its right place: states, key images, reports, segmentations, contours, overlays, documents, videos.
import { Lines } from "../overlay/contours";
import { Graphics } from "../overlay/graphics";
import { KeyImage } from "../overlay/keyimage";
import { Bitmaps } from "../overlay/segments";
import { bindObjects, objects, OBJECTS_PANEL, planesSeen } from "../state/objects";
import { openPanel, togglePanel } from "../state/panel";
import { closeSheet } from "../state/sheets";
import { activeViewport } from "../tools/viewports";
import { action } from "../ui/actions";
import { ObjectsPanel } from "../ui/objects";
import { DocumentView, KeyObjectView, ReportView, VideoView } from "../ui/objectviews";
import type { Part } from "../ui/parts";

export const others: Part = {
  texts: {
    vi: () => import("../i18n/objects.vi.json"),
    en: () => import("../i18n/objects.en.json"),
    fr: () => import("../i18n/objects.fr.json"),
  },
  layers: [Bitmaps, Lines, Graphics, KeyImage],
  panels: [{ name: OBJECTS_PANEL, label: "objects.title", icon: "layers", Body: ObjectsPanel }],
  views: { sr: ReportView, key_object: KeyObjectView, document: DocumentView, video: VideoView },
  actions: [
    action("page", "objects", "layers", "j", toggleObjects, {
      isOn: () => openPanel.value === OBJECTS_PANEL,
      isOffered: () => objects.value.length > 0 || hasPlanes(),
    }),
    action("view", "overlay_planes", "layers", "shift+j", () => (planesSeen.value = !planesSeen.peek()), {
      isOn: () => planesSeen.value,
      isOffered: hasPlanes,
    }),
  ],
  start: () => void bindObjects(),
};

/** From the sheet of a phone too, which it takes the place of. */
function toggleObjects(): void {
  closeSheet();
  togglePanel(OBJECTS_PANEL);
}

function hasPlanes(): boolean {
  return activeViewport.value?.attributes.value?.overlays ?? false;
}
