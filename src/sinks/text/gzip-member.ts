import { createGzip, type Gzip } from 'node:zlib';
import type { StagedFile } from '../../outputs/staged-file.js';

/**
 * Compresses into a file, as one gzip member. A file that is gone on with later gets another
 * member after it, which every gzip reader takes as one text.
 */
export class GzipMember {
  readonly #gzip: Gzip;
  readonly #file: StagedFile;
  #chunks: Uint8Array[] = [];

  constructor(file: StagedFile) {
    this.#file = file;
    this.#gzip = createGzip();
    this.#gzip.on('data', (chunk: Uint8Array) => this.#chunks.push(chunk));
    // Told by `write` and `end`; an error that nobody listens to would end the process.
    this.#gzip.on('error', () => {});
  }

  /** The memory may be used again once the promise has settled. */
  async write(bytes: Uint8Array): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#gzip.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
    await this.#passOn();
  }

  async end(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#gzip.once('end', resolve);
      this.#gzip.once('error', reject);
      this.#gzip.end();
    });
    await this.#passOn();
  }

  /** Frees what an unfinished member holds. */
  destroy(): void {
    this.#gzip.destroy();
  }

  async #passOn(): Promise<void> {
    const chunks = this.#chunks;
    this.#chunks = [];
    for (const chunk of chunks) await this.#file.write(chunk);
  }
}
