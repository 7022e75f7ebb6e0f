import type { Batch } from '../../columns/batch.js';
import type { MemoryShare } from '../../columns/column-memory.js';
import type { DictionarySet } from '../../columns/dictionary.js';
import { bytesPerRow, type Column, type Schema } from '../../columns/schema.js';
import type { ResumedFile } from '../../outputs/staging/open-files.js';
import type { StagedFile } from '../../outputs/staging/staged-file.js';
import type { EncoderCut, PartEncoder } from '../part-encoder.js';
import { type ColumnBuffer, type EncodePages, PlainBuffer } from './column-buffer.js';
import { compressorOf, type ParquetCompression } from './compressor.js';
import {
  encodeBooleans,
  encodeDoubles,
  encodeInt32,
  encodeInt64,
  encodeNullableDoubles,
  writeCodePages,
} from './encode-values.js';
import { lengthPrefixed, withLength } from './length-prefixed.js';
import {
  type ChunkMetadata,
  CODEC,
  isOptional,
  MAGIC,
  serializeFooter,
  serializeRowGroup,
} from './metadata.js';
import { PageWriter } from './page-writer.js';
import { savedRows, saveRows } from './saved-rows.js';
import { Scratch } from './scratch.js';
import { dictionaryBytes, StringBuffer } from './string-buffer.js';

const ROWS_AT_FIRST = 1_024;

/**
 * Rows as Parquet: gathered in columns until a row group is full, then encoded a column at a time.
 * Memory is bounded by one row group, about twice its raw size.
 */
export class ParquetPartEncoder implements PartEncoder {
  readonly #schema: Schema;
  readonly #rowGroupRows: number;
  readonly #dictionaries: DictionarySet;
  readonly #codec: number;
  readonly #pages: PageWriter;
  readonly #scratch = new Scratch();
  readonly #buffers: ColumnBuffer[];
  readonly #share: MemoryShare;
  #file: StagedFile | undefined;
  #capacity = 0;
  /** In the buffers. */
  #rows = 0;
  #rowsEncoded = 0;
  #rowGroups: Uint8Array[] = [];
  /** Of the row groups, and of the rows in the buffers: what cuts have given. */
  #rowGroupsCut = 0;
  #rowsCut = 0;
  /** Bytes of a row in the file, as far as is known. */
  #bytesPerRow: number;

  /**
   * @param dictionaries - Those of its batches.
   * @param share - What its buffers take is in it.
   */
  constructor(
    schema: Schema,
    compression: ParquetCompression,
    rowGroupRows: number,
    dictionaries: DictionarySet,
    share: MemoryShare,
  ) {
    const compressor = compressorOf(compression);
    this.#schema = schema;
    this.#rowGroupRows = rowGroupRows;
    this.#dictionaries = dictionaries;
    this.#share = share;
    this.#codec = compressor?.codec ?? CODEC.none;
    this.#pages = new PageWriter(compressor);
    this.#buffers = schema.columns.map((column) => columnBuffer(column, dictionaries));
    this.#bytesPerRow = bytesPerRow(schema) / 2;
  }

