import type { Batch } from '../../core/batch.js';
import type { MemoryShare } from '../../core/column-memory.js';
import type { DictionarySet } from '../../core/dictionary.js';
import { bytesPerRow, type Column, type Schema } from '../../core/schema.js';
import type { ResumedFile } from '../../outputs/open-files.js';
import type { StagedFile } from '../../outputs/staged-file.js';
import type { EncoderCut, PartEncoder } from '../files/part-encoder.js';
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
import {
  type ChunkMetadata,
  CODEC,
  isOptional,
  MAGIC,
  serializeFooter,
  serializeRowGroup,
} from './metadata.js';
import { PageWriter } from './page-writer.js';
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
    const tail = this.#saved(beginsTail ? 0 : this.#rowsCut);
    this.#rowGroupsCut = this.#rowGroups.length;
    this.#rowsCut = this.#rows;
    const state = { rowsEncoded: this.#rowsEncoded, bytesPerRow: this.#bytesPerRow };
    return { mark: this.#file!.mark, state, log, tail, beginsTail };
  }

  goOn({ file, state, log, tail }: ResumedFile): void {
    const { rowsEncoded, bytesPerRow } = state as { rowsEncoded: number; bytesPerRow: number };
    this.#file = file;
    this.#rowsEncoded = rowsEncoded;
    this.#bytesPerRow = bytesPerRow;
    this.#rowGroups = lengthened(log);
    this.#rowGroupsCut = 0;
    this.#rows = this.#rowsCut = 0;
    for (const saved of tail) this.#load(saved);
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

  /** Rows in the buffers from one on: how many, then each column with its length. */
  #saved(start: number): Uint8Array[] {
    const rows = this.#rows - start;
    if (rows === 0) return [];
    const columns = this.#buffers.map((buffer) => Buffer.concat(buffer.save(start, this.#rows)));
    return [uint32(rows), ...columns.flatMap(withLength)];
  }

  #load(saved: Uint8Array): void {
    const rows = readUint32(saved, 0);
    this.#makeRoom(this.#rows + rows);
    const columns = lengthened([saved.subarray(4)]);
    this.#buffers.forEach((buffer, i) => {
      buffer.load(columns[i]!, rows, this.#rows);
    });
    this.#rows += rows;
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

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

const readUint32 = ({ buffer, byteOffset }: Uint8Array, at: number): number =>
  new DataView(buffer, byteOffset).getUint32(at, true);

const withLength = (bytes: Uint8Array): Uint8Array[] => [uint32(bytes.length), bytes];

/** What `withLength` was given, piece by piece. */
function lengthened(all: readonly Uint8Array[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (const bytes of all) {
    for (let at = 0; at < bytes.length; ) {
      const end = at + 4 + readUint32(bytes, at);
      pieces.push(bytes.subarray(at + 4, end));
      at = end;
    }
  }
  return pieces;
}
