import type { Column, ColumnType, Schema } from '../../columns/schema.js';
import type { ByteBuffer } from './byte-buffer.js';
import { ThriftWriter } from './thrift-writer.js';

/**
 * Parquet's metadata: page headers, row groups, the footer.
 * @see https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
 */
export const ENCODING = { plain: 0, rle: 3, deltaBinaryPacked: 5, rleDictionary: 8 } as const;
export const CODEC = { none: 0, snappy: 1, gzip: 2, zstd: 6 } as const;
export const MAGIC: Uint8Array = Buffer.from('PAR1');

const PAGE = { dictionary: 2, dataV2: 3 } as const;
const BOOLEAN = 0;
const INT32 = 1;
const INT64 = 2;
const DOUBLE = 5;
const BYTE_ARRAY = 6;

const PHYSICAL: Readonly<Record<ColumnType, number>> = {
  timestamp: INT64,
  int64: INT64,
  float64: DOUBLE,
  int32: INT32,
  string: BYTE_ARRAY,
  enum: BYTE_ARRAY,
  boolean: BOOLEAN,
};

/** Metadata of one column in one row group. */
export interface ChunkMetadata {
  readonly column: Column;
  readonly codec: number;
  readonly encodings: readonly number[];
  readonly values: number;
  readonly uncompressedBytes: number;
  readonly compressedBytes: number;
  /** Positions in the file. */
  readonly dataOffset: number;
  readonly dictionaryOffset: number | undefined;
  readonly nulls: number;
  /** Bounds of the values in plain encoding; `undefined`: not known. */
  readonly min?: Uint8Array | undefined;
  readonly max?: Uint8Array | undefined;
}

/** Only doubles and strings can be null; the other types have a value in every row. */
export const isOptional = ({ type, nullable }: Column): boolean =>
  nullable === true && (type === 'float64' || type === 'string');

export interface DataPage {
  readonly rows: number;
  readonly nulls: number;
  readonly encoding: number;
  readonly levelBytes: number;
  /** Bytes of the body before compression, without the levels. */
  readonly bodyBytes: number;
  /** Bytes of the body as written; equal to `bodyBytes` if it is not compressed. */
  readonly compressedBytes: number;
  readonly isCompressed: boolean;
}

export function writeDataPageHeader(out: ByteBuffer, page: DataPage): void {
  const thrift = new ThriftWriter(out);
  thrift.root(() => {
    thrift.i32(1, PAGE.dataV2);
    thrift.i32(2, page.levelBytes + page.bodyBytes);
    thrift.i32(3, page.levelBytes + page.compressedBytes);
    thrift.struct(8, () => {
      thrift.i32(1, page.rows);
      thrift.i32(2, page.nulls);
      thrift.i32(3, page.rows);
      thrift.i32(4, page.encoding);
      thrift.i32(5, page.levelBytes);
      thrift.i32(6, 0);
      thrift.bool(7, page.isCompressed);
    });
  });
}

export function writeDictionaryPageHeader(
  out: ByteBuffer,
  values: number,
  bodyBytes: number,
  compressedBytes: number,
): void {
  const thrift = new ThriftWriter(out);
  thrift.root(() => {
    thrift.i32(1, PAGE.dictionary);
    thrift.i32(2, bodyBytes);
    thrift.i32(3, compressedBytes);
    thrift.struct(7, () => {
      thrift.i32(1, values);
      thrift.i32(2, ENCODING.plain);
    });
  });
}

/** Serializes a row group for the footer at once, so that a long file needs little memory for each. */
export function serializeRowGroup(rows: number, chunks: readonly ChunkMetadata[]): Uint8Array {
  const thrift = new ThriftWriter();
  const sum = (of: (chunk: ChunkMetadata) => number) => chunks.reduce((total, chunk) => total + of(chunk), 0);
  thrift.root(() => {
    thrift.structs(1, chunks, (chunk) => {
      thrift.i64(2, 0); // deprecated; must be 0
      thrift.struct(3, () => writeChunk(thrift, chunk));
    });
    thrift.i64(
      2,
      sum((chunk) => chunk.uncompressedBytes),
    );
    thrift.i64(3, rows);
    thrift.i64(
      6,
      sum((chunk) => chunk.compressedBytes),
    );
  });
  return thrift.out.view().slice();
}

function writeChunk(thrift: ThriftWriter, chunk: ChunkMetadata): void {
  thrift.i32(1, PHYSICAL[chunk.column.type]);
  thrift.i32s(2, chunk.encodings);
  thrift.texts(3, [chunk.column.name]);
  thrift.i32(4, chunk.codec);
  thrift.i64(5, chunk.values);
  thrift.i64(6, chunk.uncompressedBytes);
  thrift.i64(7, chunk.compressedBytes);
  thrift.i64(9, chunk.dataOffset);
  if (chunk.dictionaryOffset !== undefined) thrift.i64(11, chunk.dictionaryOffset);
  thrift.struct(12, () => {
    thrift.i64(3, chunk.nulls);
    if (chunk.max) thrift.binary(5, chunk.max);
    if (chunk.min) thrift.binary(6, chunk.min);
  });
}

/** Serializes the footer, with its length and the closing magic. */
export function serializeFooter(schema: Schema, rows: number, rowGroups: readonly Uint8Array[]): Uint8Array {
  const thrift = new ThriftWriter();
  const { columns } = schema;
  thrift.root(() => {
    thrift.i32(1, 2);
    thrift.structs(2, [undefined, ...columns], (column) => {
      if (column) {
        writeColumn(thrift, column);
      } else {
        thrift.text(4, 'schema');
        thrift.i32(5, columns.length);
      }
    });
    thrift.i64(3, rows);
    thrift.serialized(4, rowGroups);
    thrift.structs(5, METADATA(schema), ([key, value]) => {
      thrift.text(1, key);
      thrift.text(2, value);
    });
    thrift.text(6, 'tickloom');
    // Declares that bounds follow the order of the type; without this, readers ignore them.
    thrift.structs(7, columns, () => thrift.struct(1, () => undefined));
  });
  const { out } = thrift;
  const { length } = out;
  for (let shift = 0; shift < 32; shift += 8) out.byte((length >>> shift) & 255);
  out.append(MAGIC);
  return out.view();
}

const METADATA = ({ kind }: Schema): [string, string][] => [
  ['tickloom.kind', kind],
  ['tickloom.zone', 'UTC'],
];

function writeColumn(thrift: ThriftWriter, column: Column): void {
  const { type } = column;
  thrift.i32(1, PHYSICAL[type]);
  thrift.i32(3, isOptional(column) ? 1 : 0);
  thrift.text(4, column.name);
  if (type === 'string' || type === 'enum') {
    thrift.i32(6, 0); // UTF8, for readers that do not know logical types
    thrift.struct(10, () => thrift.struct(1, () => undefined));
  }
  if (type === 'timestamp') {
    thrift.struct(10, () =>
      thrift.struct(8, () => {
        // These instants are "adjusted to UTC", but DuckDB reads that as TIMESTAMPTZ, truncated to
        // microseconds. Declared as local, they become TIMESTAMP_NS and keep their nanoseconds.
        thrift.bool(1, false);
        thrift.struct(2, () => thrift.struct(3, () => undefined));
      }),
    );
  }
}
