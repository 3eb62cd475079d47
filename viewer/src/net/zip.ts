// Archives opened where they are: the directory at their end is read, and of each entry only its own bytes.
import { crcOf } from "./crc";

/** One file of an archive. */
export interface Entry {
  readonly name: string;
  /** Bytes, inflated. */
  readonly size: number;
  /** Its bytes, held against their CRC. Rejects with a `ZipError`. */
  readonly read: () => Promise<Blob>;
}

export type ZipFault = "broken" | "encrypted" | "method" | "bomb";

export class ZipError extends Error {
  readonly fault: ZipFault;

  constructor(fault: ZipFault) {
    super(fault);
    this.fault = fault;
  }
}

/** How many times its packed size an entry may grow, as on the server; a bomb grows a thousandfold. */
const MOST_INFLATION = 50;
/** Bytes an entry may always have: empty images are packed very well indeed. */
const ALWAYS_ALLOWED = 1 << 24;
const MOST_ENTRIES = 100_000;

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const END_SIZE = 22;
const LOCATOR_SIZE = 20;
const LONGEST_COMMENT = 0xffff;
const IN_64_BITS = 0xffffffff;
const ENCRYPTED = 1;
const STORED = 0;
const DEFLATED = 8;

/** Whether a file begins as an archive does. */
export async function isZip(file: Blob): Promise<boolean> {
  return file.size >= END_SIZE && (await viewOf(file, 0, 4)).getUint32(0, true) === LOCAL;
}

/** The files of an archive, folders left out. Rejects with a `ZipError`. */
export async function entriesOf(archive: Blob): Promise<Entry[]> {
  const { start, size } = await directoryOf(archive);
  if (start + size > archive.size) throw new ZipError("broken");
  const view = await viewOf(archive, start, start + size);
  const entries: Entry[] = [];
  for (let at = 0; at + 46 <= size && view.getUint32(at, true) === CENTRAL; ) {
    const { entry, next } = entryAt(archive, view, at);
    if (!entry.name.endsWith("/")) entries.push(entry);
    if (entries.length > MOST_ENTRIES) throw new ZipError("bomb");
    at = next;
  }
  return entries;
}

async function directoryOf(archive: Blob): Promise<{ start: number; size: number }> {
  const from = Math.max(0, archive.size - END_SIZE - LONGEST_COMMENT - LOCATOR_SIZE);
  const view = await viewOf(archive, from, archive.size);
  for (let at = view.byteLength - END_SIZE; at >= 0; at--) {
    if (view.getUint32(at, true) !== END) continue;
    const locator = at - LOCATOR_SIZE;
    if (locator >= 0 && view.getUint32(locator, true) === LOCATOR_64) return directory64(archive, long(view, locator + 8));
    return { size: view.getUint32(at + 12, true), start: view.getUint32(at + 16, true) };
  }
  throw new ZipError("broken");
}

async function directory64(archive: Blob, at: number): Promise<{ start: number; size: number }> {
  const view = await viewOf(archive, at, at + 56);
  if (view.byteLength < 56 || view.getUint32(0, true) !== END_64) throw new ZipError("broken");
  return { size: long(view, 40), start: long(view, 48) };
}

function entryAt(archive: Blob, view: DataView<ArrayBuffer>, at: number): { entry: Entry; next: number } {
  const [nameLength, extraLength, commentLength] = [28, 30, 32].map((place) => view.getUint16(at + place, true)) as [number, number, number];
  const next = at + 46 + nameLength + extraLength + commentLength;
  if (next > view.byteLength) throw new ZipError("broken");
  const name = new TextDecoder().decode(new Uint8Array(view.buffer, at + 46, nameLength));
  const [packed, size, start] = sizesAt(view, at, at + 46 + nameLength, extraLength);
  const facts: Facts = {
    flags: view.getUint16(at + 8, true),
    method: view.getUint16(at + 10, true),
    crc: view.getUint32(at + 16, true),
    packed,
    size,
    start,
  };
  return { entry: { name, size, read: () => readEntry(archive, facts) }, next };
}

interface Facts {
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  readonly start: number;
}

/** Packed size, size and start; those that do not fit 32 bits stand in the extra field, in the order size, packed, start. */
function sizesAt(view: DataView, at: number, extra: number, extraLength: number): [number, number, number] {
  const short = [view.getUint32(at + 24, true), view.getUint32(at + 20, true), view.getUint32(at + 42, true)];
  let place = fieldIn(view, extra, extraLength);
  const [size, packed, start] = short.map((value) => {
    if (value !== IN_64_BITS || place === 0) return value;
    place += 8;
    return long(view, place - 8);
  }) as [number, number, number];
  return [packed, size, start];
}

/** Where the content of the ZIP64 field begins; 0 for none. */
function fieldIn(view: DataView, begin: number, length: number): number {
  for (let at = begin; at + 4 <= begin + length; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) === 1) return at + 4;
  }
  return 0;
}

async function readEntry(archive: Blob, facts: Facts): Promise<Blob> {
  if (facts.flags & ENCRYPTED) throw new ZipError("encrypted");
  if (facts.method !== STORED && facts.method !== DEFLATED) throw new ZipError("method");
  if (facts.size > Math.max(ALWAYS_ALLOWED, MOST_INFLATION * facts.packed)) throw new ZipError("bomb");
  const head = await viewOf(archive, facts.start, facts.start + 30);
  if (head.byteLength < 30 || head.getUint32(0, true) !== LOCAL) throw new ZipError("broken");
  const begin = facts.start + 30 + head.getUint16(26, true) + head.getUint16(28, true);
  const packed = archive.slice(begin, begin + facts.packed);
  if (packed.size !== facts.packed) throw new ZipError("broken");
  const plain = facts.method === STORED ? packed : await inflated(packed, facts.size);
  if (plain.size !== facts.size || (await crcOf(plain)) !== facts.crc) throw new ZipError("broken");
  return plain;
}

/** Never more than it says it is. */
async function inflated(packed: Blob, size: number): Promise<Blob> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let left = size;
  try {
    const reader = packed.stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
    for (let turn = await reader.read(); !turn.done; turn = await reader.read()) {
      left -= turn.value.length;
      if (left < 0) throw new ZipError("bomb");
      pieces.push(turn.value as Uint8Array<ArrayBuffer>);
    }
  } catch (error) {
    throw error instanceof ZipError ? error : new ZipError("broken");
  }
  return new Blob(pieces);
}

async function viewOf(file: Blob, begin: number, end: number): Promise<DataView<ArrayBuffer>> {
  return new DataView(await file.slice(begin, end).arrayBuffer());
}

function long(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}
