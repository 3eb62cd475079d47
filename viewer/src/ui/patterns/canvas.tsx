// A pattern over the whole page, one of its pixels on one of the screen's.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { patternOf, type PatternName } from "../../geom/patterns";
import { t } from "../../i18n";

interface PatternCanvasProps {
  readonly pattern: PatternName;
  /** What is pressed anywhere on the pattern. */
  readonly onPress: () => void;
}

/** Says when a pixel of the pattern is none of the screen: then nothing can be judged by it. */
export function PatternCanvas({ pattern, onPress }: PatternCanvasProps): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [exact, setExact] = useState(true);

  useEffect(() => {
    const element = canvas.current!;
    const observer = new ResizeObserver(([entry]) => setExact(drawn(element, pattern, entry!)));
    // Browsers that cannot tell device pixels refuse to observe them.
    try {
      observer.observe(element, { box: "device-pixel-content-box" });
    } catch {
      observer.observe(element);
    }
    return () => observer.disconnect();
  }, [pattern]);

  return (
    <>
      <canvas ref={canvas} class="pattern" role="img" aria-label={t(`pattern.${pattern}`)} onClick={onPress} />
      {!exact && (
        <p class="pattern-inexact" role="alert">
          {t("pattern.inexact")}
        </p>
      )}
    </>
  );
}

/** Draws it in the screen's own pixels. Whether it is known that they are. */
function drawn(element: HTMLCanvasElement, pattern: PatternName, entry: ResizeObserverEntry): boolean {
  const [told] = entry.devicePixelContentBoxSize ?? [];
  const width = told?.inlineSize ?? Math.round(element.clientWidth * devicePixelRatio);
  const height = told?.blockSize ?? Math.round(element.clientHeight * devicePixelRatio);
  element.width = width;
  element.height = height;
  const picture = patternOf(pattern, width, height);
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  picture.values.forEach((level, index) => (pixels[index] = 0xff000000 | (level * 0x010101)));
  element.getContext("2d", { alpha: false })!.putImageData(image, 0, 0);
  element.dataset["drawn"] = pattern;
  return told !== undefined && isUnzoomed();
}

/** A pinch magnifies what was drawn; a zoom of the browser does not, but shows that its settings are not those of the screen. */
function isUnzoomed(): boolean {
  return (visualViewport?.scale ?? 1) === 1 && Number.isInteger(devicePixelRatio * 4);
}
