// Printing: chosen pictures on sheets of paper, in true millimetres where they have any, with a ruler to prove it.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { t } from "../i18n";
import { dateText, nameText } from "../i18n/format";
import { frameAttributes, pixelSizeOf, type SeriesDocument } from "../net/series";
import type { Viewport } from "../render/viewport";
import { panesInSight } from "../state/reading";
import { closeSheet, sheet } from "../state/sheets";
import { activeViewport, viewports } from "../tools/viewports";
import { blobOf, wholePicture } from "./rendered";
import { Sheet } from "./sheet";
import "./print.css";

type Paper = "A4" | "A3";

interface Wishes {
  readonly paper: Paper;
  readonly landscape: boolean;
  readonly columns: number;
  readonly rows: number;
  /** Every picture of the series that is this far from the last; 0: the panes in sight. */
  readonly every: number;
  readonly trueSize: boolean;
  readonly deidentified: boolean;
}

/** One picture to be printed. */
interface Printed {
  readonly viewport: Viewport;
  readonly index: number;
}

/** mm, short side first. */
const PAPERS: Readonly<Record<Paper, readonly [number, number]>> = { A4: [210, 297], A3: [297, 420] };
const MARGIN_MM = 10;
/** What is written on each page, above and below the pictures. */
const TEXT_MM = 24;
const GAP_MM = 3;
const CAPTION_MM = 5;
const RULER_MM = 100;
/** Sheets of 16 and more: beyond it the browser cannot hold the pictures. */
const MOST_PICTURES = 256;

export function PrintPlace(): JSX.Element | null {
  return sheet.value === "print" && activeViewport.value ? <PrintSheet /> : null;
}

function PrintSheet(): JSX.Element {
  const wishes = useSignal<Wishes>({ paper: "A4", landscape: false, columns: 1, rows: 1, every: 0, trueSize: false, deidentified: false });
  const told = useSignal("");
  const working = useSignal(false);
  const change = (part: Partial<Wishes>): void => {
    wishes.value = { ...wishes.value, ...part };
  };
  const { paper, landscape, columns, rows, every, trueSize, deidentified } = wishes.value;
  const chosen = picturesOf(wishes.value);

  const send = async (): Promise<void> => {
    working.value = true;
    try {
      const pages = await pagesOf(wishes.value, chosen, (n) => (told.value = t("print.preparing", { n, total: chosen.length })));
      closeSheet();
      printPages(pages, wishes.value);
    } catch (error) {
      told.value = t("export.failed", { reason: String(error) });
    }
    working.value = false;
  };

  return (
    <Sheet title={t("print.title")} close={closeSheet} class="take-away">
      <div class="print-form">
        <Select label={t("print.paper")} value={paper} options={[["A4", "A4"], ["A3", "A3"]]} change={(value) => change({ paper: value as Paper })} />
        <Select
          label={t("print.orientation")}
          value={landscape ? "landscape" : "portrait"}
          options={[["portrait", t("print.portrait")], ["landscape", t("print.landscape")]]}
          change={(value) => change({ landscape: value === "landscape" })}
        />
        <Count label={t("print.columns")} value={columns} most={8} change={(value) => change({ columns: value })} />
        <Count label={t("print.rows")} value={rows} most={8} change={(value) => change({ rows: value })} />
        <Select
          label={t("print.pictures")}
          value={every === 0 ? "panes" : "series"}
          options={[["panes", t("print.panes")], ["series", t("print.series")]]}
          change={(value) => change({ every: value === "panes" ? 0 : 1 })}
        />
        {every > 0 && <Count label={t("print.every")} value={every} most={100} change={(value) => change({ every: value })} />}
      </div>
      <label class="check-line">
        <input type="checkbox" checked={trueSize} onChange={(event) => change({ trueSize: event.currentTarget.checked })} />
        {t("print.true_size")}
      </label>
      <label class="check-line">
        <input type="checkbox" checked={deidentified} onChange={(event) => change({ deidentified: event.currentTarget.checked })} />
        {t("export.deidentified")}
      </label>
      <p class="soft">{t("print.hint")}</p>
      <div class="print-send">
        <p role="status">{told.value || t("print.count", { n: chosen.length })}</p>
        <button type="button" class="button primary" disabled={working.value || chosen.length === 0} onClick={() => void send()}>
          {t("print.send")}
        </button>
      </div>
    </Sheet>
  );
}

