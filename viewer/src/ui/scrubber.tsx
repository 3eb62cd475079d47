// The line at the right edge of a picture: where in the stack it lies, and how much of the stack has arrived.
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../i18n";
import { bindGestures } from "../input/gestures";
import type { Viewport } from "../render/viewport";

export function Scrubber({ viewport }: { readonly viewport: Viewport }): JSX.Element {
  const track = useRef<HTMLDivElement>(null);
  const count = viewport.count.value;
  const frame = viewport.frame.value;
  const loaded = viewport.loaded.value;

  useEffect(() => {
    const element = track.current!;
    const goTo = (yPx: number): void => viewport.setFrame(frameAt(yPx / element.clientHeight, viewport.count.peek()));
    return bindGestures(element, {
      dragStart: ({ at }) => goTo(at.y),
      drag: ({ at }) => goTo(at.y),
      tap: (at) => goTo(at.y),
      wheel: ({ steps }) => viewport.scroll(steps),
    });
  }, [viewport]);

  return (
    <div
      ref={track}
      class="scrubber"
      role="slider"
      aria-orientation="vertical"
      aria-label={t("action.scroll")}
      aria-valuemin={1}
      aria-valuemax={count}
      aria-valuenow={frame + 1}
    >
      <i class={`scrubber-loaded ${loaded >= count ? "full" : ""}`} style={{ transform: `scaleY(${count ? loaded / count : 0})` }} />
      <i class="scrubber-thumb" style={{ top: `${count > 1 ? (frame / (count - 1)) * 100 : 0}%` }} />
    </div>
  );
}

/** The frame at a part (0 to 1) of the way down. */
function frameAt(part: number, count: number): number {
  return Math.max(0, Math.min(count - 1, Math.round(part * (count - 1))));
}