  get pendingBytes(): number {
    return Math.ceil(this.#rows * this.#bytesPerRow);
  }

  begin(file: StagedFile): Promise<void> {
    this.#file = file;
    this.#rows = this.#rowsCut = 0;
    this.#rowsEncoded = 0;
    this.#rowGroups = [];
    this.#rowGroupsCut = 0;
    return file.write(MAGIC);
  }

  /**
   * The file holds whole row groups: it stays as it is. What the footer will say of them goes into the
   * log, rows of the next one into the tail. So a checkpoint ends no row group: small ones make files
   * larger and slower to scan.
   */
  cut(whole: boolean): EncoderCut {
    const beginsTail = whole || this.#rowGroups.length > this.#rowGroupsCut;
    const log = this.#rowGroups.slice(whole ? 0 : this.#rowGroupsCut).flatMap(withLength);
    const tail = saveRows(this.#buffers, beginsTail ? 0 : this.#rowsCut, this.#rows);
    this.#rowGroupsCut = this.#rowGroups.length;
    this.#rowsCut = this.#rows;
    const state = { rowsEncoded: this.#rowsEncoded, bytesPerRow: this.#bytesPerRow };
    return { mark: this.#file!.mark, state, log, tail, beginsTail };
  }

  /** Row groups may be of another size by now: the rows are taken as if they came anew. */
  async goOn({ file, state, log, tail }: ResumedFile): Promise<void> {
    const { rowsEncoded, bytesPerRow } = state as { rowsEncoded: number; bytesPerRow: number };
    this.#file = file;
    this.#rowsEncoded = rowsEncoded;
    this.#bytesPerRow = bytesPerRow;
    // Copies: what they are views of may be large, and would live as long as they do.
    this.#rowGroups = log.flatMap(lengthPrefixed).map((bytes) => new Uint8Array(bytes));
    this.#rowGroupsCut = 0;
    this.#rows = this.#rowsCut = 0;
    for (const batch of savedRows(tail, this.#buffers, this.#schema, this.#dictionaries)) {
      await this.rows(batch, 0, batch.length);
    }
  }

  async rows(batch: Batch, start: number, end: number): Promise<void> {
    for (let row = start; row < end; ) {
      const until = Math.min(end, row + this.#rowGroupRows - this.#rows);
      this.#append(batch, row, until);
      row = until;
      if (this.#rows === this.#rowGroupRows) await this.#endRowGroup();
    }
  }

  async encodePending(): Promise<void> {
    if (this.#rows > 0) await this.#endRowGroup();
  }

  async end(): Promise<void> {
    await this.encodePending();
    await this.#file!.write(serializeFooter(this.#schema, this.#rowsEncoded, this.#rowGroups));
    this.#file = undefined;
    this.#rowGroups = [];
  }

  close(): void {
    this.#share.resize(0);
  }

  #makeRoom(rows: number): void {
    if (rows <= this.#capacity) return;
    // A pipeline of few rows stays small.
    const capacity = Math.min(this.#rowGroupRows, Math.max(rows, 2 * this.#capacity, ROWS_AT_FIRST));
    this.#share.resize(this.#bytes + (capacity - this.#capacity) * bytesPerRow(this.#schema));
    this.#capacity = capacity;
    for (const buffer of this.#buffers) buffer.grow(this.#capacity, this.#rows);
  }

  #append(batch: Batch, start: number, end: number): void {
    const rows = this.#rows + end - start;
    this.#makeRoom(rows);
    const buffers = this.#buffers;
    for (let i = 0; i < buffers.length; i++) buffers[i]!.append(batch, i, start, end, this.#rows);
    this.#rows = rows;
  }

  async #endRowGroup(): Promise<void> {
    const file = this.#file!;
    const rows = this.#rows;
    const pages = this.#pages;
    const from = file.bytes;
    const chunks: ChunkMetadata[] = [];
    this.#share.resize(this.#bytes - this.#scratch.bytes + this.#scratch.bytesWith(rows));
    this.#scratch.reserve(rows);
    for (const buffer of this.#buffers) {
      pages.begin();
      const facts = buffer.encode(rows, pages, this.#scratch);
      const { column } = buffer;
      chunks.push({ column, codec: this.#codec, values: rows, ...facts, ...pages.facts(file.bytes) });
      await file.write(pages.out.view());
    }
    this.#rowGroups.push(serializeRowGroup(rows, chunks));
    this.#rowsEncoded += rows;
    this.#rows = this.#rowsCut = 0;
    this.#bytesPerRow = (file.bytes - from) / rows;
    this.#share.resize(this.#bytes); // pages have grown with what was encoded
  }

  /** What the row group takes, and what encodes it. */
  get #bytes(): number {
    let bytes = this.#scratch.bytes + this.#pages.bytes;
    for (const buffer of this.#buffers) bytes += buffer.bytes;
    return bytes;
  }
}

function columnBuffer(column: Column, dictionaries: DictionarySet): ColumnBuffer {
  switch (column.type) {
    case 'timestamp':
    case 'int64':
      return new PlainBuffer(column, encodeInt64);
    case 'float64':
      return new PlainBuffer(column, isOptional(column) ? encodeNullableDoubles : encodeDoubles);
    case 'int32':
      return new PlainBuffer(column, encodeInt32);
    case 'boolean':
      return new PlainBuffer(column, encodeBooleans);
    case 'enum':
      return new PlainBuffer(column, enumEncoder(column));
    case 'string':
      return new StringBuffer(column, dictionaries.get(column.dictionary ?? column.name));
  }
}

function enumEncoder({ values = [] }: Column): EncodePages<Uint8Array> {
  const texts = dictionaryBytes(values.map((value) => Buffer.from(value)));
  return (codes, rows, pages, scratch) => {
    pages.dictionaryPage(values.length, texts);
    writeCodePages(codes, rows, values.length, scratch.present, 0, pages, false);
    return { nulls: 0 };
  };
}