interface SelectProps {
  readonly label: string;
  readonly value: string;
  readonly options: readonly (readonly [string, string])[];
  readonly change: (value: string) => void;
}

function Select({ label, value, options, change }: SelectProps): JSX.Element {
  return (
    <label>
      <span>{label}</span>
      <select class="field" value={value} onChange={(event) => change(event.currentTarget.value)}>
        {options.map(([name, text]) => (
          <option key={name} value={name}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

interface CountProps {
  readonly label: string;
  readonly value: number;
  readonly most: number;
  readonly change: (value: number) => void;
}

function Count({ label, value, most, change }: CountProps): JSX.Element {
  const write = (text: string): void => change(Math.min(most, Math.max(1, Math.round(Number(text)) || 1)));
  return (
    <label>
      <span>{label}</span>
      <input class="field" type="number" min={1} max={most} value={value} onChange={(event) => write(event.currentTarget.value)} />
    </label>
  );
}

/** Pictures of stacks: a plane through a volume has no pixels of its own. */
function picturesOf({ every }: Wishes): readonly Printed[] {
  if (every === 0) {
    const inSight = panesInSight.value.filter(({ kind }) => kind === "stack").map(({ id }) => viewports.value.get(id));
    return inSight.filter((each) => each !== undefined).map((viewport) => ({ viewport, index: viewport.shown.value })).filter(({ index }) => index >= 0);
  }
  const viewport = activeViewport.value;
  if (!viewport) return [];
  const indices = Array.from({ length: Math.ceil(viewport.count.value / every) }, (_, step) => step * every);
  return indices.slice(0, MOST_PICTURES).map((index) => ({ viewport, index }));
}

async function pagesOf(wishes: Wishes, chosen: readonly Printed[], tell: (done: number) => void): Promise<HTMLElement> {
  const root = element("div", "");
  root.id = "print";
  const onePage = wishes.columns * wishes.rows;
  const pages = Math.ceil(chosen.length / onePage);
  for (let page = 0; page < pages; page += 1) {
    const grid = element("div", "print-grid");
    grid.style.gridTemplate = `repeat(${wishes.rows}, 1fr) / repeat(${wishes.columns}, 1fr)`;
    for (const [place, printed] of chosen.slice(page * onePage, (page + 1) * onePage).entries()) {
      grid.append(await figureOf(wishes, printed));
      tell(page * onePage + place + 1);
    }
    const section = element("section", "print-page");
    const { width, height } = pageMm(wishes);
    section.style.width = `${width}mm`;
    section.style.height = `${height}mm`;
    section.append(headOf(wishes, chosen[page * onePage]!), grid, footOf(page + 1, pages));
    root.append(section);
  }
  return root;
}

/** Of a page, within its margins. */
function pageMm({ paper, landscape }: Wishes): { readonly width: number; readonly height: number } {
  const [short, long] = PAPERS[paper];
  const [width, height] = landscape ? [long, short] : [short, long];
  return { width: width - 2 * MARGIN_MM, height: height - 2 * MARGIN_MM };
}

async function figureOf(wishes: Wishes, { viewport, index }: Printed): Promise<HTMLElement> {
  const canvas = await wholePicture(viewport, index);
  const figure = element("figure", "");
  const image = document.createElement("img");
  image.src = URL.createObjectURL(await blobOf(canvas));
  await image.decode();
  const { width, height } = pageMm(wishes);
  const placeMm = {
    width: (width - GAP_MM * (wishes.columns - 1)) / wishes.columns,
    height: (height - TEXT_MM - GAP_MM * (wishes.rows - 1)) / wishes.rows - CAPTION_MM,
  };
  const trueMm = sizeMm(viewport, index);
  const fit = Math.min(placeMm.width / canvas.width, placeMm.height / canvas.height);
  const fits = trueMm !== null && trueMm.width <= placeMm.width && trueMm.height <= placeMm.height;
  const isTrue = wishes.trueSize && fits;
  const shownMm = isTrue ? trueMm : { width: canvas.width * fit, height: canvas.height * fit };
  image.style.width = `${shownMm.width}mm`;
  image.style.height = `${shownMm.height}mm`;
  const caption = element("figcaption", "");
  caption.textContent = captionOf(viewport.document.peek()!, viewport, index, isTrue, wishes.trueSize && trueMm !== null);
  figure.append(image, caption);
  return figure;
}

/** Of the picture as it is turned; null where no length is known in the patient. */
function sizeMm(viewport: Viewport, index: number): { readonly width: number; readonly height: number } | null {
  const attributes = frameAttributes(viewport.document.peek()!, index);
  const pixel = pixelSizeOf(attributes);
  // A region of an ultrasound image has its scale for itself; the picture as a whole has none.
  if (!pixel || pixel.at === "region") return null;
  const size = { width: attributes.columns * pixel.columnMm, height: attributes.rows * pixel.rowMm };
  return viewport.view.peek().rotate % 180 === 0 ? size : { width: size.height, height: size.width };
}

function captionOf(document: SeriesDocument, viewport: Viewport, index: number, isTrue: boolean, isTooLarge: boolean): string {
  const attributes = frameAttributes(document, index);
  const window = viewport.window.peek();
  const atDetector = pixelSizeOf(attributes)?.at === "detector" ? ` ${t("corner.at_detector")}` : "";
  const scale = isTrue ? `1:1${atDetector}` : t(isTooLarge ? "print.too_large" : "print.not_to_scale");
  return [
    t("corner.image", { n: index + 1, total: document.number_of_frames }),
    window ? t("corner.window", { center: Math.round(window.center), width: Math.round(window.width) }) : "",
    attributes.lossy ? t("badge.lossy") : "",
    scale,
  ].filter(Boolean).join(" · ");
}

function headOf({ deidentified }: Wishes, { viewport }: Printed): HTMLElement {
  const { patient, study_date, study_description, series_description, institution_name, accession_number } = viewport.document.peek()!;
  const head = element("header", "print-head");
  const whose = element("b", "");
  whose.textContent = deidentified ? t("print.deidentified") : [nameText(patient.patient_name), patient.patient_id, dateText(patient.patient_birth_date)].filter(Boolean).join(" · ");
  const what = element("span", "");
  what.textContent = deidentified ? series_description : [dateText(study_date), study_description, series_description, accession_number, institution_name].filter(Boolean).join(" · ");
  head.append(whose, what);
  return head;
}

function footOf(page: number, pages: number): HTMLElement {
  const foot = element("footer", "print-foot");
  const ruler = element("div", "print-ruler");
  ruler.style.width = `${RULER_MM}mm`;
  const words = element("span", "");
  words.textContent = `${t("print.ruler", { mm: RULER_MM })} ${t("print.not_primary")}`;
  const number = element("span", "");
  number.textContent = `${page} / ${pages}`;
  foot.append(ruler, words, number);
  return foot;
}

/** Puts the pages into the page for as long as the browser prints. */
function printPages(pages: HTMLElement, { paper, landscape }: Wishes): void {
  const style = new CSSStyleSheet();
  style.replaceSync(`@page { size: ${paper} ${landscape ? "landscape" : "portrait"}; margin: ${MARGIN_MM}mm; }`);
  document.querySelector("#print")?.remove();
  document.adoptedStyleSheets = [style];
  document.body.append(pages);
  addEventListener(
    "afterprint",
    () => {
      pages.querySelectorAll("img").forEach(({ src }) => URL.revokeObjectURL(src));
      pages.remove();
      document.adoptedStyleSheets = [];
    },
    { once: true },
  );
  print();
}

function element(name: string, className: string): HTMLElement {
  const made = document.createElement(name);
  made.className = className;
  return made;
}
