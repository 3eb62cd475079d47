// Image pixels to screen pixels and back. Image points count from the corner of the first pixel: (0.5, 0.5) is its middle.

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** How a picture lies in its pane. */
export interface View {
  /** 1 fits the whole picture into the pane. */
  readonly zoom: number;
  /** Shift of the picture's middle from the pane's middle, in CSS px. */
  readonly panX: number;
  readonly panY: number;
  /** Clockwise, in degrees: 0, 90, 180 or 270. */
  readonly rotate: number;
  readonly flipH: boolean;
  readonly flipV: boolean;
}

export const FIT: View = { zoom: 1, panX: 0, panY: 0, rotate: 0, flipH: false, flipV: false };

/** An affine map, as in `CanvasRenderingContext2D.setTransform`: x' = a·x + c·y + e, y' = b·x + d·y + f. */
export interface Affine {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
  readonly e: number;
  readonly f: number;
}

export function apply(map: Affine, { x, y }: Point): Point {
  return { x: map.a * x + map.c * y + map.e, y: map.b * x + map.d * y + map.f };
}

export function inverse({ a, b, c, d, e, f }: Affine): Affine {
  const determinant = a * d - b * c;
  return {
    a: d / determinant,
    b: -b / determinant,
    c: -c / determinant,
    d: a / determinant,
    e: (c * f - d * e) / determinant,
    f: (b * e - a * f) / determinant,
  };
}

/** The one map after the other. */
export function after(second: Affine, first: Affine): Affine {
  const { x: e, y: f } = apply(second, { x: first.e, y: first.f });
  return {
    a: second.a * first.a + second.c * first.b,
    b: second.b * first.a + second.d * first.b,
    c: second.a * first.c + second.c * first.d,
    d: second.b * first.c + second.d * first.d,
    e,
    f,
  };
}

/** `scale` CSS px for each image pixel of width; a pixel is `aspect` times as high as it is wide. */
export function fitScale(image: Size, aspect: number, pane: Size, rotate: number): number {
  const turned = rotate % 180 !== 0;
  const width = turned ? image.height * aspect : image.width;
  const height = turned ? image.width : image.height * aspect;
  return Math.min(pane.width / width, pane.height / height);
}

/** The map from image points to CSS px of the pane. Flips are of the picture before it is turned. */
export function imageToPane(image: Size, aspect: number, pane: Size, view: View): Affine {
  const scale = fitScale(image, aspect, pane, view.rotate) * view.zoom;
  const quarter = ((view.rotate / 90) % 4 + 4) % 4;
  const cos = [1, 0, -1, 0][quarter]!;
  const sin = [0, 1, 0, -1][quarter]!;
  const scaleX = view.flipH ? -scale : scale;
  const scaleY = (view.flipV ? -scale : scale) * aspect;
  const a = cos * scaleX;
  const b = sin * scaleX;
  const c = -sin * scaleY;
  const d = cos * scaleY;
  const e = pane.width / 2 + view.panX - (a * image.width + c * image.height) / 2;
  const f = pane.height / 2 + view.panY - (b * image.width + d * image.height) / 2;
  return { a, b, c, d, e, f };
}

/** The view after zooming by `factor` so that the image point under `at` (CSS px of the pane) stays there. */
export function zoomedAt(view: View, factor: number, at: Point, pane: Size): View {
  const dx = at.x - pane.width / 2;
  const dy = at.y - pane.height / 2;
  return {
    ...view,
    zoom: view.zoom * factor,
    panX: dx - (dx - view.panX) * factor,
    panY: dy - (dy - view.panY) * factor,
  };
}
