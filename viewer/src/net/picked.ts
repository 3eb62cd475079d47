// What a person chose or dropped: files, folders and archives, as one stream of files that may be instances.
import { entriesOf, isZip, ZipError, type ZipFault } from "./zip";

export interface Picked {
  /** Its path, for a person. */
  readonly name: string;
  readonly size: number;
  readonly read: () => Promise<Blob>;
}

/** A file, or an archive that could not be opened. */
export type Found = Picked | { readonly name: string; readonly fault: ZipFault };

const MAGIC_AT = 128;
const MAGIC = 0x4449434d;
const MEDIA_INDEX = /(^|\/)dicomdir$/i;
/** Hidden files, and what macOS puts beside each file of an archive. */
const NOBODYS = /(^|\/)(\.[^/]*|__MACOSX\/.*)$/;

/** Of a file chooser. */
export async function* ofFiles(files: Iterable<File>): AsyncGenerator<Found> {
  for (const file of files) yield* ofFile(file, file.webkitRelativePath || file.name);
}

/** Whether the bytes begin as an instance does, with or without a preamble; the server decides. */
export async function mayBeInstance(file: Blob): Promise<boolean> {
  const head = new DataView(await file.slice(0, MAGIC_AT + 4).arrayBuffer());
  if (head.byteLength < 8) return false;
  if (head.byteLength === MAGIC_AT + 4 && head.getUint32(MAGIC_AT) === MAGIC) return true;
  const group = head.getUint16(0, true);
  return group === 0x0008 || group === 0x0800 || (group === 0x0002 && head.getUint16(2, true) === 0);
}

/** Something dropped: a file, or a folder. */
export type Dropped = File | FileSystemEntry;

export async function* ofDropped(entries: readonly Dropped[]): AsyncGenerator<Found> {
  for (const entry of entries) {
    if (entry instanceof File) {
      yield* ofFile(entry, entry.name);
    } else if (entry.isFile) {
      const file = await new Promise<File>((done, failed) => (entry as FileSystemFileEntry).file(done, failed));
      yield* ofFile(file, entry.fullPath.slice(1));
    } else {
      yield* ofDropped(await childrenOf(entry as FileSystemDirectoryEntry));
    }
  }
}

/** All of them: the browser tells a hundred at once. */
async function childrenOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const children: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((done, failed) => reader.readEntries(done, failed));
    if (some.length === 0) return children;
    children.push(...some);
  }
}

async function* ofFile(file: File, name: string): AsyncGenerator<Found> {
  if (NOBODYS.test(name) || MEDIA_INDEX.test(name)) return;
  if ((await isZip(file)) && !(await hasMagic(file))) yield* ofArchive(file, name);
  else yield { name, size: file.size, read: () => Promise.resolve(file) };
}

/** An instance may have an archive before its magic: those exist to deceive. */
async function hasMagic(file: Blob): Promise<boolean> {
  const bytes = await file.slice(MAGIC_AT, MAGIC_AT + 4).arrayBuffer();
  return bytes.byteLength === 4 && new DataView(bytes).getUint32(0) === MAGIC;
}

async function* ofArchive(archive: File, name: string): AsyncGenerator<Found> {
  try {
    for (const entry of await entriesOf(archive)) {
      if (NOBODYS.test(entry.name) || MEDIA_INDEX.test(entry.name)) continue;
      yield { name: `${name}/${entry.name}`, size: entry.size, read: entry.read };
    }
  } catch (error) {
    if (!(error instanceof ZipError)) throw error;
    yield { name, fault: error.fault };
  }
}
