import * as real from 'node:fs/promises';
import type { OpensFiles } from '../../src/formats/lent-descriptors.js';

/** The real file system, in which files are read a few bytes at a time and some of the calls fail. */
export class FlakyFileSystem {
  /** Asked before each call. */
  isFailing: (call: 'open' | 'read') => boolean = () => false;
  /** Calls that failed. */
  failures = 0;
  readonly #bytesMax: number;

  /** @param bytesMax - That a read gives at once. */
  constructor(bytesMax = Number.POSITIVE_INFINITY) {
    this.#bytesMax = bytesMax;
  }

  readonly fs: OpensFiles = {
    open: async (...args: Parameters<typeof real.open>) => {
      this.#failOn('open', 'EMFILE');
      const handle = await real.open(...args);
      const read = handle.read.bind(handle) as (...all: unknown[]) => Promise<{ bytesRead: number }>;
      const few = async (buffer: Uint8Array, offset: number, length: number, at: number) => {
        this.#failOn('read', 'EIO');
        return read(buffer, offset, Math.min(length, this.#bytesMax), at);
      };
      handle.read = few as unknown as typeof handle.read;
      return handle;
    },
  };

  #failOn(call: 'open' | 'read', code: string): void {
    if (!this.isFailing(call)) return;
    this.failures++;
    throw Object.assign(new Error(`${code}: injected`), { code });
  }
}
