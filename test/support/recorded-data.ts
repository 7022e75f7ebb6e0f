import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
  return {
    folder,
    /** Writes a file into it. @returns Its path. */
    write(name: string, content: string | Uint8Array): string {
      const path = join(folder, name);
      writeFileSync(path, content);
      return path;
    },
    /** Unpacks the one file of a zip into it, under its name there. @returns Its path. */
    unzip(zipPath: string): string {
      const { name, content } = onlyEntry(readFileSync(zipPath));
      return this.write(name, content);
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The first file of a zip by its central directory (APPNOTE 4.3.12), stored or deflated. */
function onlyEntry(zip: Buffer): { name: string; content: Buffer } {
  const end = zip.lastIndexOf('PK\x05\x06', undefined, 'latin1');
  const entry = zip.readUInt32LE(end + 16);
  const method = zip.readUInt16LE(entry + 10);
  const packedSize = zip.readUInt32LE(entry + 20);
  const name = zip.toString('utf8', entry + 46, entry + 46 + zip.readUInt16LE(entry + 28));
  const local = zip.readUInt32LE(entry + 42);
  const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
  const packed = zip.subarray(start, start + packedSize);
  return { name, content: method === 0 ? packed : inflateRawSync(packed) };
}
