import { createGzip, type Gzip } from 'node:zlib';
import type { FileMark, StagedFile } from '../../outputs/staging/staged-file.js';

/** Shorter members make a file notably larger. */
const SHORT_BYTES = 65_536;

/**
 * Compresses into a file, as one gzip member. A file that is gone on with later gets another
 * member after it, which every gzip reader takes as one text.
 */
export class GzipMember {
  /** Of the file before it. */
  readonly begin: FileMark;
  readonly #gzip: Gzip;
  readonly #file: StagedFile;
  #chunks: Uint8Array[] = [];
  /** Its text, while that is short. */
  #text: Uint8Array[] = [];
  #textBytes = 0;
  /** Of `#text`, pieces that were given. */
  #given = 0;

  constructor(file: StagedFile) {
    this.#file = file;
    this.begin = file.mark;
    this.#gzip = createGzip();
    this.#gzip.on('data', (chunk: Uint8Array) => this.#chunks.push(chunk));
    // Told by `write` and `end`; an error that nobody listens to would end the process.
    this.#gzip.on('error', () => {});
  }

  /** The memory may be used again once the promise has settled. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#textBytes += bytes.length;
    // A copy whatever it is a view of: `slice` of a buffer is none.
    if (this.isShort) this.#text.push(new Uint8Array(bytes));
    else this.#text = [];
    await new Promise<void>((resolve, reject) => {
      this.#gzip.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
    await this.#passOn();
  }

  /** To end it would cost more than to keep its text. */
  get isShort(): boolean {
    return this.#textBytes < SHORT_BYTES;
  }

  /** Of a short one, the text that was not given before. */
  textSince(fromStart: boolean): readonly Uint8Array[] {
    const text = this.#text.slice(fromStart ? 0 : this.#given);
    this.#given = this.#text.length;
    return text;
  }

  get isGiven(): boolean {
    return this.#given > 0;
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
