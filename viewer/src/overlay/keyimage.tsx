// That a picture was named as a key image, and why.
import type { JSX } from "preact";
import { isAbout } from "../net/objects";
import { isKeyObject, objects } from "../state/objects";
import { namedAt } from "./presenting";
import type { LayerProps } from "./segments";

export function KeyImage({ viewport, document }: LayerProps): JSX.Element | null {
  const index = viewport.shown.value;
  if (viewport.document.value !== document || index < 0) return null;
  const { sop, frame } = namedAt(document, index);
  const titles = objects.value.filter((object) => isKeyObject(object) && isAbout(object.images, sop, frame)).map(({ label }) => label);
  if (titles.length === 0) return null;
  return (
    <p class="key-image-note" data-key-image={titles.length}>
      ★ {[...new Set(titles)].join(" · ")}
    </p>
  );
}
