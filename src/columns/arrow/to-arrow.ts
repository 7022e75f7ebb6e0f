import type { Data, DataType, RecordBatch, Utf8, Vector } from 'apache-arrow';
import { assertMapping } from '../../core/assert-argument.js';
import { invariant } from '../../core/invariant.js';
import type { Batch } from '../batch.js';
import { type Dictionary, NO_STRING } from '../dictionary.js';
import { asBigInt64Array } from '../int64.js';
import { type Column, type ColumnData, elementsPerRow } from '../schema.js';
import { type Arrow, loadArrow } from './load-arrow.js';

/** Whose memory the Arrow rows have. */
export interface ToArrowOptions {
  /** Whether to copy the columns, so that the result outlives the batch. */
  readonly copy?: boolean;
}

/**
 * Converts a batch to an Arrow record batch over the same memory. It is valid until the batch is
 * released or changed, unless `copy` is set. Control records are left out.
 *
 * @throws {InvalidOptionsError} if `options` is not an object.
 * @throws {PipelineError} `PEER_MISSING` without the package `apache-arrow`.
 */
export async function toArrow(batch: Batch, options: ToArrowOptions = {}): Promise<RecordBatch> {
  assertMapping('toArrow', options);
  const { copy = false } = options;
  const arrow = await loadArrow();
  invariant(!batch.isReleased, 'a batch is not used after its release');
  const { schema, length } = batch;
  const children = schema.columns.map((column, i) => {
    const width = elementsPerRow(column.type);
    const view = batch.columns[i]!.subarray(0, length * width);
    return columnData(arrow, column, copy ? view.slice() : view, length, batch);
  });
  const fields = schema.columns.map(
    (column, i) => new arrow.Field(column.name, children[i]!.type, isNullable(column)),
  );
  const arrowSchema = new arrow.Schema(fields, new Map([['tickloom.kind', schema.kind]]));
  const type = new arrow.Struct(fields);
  return new arrow.RecordBatch(arrowSchema, arrow.makeData({ type, length, nullCount: 0, children }));
}

const isNullable = ({ type, nullable }: Column): boolean =>
  nullable === true && (type === 'float64' || type === 'string');

function columnData(
  arrow: Arrow,
  column: Column,
  data: ColumnData,
  length: number,
  batch: Batch,
): Data<DataType> {
  switch (column.type) {
    case 'timestamp':
      return arrow.makeData({
        type: new arrow.Timestamp(arrow.TimeUnit.NANOSECOND, 'UTC'),
        length,
        nullCount: 0,
        data: asBigInt64Array(data as Int32Array),
      });
    case 'int64':
      return arrow.makeData({
        type: new arrow.Int64(),
        length,
        nullCount: 0,
        data: asBigInt64Array(data as Int32Array),
      });
    case 'float64': {
      const nulls = isNullable(column) ? nullsOf(length, (row) => Number.isNaN(data[row])) : NO_NULLS;
      return arrow.makeData({ type: new arrow.Float64(), length, data: data as Float64Array, ...nulls });
    }
    case 'int32':
      return arrow.makeData({ type: new arrow.Int32(), length, nullCount: 0, data: data as Int32Array });
    case 'boolean':
      return arrow.makeData({
        type: new arrow.Bool(),
        length,
        nullCount: 0,
        data: bitsOf(length, (row) => data[row] !== 0).bits,
      });
    case 'string': {
      const nulls = isNullable(column) ? nullsOf(length, (row) => data[row] === NO_STRING) : NO_NULLS;
      return arrow.makeData({
        type: new arrow.Dictionary(
          new arrow.Utf8(),
          new arrow.Int32(),
          dictionaryId(`strings ${column.dictionary ?? column.name}`),
        ),
        length,
        data: data as Int32Array,
        dictionary: stringsOf(arrow, batch.dictionary(column)),
        ...nulls,
      });
    }
    case 'enum': {
      const values = column.values ?? [];
      const id = dictionaryId(`values ${JSON.stringify(values)}`);
      return arrow.makeData({
        type: new arrow.Dictionary(new arrow.Utf8(), new arrow.Uint8(), id),
        length,
        nullCount: 0,
        data: data as Uint8Array,
        dictionary: utf8(arrow, values),
      });
    }
  }
}

const NO_NULLS = { nullCount: 0 };

function nullsOf(length: number, isNull: (row: number) => boolean) {
  const { bits, set } = bitsOf(length, (row) => !isNull(row));
  return set === length ? NO_NULLS : { nullCount: length - set, nullBitmap: bits };
}

/** Packs one bit per row, lowest bit first, like Arrow's booleans and validity bitmaps. */
function bitsOf(length: number, isSet: (row: number) => boolean): { bits: Uint8Array; set: number } {
  const bits = new Uint8Array(((length + 63) >> 6) << 3);
  let set = 0;
  for (let row = 0; row < length; row++) {
    if (!isSet(row)) continue;
    bits[row >> 3]! |= 1 << (row & 7);
    set++;
  }
  return { bits, set };
}

/**
 * Arrow's dictionary ids. They are part of a schema, and a stream or table accepts batches of one
 * schema only, so equal columns need equal ids in every batch.
 */
const dictionaryIds = new Map<string, number>();

function dictionaryId(key: string): number {
  let id = dictionaryIds.get(key);
  if (id === undefined) {
    id = DICTIONARY_ID_FIRST + dictionaryIds.size;
    dictionaryIds.set(key, id);
  }
  return id;
}

/** Above the ids that Arrow assigns to its own dictionaries. */
const DICTIONARY_ID_FIRST = 1_000_000;

/** The encoded strings of each dictionary. Dictionaries only grow, so an equal size means equal strings. */
const encoded = new WeakMap<Dictionary, Vector<Utf8>>();

function stringsOf(arrow: Arrow, dictionary: Dictionary): Vector<Utf8> {
  const known = encoded.get(dictionary);
  if (known && known.length === dictionary.size) return known;
  const strings = utf8(arrow, dictionary.values);
  encoded.set(dictionary, strings);
  return strings;
}

function utf8(arrow: Arrow, values: readonly string[]): Vector<Utf8> {
  const texts = values.map((value) => Buffer.from(value));
  const valueOffsets = new Int32Array(texts.length + 1);
  for (const [i, text] of texts.entries()) valueOffsets[i + 1] = valueOffsets[i]! + text.length;
  const data = new Uint8Array(valueOffsets[texts.length]!);
  for (const [i, text] of texts.entries()) data.set(text, valueOffsets[i]!);
  return arrow.makeVector(
    arrow.makeData({ type: new arrow.Utf8(), length: texts.length, nullCount: 0, valueOffsets, data }),
  );
}
