// Archives opened in the browser: what is in them comes out whole, and what is wrong with them is told.
import { deflateRawSync } from "node:zlib";
import { expect, test } from "vitest";
import { crcOf } from "../src/net/crc";
import { mayBeInstance, ofFiles, type Found } from "../src/net/picked";
import { entriesOf, isZip, ZipError } from "../src/net/zip";

interface Made {
  readonly name: string;
  readonly data: Uint8Array<ArrayBuffer>;
  readonly deflated?: boolean;
  readonly flags?: number;
  readonly crc?: number;
  readonly size?: number;
  /** Sizes and position in 64 bits. */
  readonly long?: boolean;
}

const text = (words: string): Uint8Array<ArrayBuffer> => new Uint8Array(new TextEncoder().encode(words));

async function archiveOf(entries: readonly Made[], comment = ""): Promise<File> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  const directory: Uint8Array<ArrayBuffer>[] = [];
  let at = 0;
  for (const entry of entries) {
    const name = text(entry.name);
    const packed = entry.deflated ? new Uint8Array(deflateRawSync(entry.data)) : entry.data;
    const crc = entry.crc ?? (await crcOf(new Blob([entry.data])));
    const size = entry.size ?? entry.data.length;
    const method = entry.deflated ? 8 : 0;
    const flags = entry.flags ?? 0x800;
    const local = record(30, [[0, 4, 0x04034b50], [6, 2, flags], [8, 2, method], [14, 4, crc], [18, 4, packed.length], [22, 4, size], [26, 2, name.length]]);
    const extra = entry.long ? long(size, packed.length, at) : new Uint8Array();
    const narrow = (value: number): number => (entry.long ? 0xffffffff : value);
    const central = record(46, [
      [0, 4, 0x02014b50],
      [8, 2, flags],
      [10, 2, method],
      [16, 4, crc],
      [20, 4, narrow(packed.length)],
      [24, 4, narrow(size)],
      [28, 2, name.length],
      [30, 2, extra.length],
      [42, 4, narrow(at)],
    ]);
    pieces.push(local, name, packed);
    directory.push(central, name, extra);
    at += local.length + name.length + packed.length;
  }
  const size = directory.reduce((sum, piece) => sum + piece.length, 0);
  const end = record(22, [[0, 4, 0x06054b50], [10, 2, entries.length], [12, 4, size], [16, 4, at], [20, 2, comment.length]]);
  return new File([...pieces, ...directory, end, text(comment)], "all.zip");
}

function record(size: number, values: readonly (readonly [number, number, number])[]): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(size));
  for (const [at, bytes, value] of values) bytes === 2 ? view.setUint16(at, value, true) : view.setUint32(at, value, true);
  return new Uint8Array(view.buffer);
}

function long(...values: readonly number[]): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(4 + 8 * values.length));
  view.setUint16(0, 1, true);
  view.setUint16(2, 8 * values.length, true);
  values.forEach((value, index) => view.setBigUint64(4 + 8 * index, BigInt(value), true));
  return new Uint8Array(view.buffer);
}

async function faultOf(entry: Made): Promise<string> {
  const [first] = await entriesOf(await archiveOf([entry]));
  return first!.read().then(
    () => "none",
    (error: unknown) => (error instanceof ZipError ? error.fault : String(error)),
  );
}

test("what was packed comes out whole, stored and deflated, behind a comment too", async () => {
  const data = new Uint8Array(Array.from({ length: 100_000 }, (_, index) => (index * 7) % 251));
  const archive = await archiveOf(
    [
      { name: "NGUYỄN/1.dcm", data, deflated: true },
      { name: "NGUYỄN/", data: new Uint8Array() },
      { name: "2.dcm", data: text("abc"), long: true },
    ],
    "made by a test",
  );

  expect(await isZip(archive)).toBe(true);
  const entries = await entriesOf(archive);
  expect(entries.map(({ name, size }) => [name, size])).toEqual([
    ["NGUYỄN/1.dcm", 100_000],
    ["2.dcm", 3],
  ]);
  expect(new Uint8Array(await (await entries[0]!.read()).arrayBuffer())).toEqual(data);
  expect(await (await entries[1]!.read()).text()).toBe("abc");
});

test.each([
  ["broken", { name: "a", data: text("abc"), crc: 1 }],
  ["broken", { name: "a", data: text("abc"), deflated: true, size: 4 }],
  ["bomb", { name: "a", data: text("a".repeat(1000)), deflated: true, size: 3 }],
  ["bomb", { name: "a", data: new Uint8Array((1 << 24) + 1), deflated: true }],
  ["encrypted", { name: "a", data: text("abc"), flags: 0x801 }],
] as const)("what is %s is told", async (fault, entry) => {
  expect(await faultOf(entry)).toBe(fault);
});

test("what is no archive, and one that is cut off, are told", async () => {
  expect(await isZip(new File(["PK"], "a.zip"))).toBe(false);
  const archive = await archiveOf([{ name: "a", data: text("abc") }]);
  await expect(entriesOf(archive.slice(0, archive.size - 30))).rejects.toThrow(ZipError);
});

test("files and archives come as one stream; indexes of media and hidden files are left out", async () => {
  const archive = await archiveOf([
    { name: "DICOMDIR", data: text("x") },
    { name: "IM/1", data: text("abc") },
    { name: "__MACOSX/._1", data: text("x") },
  ]);
  const broken = new File([await archive.slice(0, archive.size - 30).arrayBuffer()], "cut.zip");

  const found: Found[] = [];
  for await (const one of ofFiles([new File(["hello"], "a.dcm"), new File(["x"], ".DS_Store"), archive, broken])) found.push(one);

  expect(found.map((one) => ("fault" in one ? [one.name, one.fault] : [one.name, one.size]))).toEqual([
    ["a.dcm", 5],
    ["all.zip/IM/1", 3],
    ["cut.zip", "broken"],
  ]);
});

test.each([
  [true, [...new Uint8Array(128), ...text("DICM")]],
  [true, [8, 0, 5, 0, 67, 83, 0, 0, 0, 0]],
  [false, [...text("MZ this is the viewer on the disk")]],
  [false, [8, 0]],
])("it is %s that these bytes may be an instance", async (may, bytes) => {
  expect(await mayBeInstance(new Blob([new Uint8Array(bytes)]))).toBe(may);
});
