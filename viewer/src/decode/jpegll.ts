// JPEG Lossless: Huffman coded differences from a prediction, process 14 (ISO/IEC 10918-1, annex H).
import { DHT, DRI, type FrameHeader, frameHeader, isStartOfFrame, type Segment, SOF3, SOI, SOS, segments } from "./jpegmarkers";
import type { Raw } from "./samples";

/** A Huffman table by the next 8 bits: length << 8 | value, or 0 when the code is longer. */
interface HuffmanTable {
  readonly quick: Uint16Array;
  /** By code length: the largest code (-1: none), and what to add to a code for its index into `values`. */
  readonly largest: Int32Array;
  readonly shift: Int32Array;
  readonly values: Uint8Array;
}

interface Scan {
  readonly predictor: number;
  readonly pointTransform: number;
  /** For each component of the scan: its index in the frame and its table. */
  readonly components: readonly { readonly index: number; readonly table: HuffmanTable }[];
}

type Samples = Uint8Array | Uint16Array;

export function decodeJpegLossless(bytes: Uint8Array): Raw {
  if (bytes[0] !== 0xff || bytes[1] !== SOI) throw new Error("not a JPEG stream");
  const tables = new Map<number, HuffmanTable>();
  let frame: FrameHeader | null = null;
  let values: Samples | null = null;
  let restartInterval = 0;
  let scanned = 0;
  let from = 2;
  while (!frame || scanned < frame.componentIds.length) {
    let next = -1;
    for (const segment of segments(bytes, from)) {
      if (segment.marker === DHT) readTables(bytes, segment, tables);
      if (segment.marker === DRI) restartInterval = (bytes[segment.start]! << 8) | bytes[segment.start + 1]!;
      if (isStartOfFrame(segment.marker)) {
        frame = losslessFrame(bytes, segment);
        const length = frame.rows * frame.columns * frame.componentIds.length;
        values = frame.precision > 8 ? new Uint16Array(length) : new Uint8Array(length);
      }
      if (segment.marker === SOS && frame && values) {
        const scan = readScan(bytes, segment, frame, tables);
        next = decodeScan(bytes, segment.end, frame, scan, restartInterval, values);
        scanned += scan.components.length;
      }
    }
    if (next < 0) throw new Error("the frame ends too early");
    from = next;
  }
  const { rows, columns, precision } = frame;
  return { rows, columns, samples: frame.componentIds.length, values: values!, planar: false, bits: { stored: precision, high: precision - 1 }, rgb: false };
}

function losslessFrame(bytes: Uint8Array, segment: Segment): FrameHeader {
  const frame = frameHeader(bytes, segment);
  if (segment.marker !== SOF3) throw new Error("not a JPEG lossless frame");
  if (frame.sampling.some((factors) => factors !== 0x11) && frame.componentIds.length > 1) throw new Error("components of unlike size");
  return frame;
}

/** Annex C: codes of one length count upwards. */
function readTables(bytes: Uint8Array, { start, end }: Segment, tables: Map<number, HuffmanTable>): void {
  for (let at = start; at + 17 <= end; ) {
    const id = bytes[at]! & 15;
    const counts = bytes.subarray(at + 1, at + 17);
    const total = counts.reduce((sum, count) => sum + count, 0);
    const values = bytes.subarray(at + 17, at + 17 + total);
    tables.set(id, huffmanTable(counts, values));
    at += 17 + total;
  }
}

function huffmanTable(counts: Uint8Array, values: Uint8Array): HuffmanTable {
  const quick = new Uint16Array(256);
  const largest = new Int32Array(17).fill(-1);
  const shift = new Int32Array(17);
  let code = 0;
  let index = 0;
  for (let length = 1; length <= 16; length++) {
    shift[length] = index - code;
    for (let n = counts[length - 1]!; n > 0; n--, code++, index++) {
      if (length <= 8) quick.fill((length << 8) | values[index]!, code << (8 - length), (code + 1) << (8 - length));
      largest[length] = code;
    }
    code <<= 1;
  }
  return { quick, largest, shift, values };
}

