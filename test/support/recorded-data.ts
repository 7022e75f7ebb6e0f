import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { inflateRawSync } from 'node:zlib';

/** Recorded market data beside the repository; it is in no package and no clone. */
export const RECORDED_DATA = resolve(import.meta.dirname, '../../../shared/data');

export const hasRecordedData = existsSync(join(RECORDED_DATA, 'facts.json'));

/** For the title of a `describe.runIf(hasRecordedData)`. */
export const recordedTitle = (title: string): string =>
  hasRecordedData ? title : `${title} (NOT RUN: there is no ../shared/data)`;

export const recordedPath = (path: string): string => join(RECORDED_DATA, path);

/** Facts about a recorded file that were computed without our code. */
export function factsOf<Facts>(path: string): Facts {
  return JSON.parse(readFileSync(recordedPath('facts.json'), 'utf8'))[path] as Facts;
}

/** A folder for one test file, and what removes it. */
export function scratchFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-'));
  let written = 0;
  return {
    folder,
    /** Writes a file of a name of its own into it. @returns Its path. */
    writeNew(content: string | Uint8Array): string {
      return this.write(`new-${written++}.csv`, content);
    },
    /** Writes a file into it. @returns Its path. */
    write(name: string, content: string | Uint8Array): string {
      const path = join(folder, name);
      writeFileSync(path, content);
      return path;
    },
    makeFolder(name: string): void {
      mkdirSync(join(folder, name), { recursive: true });
    },
    /** Unpacks the one file of a zip into it, under its name there. @returns Its path. */
    unzip(zipPath: string): string {
      const [{ name, content }] = entriesOf(readFileSync(zipPath)) as [ZipEntry];
      return this.write(name, content);
    },
    /** Unpacks all files of a zip into a folder of their own. @returns How many there are. */
    unzipAll(zipPath: string, into: string): number {
      this.makeFolder(into);
      const entries = entriesOf(readFileSync(zipPath));
      for (const { name, content } of entries) this.write(join(into, name), content);
      return entries.length;
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

interface ZipEntry {
  readonly name: string;
  readonly content: Buffer;
}

/** The files of a zip by its central directory (APPNOTE 4.3.12), stored or deflated. */
function entriesOf(zip: Buffer): ZipEntry[] {
  const end = zip.lastIndexOf('PK\x05\x06', undefined, 'latin1');
  const entries: ZipEntry[] = [];
  // By its signature: some vendors' files say 65,535 entries, whatever they hold.
  for (let at = zip.readUInt32LE(end + 16); zip.toString('latin1', at, at + 4) === 'PK\x01\x02'; ) {
    const method = zip.readUInt16LE(at + 10);
    const packedSize = zip.readUInt32LE(at + 20);
    const nameEnd = at + 46 + zip.readUInt16LE(at + 28);
    const name = zip.toString('utf8', at + 46, nameEnd);
    const local = zip.readUInt32LE(at + 42);
    const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    const packed = zip.subarray(start, start + packedSize);
    entries.push({ name, content: method === 0 ? packed : inflateRawSync(packed) });
    at = nameEnd + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  return entries;
}
