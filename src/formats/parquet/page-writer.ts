import { ByteBuffer } from './byte-buffer.js';
import type { Compressor } from './compressor.js';
import { ENCODING, writeDataPageHeader, writeDictionaryPageHeader } from './metadata.js';

/** Rows per data page: half a megabyte of doubles. A multiple of 8. */
export const PAGE_ROWS = 65_536;

/** Collects the pages of one column in one row group. */
export class PageWriter {
  readonly out = new ByteBuffer(65_536);
  /** Buffer for the body of the next page. */
  readonly body = new ByteBuffer(16_384);
  /** Buffer for the levels of the next page. */
  readonly levels = new ByteBuffer(64);
  readonly #compressor: Compressor | undefined;
  readonly #encodings = new Set<number>();
  #uncompressed = 0;
  #dataAt = 0;
  #hasDictionary = false;

  constructor(compressor: Compressor | undefined) {
    this.#compressor = compressor;
  }

  /** Bytes of its buffers. */
  get bytes(): number {
    return this.out.bytes.length + this.body.bytes.length + this.levels.bytes.length;
  }

  begin(): void {
    this.out.clear();
    this.#encodings.clear();
    this.#uncompressed = 0;
    this.#dataAt = 0;
    this.#hasDictionary = false;
  }

  /** Adds the dictionary page: at most once, before the data pages. */
  dictionaryPage(values: number, body: Uint8Array): void {
    const { out } = this;
    const packed = this.#compressor ? this.#compressor.compress(body) : body;
    const from = out.length;
    writeDictionaryPageHeader(out, values, body.length, packed.length);
    this.#uncompressed += out.length - from + body.length;
    out.append(packed);
    this.#hasDictionary = true;
    this.#encodings.add(ENCODING.plain);
    this.#dataAt = out.length;
  }

  /**
   * Adds a data page with the levels in `levels`, which is then cleared.
   *
   * @param isDense - Whether the body is so dense that a fast compressor would save nothing.
   */
  dataPage(rows: number, nulls: number, encoding: number, body: Uint8Array, isDense = false): void {
    const { out, levels } = this;
    let packed = body;
    if (this.#compressor && !(isDense && this.#compressor.isFast)) {
      const smaller = this.#compressor.compress(body);
      if (smaller.length < body.length) packed = smaller;
    }
    const from = out.length;
    writeDataPageHeader(out, {
      rows,
      nulls,
      encoding,
      levelBytes: levels.length,
      bodyBytes: body.length,
      compressedBytes: packed.length,
      isCompressed: packed !== body,
    });
    this.#uncompressed += out.length - from + levels.length + body.length;
    out.append(levels.view());
    out.append(packed);
    levels.clear();
    this.#encodings.add(encoding);
  }

  /** @param offset - Offset in the file of the first page of the column. */
  facts(offset: number) {
    return {
      encodings: [...this.#encodings],
      uncompressedBytes: this.#uncompressed,
      compressedBytes: this.out.length,
      dataOffset: offset + this.#dataAt,
      dictionaryOffset: this.#hasDictionary ? offset : undefined,
    };
  }
}
