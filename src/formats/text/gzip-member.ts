import { createGzip, type Gzip } from 'node:zlib';
import type { FileMark, OutputFile } from '../../outputs/output-file.js';

/** Shorter members make a file notably larger. */
const SHORT_BYTES = 65_536;

/**
 * Compresses into a file, as one gzip member. If the file is continued later, another member follows,
 * and every gzip reader reads both as one text.
 */
export class GzipMember {
  /** The mark of the file at the start of the member. */
  readonly begin: FileMark;
  readonly #gzip: Gzip;
  readonly #file: OutputFile;
  #chunks: Uint8Array[] = [];
  /** The text of the member, while it is short. */
  #text: Uint8Array[] = [];
  #textBytes = 0;
  /** How many pieces of `#text` were returned by `textSince`. */
  #given = 0;

  constructor(file: OutputFile) {
    this.#file = file;
    this.begin = file.mark;
    this.#gzip = createGzip();
    this.#gzip.on('data', (chunk: Uint8Array) => this.#chunks.push(chunk));
    // Reported by `write` and `end`; an error event without a listener would end the process.
    this.#gzip.on('error', () => {});
  }

  /** Compresses bytes; their memory may be reused once the promise has settled. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#textBytes += bytes.length;
    // `slice` would not do: on a Node buffer it makes a view, not a copy.
    if (this.isShort) this.#text.push(new Uint8Array(bytes));
    else this.#text = [];
    await new Promise<void>((resolve, reject) => {
      this.#gzip.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
    await this.#passOn();
  }

  /** Whether the member is short, so that a checkpoint keeps its text instead of ending it. */
  get isShort(): boolean {
    return this.#textBytes < SHORT_BYTES;
  }

  /** Returns the text of a short member since the last call, or from its start. */
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

  /** Frees the resources of an unfinished member. */
  destroy(): void {
    this.#gzip.destroy();
  }

  async #passOn(): Promise<void> {
    const chunks = this.#chunks;
    this.#chunks = [];
    for (const chunk of chunks) await this.#file.write(chunk);
  }
}
