import type { Batch } from '../../columns/batch.js';
import type { MemoryShare } from '../../columns/column-memory.js';
import type { DictionarySet } from '../../columns/dictionary.js';
import { bytesPerRow, type Column, type Schema } from '../../columns/schema.js';
import type { OutputFile, ResumedFile } from '../../outputs/output-file.js';
import type { EncoderCut, PartEncoder } from '../part-encoder.js';
import { closeRowGroup } from './close-row-group.js';
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
import { CODEC, isOptional, MAGIC, serializeFooter } from './metadata.js';
import { PageWriter } from './page-writer.js';
import { savedRows, saveRows } from './saved-rows.js';
import { Scratch } from './scratch.js';
import { dictionaryBytes, StringBuffer } from './string-buffer.js';

const ROWS_AT_FIRST = 1_024;

/**
 * Encodes rows as Parquet: collects them in columns until a row group is full, then encodes column by
 * column. Memory is bounded by one row group, at about twice its raw size.
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
  #file: OutputFile | undefined;
  #capacity = 0;
  /** Rows in the buffers. */
  #rows = 0;
  #rowsEncoded = 0;
  #rowGroups: Uint8Array[] = [];
  /** How many of the row groups, and of the rows in the buffers, earlier cuts have returned. */
  #rowGroupsCut = 0;
  #rowsCut = 0;
  /** Estimate of the bytes per row in the file. */
  #bytesPerRow: number;

  /**
   * @param dictionaries - The dictionaries of its batches.
   * @param share - Charged with the memory of its buffers.
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

  begin(file: OutputFile): Promise<void> {
    this.#file = file;
    this.#rows = this.#rowsCut = 0;
    this.#rowsEncoded = 0;
    this.#rowGroups = [];
    this.#rowGroupsCut = 0;
    return file.write(MAGIC);
  }

  /**
   * Cuts without writing to the file, which holds only whole row groups. Their metadata for the footer
   * goes into the log, and the rows of the next row group into the tail. This way a checkpoint does not
   * end a row group: small row groups make files larger and slower to scan.
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

  /** Adds the rows of the tail as if they were new, since the size of row groups may have changed. */
  async goOn({ file, state, log, tail }: ResumedFile): Promise<void> {
    const { rowsEncoded, bytesPerRow } = state as { rowsEncoded: number; bytesPerRow: number };
    this.#file = file;
    this.#rowsEncoded = rowsEncoded;
    this.#bytesPerRow = bytesPerRow;
    // Copies, since a view would keep the whole buffer under it alive.
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
    // Starts small, so that a pipeline with few rows needs little memory.
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
    const scratch = this.#scratch;
    const from = file.bytes;
    this.#share.resize(this.#bytes - scratch.bytes + scratch.bytesWith(rows));
    scratch.reserve(rows);
    const writing = { file, pages: this.#pages, codec: this.#codec, scratch };
    this.#rowGroups.push(await closeRowGroup(rows, this.#buffers, writing));
    this.#rowsEncoded += rows;
    this.#rows = this.#rowsCut = 0;
    this.#bytesPerRow = (file.bytes - from) / rows;
    this.#share.resize(this.#bytes); // the page buffers may have grown
  }

  /** Bytes of the row group, and of the memory for encoding it. */
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
