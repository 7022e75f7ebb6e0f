import * as real from 'node:fs/promises';
import type { FileSystem } from '../../src/outputs/disk/file-system.js';

/** The real file system, on a disk that has room for so many more bytes. */
export class FullDisk {
  room: number;
  code = 'ENOSPC';
  /** Writes that found no room. */
  refused = 0;
  readonly fs: FileSystem;

  /** @param writesWhole - Whether files that are written as a whole need room, too. */
  constructor(room = 0, { writesWhole = false } = {}) {
    this.room = room;
    const open = async (...args: Parameters<typeof real.open>) => {
      const handle = await real.open(...args);
      const write = handle.write.bind(handle) as (...all: unknown[]) => Promise<{ bytesWritten: number }>;
      const bounded = async (
        bytes: Uint8Array,
        at = 0,
        length = bytes.length - at,
        position: number | null = null,
      ) => {
        const taken = Math.min(length, this.room);
        if (length > 0 && taken === 0) {
          this.refused++;
          throw Object.assign(new Error(`${this.code}: injected`), { code: this.code });
        }
        this.room -= taken;
        return write(bytes, at, taken, position); // a short write, where not all of it fits
      };
      handle.write = bounded as unknown as typeof handle.write;
      if (!writesWhole) return handle;
      handle.writeFile = (async (content: string | Uint8Array) => {
        const bytes = Buffer.from(content as Uint8Array);
        for (let at = 0; at < bytes.length; ) at += (await bounded(bytes, at)).bytesWritten;
      }) as typeof handle.writeFile;
      return handle;
    };
    this.fs = { ...real, open };
  }
}
