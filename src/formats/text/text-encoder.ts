import type { Batch } from '../../columns/batch.js';
import type { MemoryShare } from '../../columns/column-memory.js';
import type { ControlRecord } from '../../columns/control-record.js';
import type { Schema } from '../../columns/schema.js';
import type { OutputFile, ResumedFile } from '../../outputs/output-file.js';
import type { EncoderCut, PartEncoder } from '../part-encoder.js';
import { GzipMember } from './gzip-member.js';
import { type TextColumn, type TextDialect, textColumns } from './text-column.js';

export interface TextFormat {
  readonly dialect: TextDialect;
  /** Bytes at the start of each file. */
  readonly header: Uint8Array;
  /** Bytes after the last value of a row, its line end included. */
  readonly rowEnd: Uint8Array;
  /** Formats a control record as a line; if missing, control records are left out. */
  readonly controlLine?: ((record: ControlRecord) => string) | undefined;
  readonly gzip: boolean;
}

/** Size of the buffer before each write: small at first, since many files may be open. */
const CHUNK_BYTES_FIRST = 16_384;
const CHUNK_BYTES_MAX = 262_144;

/** Encodes rows as lines of text. */
export class TextPartEncoder implements PartEncoder {
  readonly #format: TextFormat;
  readonly #columns: TextColumn[];
  readonly #share: MemoryShare;
  #bytes = new Uint8Array(CHUNK_BYTES_FIRST);
  #at = 0;
  #file: OutputFile | undefined;
  #gzip: GzipMember | undefined;
  readonly control?: (record: ControlRecord) => Promise<void>;

  /** @param share - Charged with the memory of its buffer. */
  constructor(schema: Schema, format: TextFormat, share: MemoryShare) {
    this.#format = format;
    this.#share = share;
    this.#columns = textColumns(schema, format.dialect);
    const { controlLine } = format;
    if (controlLine) this.control = (record) => this.#append(Buffer.from(controlLine(record)));
  }

  get pendingBytes(): number {
    // gzip compresses such text to about a quarter.
    return this.#format.gzip ? Math.ceil(this.#at / 4) : this.#at;
  }

  async begin(file: OutputFile): Promise<void> {
    this.#start(file);
    if (file.bytes === 0) await this.#append(this.#format.header);
  }

  /** Writes all text to the file first; the text of a short gzip member goes into the tail instead. */
  async cut(whole: boolean): Promise<EncoderCut> {
    await this.#drain();
    const file = this.#file!;
    if (this.#gzip && !this.#gzip.isShort) {
      await this.#gzip.end();
      this.#gzip = undefined;
    }
    const member = this.#gzip;
    const beginsTail = whole || !member?.isGiven;
    return {
      mark: member?.begin ?? file.mark,
      state: null,
      log: [],
      tail: member?.textSince(whole) ?? [],
      beginsTail,
    };
  }

  async goOn({ file, tail }: ResumedFile): Promise<void> {
    this.#start(file);
    for (const text of tail) await this.#write(text);
  }

  async rows(batch: Batch, start: number, end: number): Promise<void> {
    const columns = this.#columns;
    for (let i = 0; i < columns.length; i++) columns[i]!.over(batch, batch.columns[i]!);
    for (let row = start; row < end; ) {
      row = this.#fill(row, end);
      if (row < end) await this.#makeRoom(row);
    }
  }

  async end(): Promise<void> {
    await this.#drain();
    // Without any text, the file still gets one empty member, so that it is valid gzip.
    if (this.#format.gzip && this.#file!.bytes === 0) this.#gzip ??= new GzipMember(this.#file!);
    await this.#gzip?.end();
    this.#gzip = undefined;
    this.#file = undefined;
  }

  close(): void {
    this.#gzip?.destroy();
    this.#gzip = undefined;
    this.#share.resize(0);
  }

  #start(file: OutputFile): void {
    this.#share.resize(this.#bytes.length);
    this.#file = file;
    this.#at = 0;
    this.#gzip?.destroy();
    this.#gzip = undefined;
  }

  /** Writes rows to the buffer. @returns The first row for which there was no room. */
  #fill(start: number, end: number): number {
    const columns = this.#columns;
    const { rowEnd } = this.#format;
    const bytes = this.#bytes;
    const limit = bytes.length;
    let at = this.#at;
    let row = start;
    for (; row < end; row++) {
      let next = at;
      let i = 0;
      for (; i < columns.length; i++) {
        const column = columns[i]!;
        if (next + column.bytesMax(row) > limit) break;
        next = column.write(bytes, next, row);
      }
      if (i < columns.length || next + rowEnd.length > limit) break;
      for (let j = 0; j < rowEnd.length; j++) bytes[next + j] = rowEnd[j]!;
      at = next + rowEnd.length;
    }
    this.#at = at;
    return row;
  }

  async #makeRoom(row: number): Promise<void> {
    await this.#drain();
    let needed = this.#format.rowEnd.length;
    for (const column of this.#columns) needed += column.bytesMax(row);
    const { length } = this.#bytes;
    const grown = Math.max(length, Math.min(CHUNK_BYTES_MAX, 2 * length), needed > length ? 2 * needed : 0);
    if (grown === length) return;
    this.#share.resize(grown);
    this.#bytes = new Uint8Array(grown);
  }

  async #append(text: Uint8Array): Promise<void> {
    if (this.#at + text.length > this.#bytes.length) await this.#drain();
    if (text.length > this.#bytes.length) {
      await this.#write(text);
      return;
    }
    this.#bytes.set(text, this.#at);
    this.#at += text.length;
  }

  async #drain(): Promise<void> {
    if (this.#at === 0) return;
    const filled = this.#bytes.subarray(0, this.#at);
    this.#at = 0;
    await this.#write(filled);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const file = this.#file!;
    if (this.#format.gzip) this.#gzip ??= new GzipMember(file);
    await (this.#gzip ?? file).write(bytes);
  }
}
