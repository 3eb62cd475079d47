// The marker segments of a JPEG stream (ISO/IEC 10918-1, annex B), as far as we need them.

export const SOI = 0xd8;
export const SOF0 = 0xc0;
export const SOF1 = 0xc1;
export const SOF3 = 0xc3;
export const DHT = 0xc4;
export const SOS = 0xda;
export const DRI = 0xdd;
export const APP0 = 0xe0;
export const APP14 = 0xee;

export interface Segment {
  readonly marker: number;
  /** Where its parameters begin, behind the two bytes of length. */
  readonly start: number;
  /** Where it ends, exclusive. */
  readonly end: number;
}

/** The segments up to and with the next start of scan after byte `from`, which follows SOI or a scan. */
export function* segments(bytes: Uint8Array, from: number): Generator<Segment> {
  for (let at = from; at + 4 <= bytes.length; ) {
    if (bytes[at] !== 0xff) throw new Error("no JPEG marker where one must be");
    const marker = bytes[at + 1]!;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    const end = at + 2 + ((bytes[at + 2]! << 8) | bytes[at + 3]!);
    if (end > bytes.length) throw new Error("a JPEG segment is cut off");
    yield { marker, start: at + 4, end };
    if (marker === SOS) return;
    at = end;
  }
}

export function isStartOfFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== DHT && marker !== 0xc8 && marker !== 0xcc;
}

export interface FrameHeader {
  readonly marker: number;
  /** Bits of a sample. */
  readonly precision: number;
  readonly rows: number;
  readonly columns: number;
  readonly componentIds: readonly number[];
  /** Horizontal and vertical sampling factors, of each component. */
  readonly sampling: readonly number[];
}

export function frameHeader(bytes: Uint8Array, { marker, start }: Segment): FrameHeader {
  const components = Array.from({ length: bytes[start + 5]! }, (_, i) => start + 6 + 3 * i);
  return {
    marker,
    precision: bytes[start]!,
    rows: (bytes[start + 1]! << 8) | bytes[start + 2]!,
    columns: (bytes[start + 3]! << 8) | bytes[start + 4]!,
    componentIds: components.map((at) => bytes[at]!),
    sampling: components.map((at) => bytes[at + 1]!),
  };
}

/** The frame header of a whole stream, and whether it says how its colours are to be read (JFIF or Adobe). */
export function readHeader(bytes: Uint8Array): { readonly frame: FrameHeader; readonly saysColour: boolean } {
  if (bytes[0] !== 0xff || bytes[1] !== SOI) throw new Error("not a JPEG stream");
  let saysColour = false;
  for (const segment of segments(bytes, 2)) {
    const name = String.fromCharCode(...bytes.subarray(segment.start, segment.start + 5));
    if (segment.marker === APP0 && name.startsWith("JFIF")) saysColour = true;
    if (segment.marker === APP14 && name === "Adobe") saysColour = true;
    if (isStartOfFrame(segment.marker)) return { frame: frameHeader(bytes, segment), saysColour };
  }
  throw new Error("a JPEG stream without a frame");
}