function readScan(bytes: Uint8Array, { start }: Segment, frame: FrameHeader, tables: Map<number, HuffmanTable>): Scan {
  const count = bytes[start]!;
  const components = Array.from({ length: count }, (_, i) => {
    const index = frame.componentIds.indexOf(bytes[start + 1 + 2 * i]!);
    const table = tables.get(bytes[start + 2 + 2 * i]! >> 4);
    if (index < 0 || !table) throw new Error("a scan of an unknown component or table");
    return { index, table };
  });
  const behind = start + 1 + 2 * count;
  return { predictor: bytes[behind]!, pointTransform: bytes[behind + 2]! & 15, components };
}

/** Decodes one scan into `values` (interleaved by the frame's components). Returns where the next marker stands. */
function decodeScan(bytes: Uint8Array, from: number, frame: FrameHeader, scan: Scan, restartInterval: number, values: Samples): number {
  const { rows, columns, precision, componentIds } = frame;
  const { predictor, pointTransform, components } = scan;
  const samples = componentIds.length;
  const line = columns * samples;
  const start = 1 << (precision - pointTransform - 1);
  const reader = bitReader(bytes, from);
  let untilRestart = restartInterval || Number.POSITIVE_INFINITY;
  let restartedAt = 0;
  for (let pixel = 0, row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, pixel++) {
      if (untilRestart-- === 0) {
        reader.restart();
        untilRestart = restartInterval - 1;
        restartedAt = pixel;
      }
      for (const { index, table } of components) {
        const at = pixel * samples + index;
        let predicted: number;
        if (pixel === restartedAt) predicted = start;
        else if (pixel - restartedAt < columns) predicted = values[at - samples]! >> pointTransform;
        else if (column === 0) predicted = values[at - line]! >> pointTransform;
        else predicted = predict(predictor, values[at - samples]! >> pointTransform, values[at - line]! >> pointTransform, values[at - line - samples]! >> pointTransform);
        values[at] = (predicted + reader.difference(table)) << pointTransform;
      }
    }
  }
  return reader.end();
}

/** Table H.1: a is to the left, b above, c above to the left. */
function predict(predictor: number, a: number, b: number, c: number): number {
  switch (predictor) {
    case 1:
      return a;
    case 2:
      return b;
    case 3:
      return c;
    case 4:
      return a + b - c;
    case 5:
      return a + ((b - c) >> 1);
    case 6:
      return b + ((a - c) >> 1);
    case 7:
      return (a + b) >> 1;
    default:
      throw new Error(`predictor ${predictor}`);
  }
}

interface BitReader {
  /** The next difference (H.1.2.2). */
  difference(table: HuffmanTable): number;
  /** Drops what is left of the byte and steps over a restart marker. */
  restart(): void;
  /** Where the next marker stands. */
  end(): number;
}

function bitReader(bytes: Uint8Array, from: number): BitReader {
  let at = from;
  let held = 0;
  let count = 0;

  const fill = (): void => {
    while (count <= 24) {
      let byte = at < bytes.length ? bytes[at]! : 0;
      if (byte === 0xff) {
        if (bytes[at + 1] === 0) at += 2;
        else byte = 0; // A marker: zeros stand in for what is not there.
      } else if (at < bytes.length) at += 1;
      held = (held << 8) | byte;
      count += 8;
    }
  };
  const take = (bits: number): number => {
    if (bits === 0) return 0;
    if (count < bits) fill();
    count -= bits;
    return (held >>> count) & ((1 << bits) - 1);
  };
  const category = (table: HuffmanTable): number => {
    if (count < 16) fill();
    const quick = table.quick[(held >>> (count - 8)) & 255]!;
    if (quick) {
      count -= quick >> 8;
      return quick & 255;
    }
    for (let length = 9; length <= 16; length++) {
      const code = (held >>> (count - length)) & ((1 << length) - 1);
      if (code <= table.largest[length]!) {
        count -= length;
        return table.values[code + table.shift[length]!]!;
      }
    }
    throw new Error("a code that is in no Huffman table");
  };
  return {
    difference(table) {
      const bits = category(table);
      if (bits === 0) return 0;
      if (bits === 16) return 32768;
      const value = take(bits);
      return value < 1 << (bits - 1) ? value - (1 << bits) + 1 : value;
    },
    restart() {
      held = 0;
      count = 0;
      while (at + 1 < bytes.length && !(bytes[at] === 0xff && bytes[at + 1]! >= 0xd0 && bytes[at + 1]! <= 0xd7)) at++;
      at += 2;
    },
    end() {
      while (at + 1 < bytes.length && !(bytes[at] === 0xff && bytes[at + 1] !== 0)) at++;
      return at;
    },
  };
}
