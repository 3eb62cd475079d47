// Our icons: strokes on a grid of 24, drawn in the colour of the text around them.
import type { JSX } from "preact";

const PATHS = {
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M15.2 15.2 20 20",
  close: "M6 6l12 12M18 6 6 18",
  back: "M14.5 5.5 8 12l6.5 6.5",
  forward: "M9.5 5.5 16 12l-6.5 6.5",
  down: "M6 9.5l6 6 6-6",
  up: "M6 14.5l6-6 6 6",
  globe: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17M3.5 12h17M12 3.5c5 5 5 12 0 17M12 3.5c-5 5-5 12 0 17",
  user: "M12 4.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7M5 19.5c1-7.5 13-7.5 14 0",
  leave: "M13 5H6v14h7M10.5 12H20M16.5 8.5 20 12l-3.5 3.5",
  scroll: "M7 4h10M5 7.5h14M4.5 11h15v9h-15z",
  window: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16M12 4v16M12 8h5M12 12h7.5M12 16h5",
  zoom: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M15.2 15.2 20 20M10.5 8v5M8 10.5h5",
  zoomOut: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M15.2 15.2 20 20M8 10.5h5",
  pan: "M12 3.5v17M3.5 12h17M9.5 6 12 3.5 14.5 6M9.5 18l2.5 2.5 2.5-2.5M6 9.5 3.5 12 6 14.5M18 9.5l2.5 2.5-2.5 2.5",
  fit: "M4.5 9V4.5H9M15 4.5h4.5V9M19.5 15v4.5H15M9 19.5H4.5V15M9 9h6v6H9z",
  invert: "M4.5 4.5h15v15h-15zM4.5 19.5l15-15M9 19.5l10.5-10.5M14 19.5l5.5-5.5",
  rotateRight: "M18.5 12.5a6.5 6.5 0 1 1-2-4.7l2.5 2.4M19.3 5.5v4.9h-4.9",
  rotateLeft: "M5.5 12.5a6.5 6.5 0 1 0 2-4.7L5 10.2M4.7 5.5v4.9h4.9",
  flipHorizontal: "M12 4v2M12 9v2M12 13v2M12 18v2M9 7v10H3.5zM15 7v10h5.5z",
  flipVertical: "M4 12h2M9 12h2M13 12h2M18 12h2M7 9h10V3.5zM7 15h10v5.5z",
  reset: "M5 12a7 7 0 1 0 2.2-5.1L4.5 9.5M4.3 4.5v5h5",
  play: "M8 5.5v13l10.5-6.5z",
  pause: "M8.5 5.5v13M15.5 5.5v13",
  slower: "M11.5 6.5v11L4 12zM20 6.5v11L12.5 12z",
  faster: "M12.5 6.5v11L20 12zM4 6.5v11l7.5-5.5z",
  help: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17M9.5 9.6a2.5 2.5 0 1 1 3.6 2.3c-.8.4-1.1.9-1.1 1.8M12 16.8v.2",
  sideList: "M4 5h16v14H4zM9.5 5v14",
  corners: "M5 5h6M5 8.5h3.5M19 19h-6M19 15.5h-3.5M15 5h4M5 19h4",
  fullScreen: "M4.5 9V4.5H9M15 4.5h4.5V9M19.5 15v4.5H15M9 19.5H4.5V15",
  more: "M5.5 12h.1M12 12h.1M18.5 12h.1",
  presets: "M4 7h9M17 7h3M4 12h3M11 12h9M4 17h9M17 17h3M15 5.2v3.6M9 10.2v3.6M15 15.2v3.6",
  first: "M6 5v14M18 5.5 10 12l8 6.5z",
  last: "M18 5v14M6 5.5l8 6.5-8 6.5z",
  calendar: "M5 6.5h14v13H5zM5 10.5h14M8.5 4v4M15.5 4v4",
  filter: "M4 6h16l-6 7v6l-4-2v-4z",
  warning: "M12 4.5 21 19.5H3zM12 10.5v4M12 16.9v.2",
  document: "M7 3.5h7l4 4v13H7zM14 3.5v4h4M9.5 12h6M9.5 15.5h6",
  layers: "M12 4 20.5 9 12 14 3.5 9zM4.5 12.5 12 17l7.5-4.5M4.5 16 12 20.5 19.5 16",
  list: "M4.5 6.5h15M4.5 12h15M4.5 17.5h15",
  images: "M7 7h13v12H7zM4 16V4.5h12M9.5 16.5l3-4 2.3 2.8 1.7-1.8 2 3",
  keyboard: "M3.5 7h17v10.5h-17zM7 10.5h.1M10.3 10.5h.1M13.6 10.5h.1M17 10.5h.1M8 14h8",
  upload: "M12 16V4.5M7.5 9 12 4.5 16.5 9M4.5 15v4.5h15V15",
  download: "M12 4.5V16M7.5 11.5 12 16l4.5-4.5M4.5 15v4.5h15V15",
  remove: "M5 7h14M10 7V4.5h4V7M7 7l1 12.5h8L17 7M10.5 10.5v5.5M13.5 10.5v5.5",
  check: "M5 12.5l4.5 4.5L19 7.5",
  keep: "M6.5 4.5h11v15l-5.5-4-5.5 4z",
  grid: "M4.5 4.5h15v15h-15zM12 4.5v15M4.5 12h15",
  secondWindow: "M3.5 5.5h9v9h-9zM8.5 14.5v4h12v-12h-8",
  onePane: "M4.5 4.5h15v15h-15zM9 15H7.5v-1.5M15 9h1.5v1.5",
  crosshair: "M12 3.5v6M12 14.5v6M3.5 12h6M14.5 12h6",
  link: "M10 14l4-4M9 11l-3 3a2.8 2.8 0 0 0 4 4l3-3M15 13l3-3a2.8 2.8 0 0 0-4-4l-3 3",
  lines: "M4.5 4.5h15v15h-15zM4.5 9l15 6",
  planes: "M4.5 7.5 12 4l7.5 3.5v9L12 20l-7.5-3.5zM4.5 7.5 12 11l7.5-3.5M12 11v9",
  eye: "M3 12c3.5-6 14.5-6 18 0-3.5 6-14.5 6-18 0M12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5",
  eyeOff: "M3 12c3.5-6 14.5-6 18 0-3.5 6-14.5 6-18 0M5 19 19 5",
  length: "M4.5 19.5l15-15M3 18l3 3M18 3l3 3",
  angle: "M19.5 19.5h-15L16 5M10 19.5a6 6 0 0 0-2.2-4.6",
  cobb: "M4 8l16-4M4 16l16 4",
  ellipse: "M12 6c5 0 8.5 2.5 8.5 6s-3.5 6-8.5 6-8.5-2.5-8.5-6 3.5-6 8.5-6",
  rectangle: "M4.5 6.5h15v11h-15zM3.5 5.5h2v2h-2zM18.5 16.5h2v2h-2z",
  freehand: "M5 15c-3-6 3-11 8-9s8 1 6 6-4 3-6 6-6 2-8-3z",
  probe: "M12 3.5v6M12 14.5v6M3.5 12h6M14.5 12h6M11.5 11.5h1v1h-1z",
  arrow: "M5 19 18 6M10.5 5.5H18.5v8",
  text: "M6 6h12M12 6v13M9.5 19h5",
  calibrate: "M3.5 9h17v6h-17zM7 9v3M10.3 9v4M13.6 9v3M17 9v4",
  undo: "M8.5 5 4 9.5l4.5 4.5M4.5 9.5H14a5 5 0 0 1 0 10H9",
  redo: "M15.5 5 20 9.5l-4.5 4.5M19.5 9.5H10a5 5 0 0 0 0 10h5",
  measurements: "M4.5 6.5h9M4.5 12h9M4.5 17.5h9M17 5l3 3M17 10.5h3.5M17 17.5a1.75 1.75 0 1 0 3.5 0 1.75 1.75 0 1 0-3.5 0",
} as const;

export type IconName = keyof typeof PATHS;

/** An icon beside a text, or inside a control that has its own name. */
export function Icon({ name }: { readonly name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
