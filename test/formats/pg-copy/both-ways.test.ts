import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Batch } from '../../../src/columns/batch.js';
import { DictionarySet } from '../../../src/columns/dictionary.js';
import type { Row } from '../../../src/columns/row-view.js';
import type { Column, Schema } from '../../../src/columns/schema.js';
import type { PgReadField } from '../../../src/formats/pg-copy/field-reader.js';
import { PgCopyDecoder } from '../../../src/formats/pg-copy/pg-copy-decoder.js';
import {
  PG_COPY_HEADER,
  PG_COPY_TRAILER,
  PgCopyEncoder,
  type PgCopyEncoderOptions,
} from '../../../src/formats/pg-copy/pg-copy-encoder.js';
import { defaultPgFields, type PgField } from '../../../src/formats/pg-copy/pg-field.js';
import type { RowRefusal } from '../../../src/formats/pg-copy/row-refusals.js';
import { batchOf, rowsIn } from '../../support/batch-rows.js';
import '../../support/property-seed.js';

const schema: Schema = {
  kind: 'custom',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'id', type: 'int64' },
    { name: 'price', type: 'float64' },
    { name: 'size', type: 'float64', nullable: true },
    { name: 'count', type: 'int32' },
    { name: 'symbol', type: 'string', nullable: true },
    { name: 'side', type: 'enum', values: ['buy', 'sell', 'x'.repeat(80)] },
    { name: 'flag', type: 'boolean' },
  ],
};

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const rowOf: fc.Arbitrary<Row> = fc.record({
  time: int64,
  id: int64,
  price: fc.double(),
  size: fc.option(fc.double({ noNaN: true })),
  count: fc.integer(),
  symbol: fc.option(fc.string({ unit: fc.constantFrom('A', 'é', '😀', ' ', "'", '\t'), maxLength: 100 })),
  side: fc.constantFrom('buy', 'sell', 'x'.repeat(80)),
  flag: fc.boolean(),
});

/** Times have their nanoseconds in a field of their own. */
const fields: PgField[] = defaultPgFields(schema).flatMap((field) =>
  field.column.type !== 'timestamp'
    ? [field]
    : [
        { ...field, belowMicros: 'drop' as const },
        { ...field, name: 'nanos', type: { name: 'int2' as const }, part: 'nanos' as const },
      ],
);

function encode(batch: Batch, own: readonly PgField[], options?: PgCopyEncoderOptions) {
  const encoder = new PgCopyEncoder(own, options);
  const parts = [Buffer.from(PG_COPY_HEADER)];
  const refusals: RowRefusal[] = [];
  for (let next = 0; next < batch.length; ) {
    const part = encoder.encode(batch, next, batch.length);
    expect(part.next).toBeGreaterThan(next);
    expect(part.rows + part.refusals.length).toBe(part.next - next);
    next = part.next;
    parts.push(Buffer.from(part.bytes));
    refusals.push(...part.refusals);
  }
  parts.push(Buffer.from(PG_COPY_TRAILER));
  return { bytes: Buffer.concat(parts), refusals };
}

const asRead = ({ name, column, type, part }: PgField): PgReadField => ({
  name,
  column,
  type: type.name,
  ...(part && { part }),
});

interface DecodeOptions {
  readonly chunkBytes?: number;
  readonly batchRows?: number;
}

function decode(
  bytes: Buffer,
  own: readonly PgReadField[],
  into: Schema,
  { chunkBytes = bytes.length, batchRows = 7 }: DecodeOptions = {},
) {
  const decoder = new PgCopyDecoder(own);
  const dictionaries = new DictionarySet();
  const rows: Row[] = [];
  const refusals: RowRefusal[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    decoder.push(bytes.subarray(at, at + chunkBytes));
    for (;;) {
      const batch = new Batch(into, batchRows, dictionaries);
      const before = decoder.rows;
      decoder.decode(batch);
      rows.push(...rowsIn(batch));
      refusals.push(...decoder.takeRefusals());
      if (decoder.rows === before) break;
    }
  }
  return { rows, refusals, isAtEnd: decoder.isAtEnd };
}

const columnSchema = (column: Column): Schema => ({ kind: 'custom', columns: [column] });

describe('binary COPY, written and read', () => {
  it('gives the same rows, in parts and chunks of any size', () => {
    fc.assert(
      fc.property(
        fc.array(rowOf, { maxLength: 40 }),
        fc.integer({ min: 1, max: 2_000 }),
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 50 }),
        (rows, partBytes, chunkBytes, batchRows) => {
          const batch = batchOf(schema, new DictionarySet(), rows);
          const { bytes, refusals } = encode(batch, fields, { partBytes });
          expect(refusals).toEqual([]);
          const read = decode(bytes, fields.map(asRead), schema, { chunkBytes, batchRows });
          expect(read.isAtEnd).toBe(true);
          expect(read.refusals).toEqual([]);
          expect(read.rows).toEqual(rowsIn(batch));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('gives more rows than one step has', () => {
    const rows = Array.from({ length: 5_000 }, (_, i) => ({ v: i }));
    const column: Column = { name: 'v', type: 'int32' };
    const batch = batchOf(columnSchema(column), new DictionarySet(), rows);
    const own: PgField[] = [{ name: 'v', column, type: { name: 'int4' } }];
    const { bytes } = encode(batch, own, { partBytes: 20_000 });
    expect(decode(bytes, own.map(asRead), columnSchema(column), { batchRows: 3_000 }).rows).toEqual(rows);
  });

  it('leaves out refused rows alone, wherever a part ends', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('good', 'a\0', null, '\udc00x'), { maxLength: 60 }),
        fc.integer({ min: 1, max: 200 }),
        (texts, partBytes) => {
          const column: Column = { name: 'v', type: 'string', nullable: true };
          const batch = batchOf(
            columnSchema(column),
            new DictionarySet(),
            texts.map((v) => ({ v })),
          );
          const own: PgField[] = [{ name: 'v', column, type: { name: 'text' }, notNull: true }];
          const { bytes, refusals } = encode(batch, own, { partBytes });
          expect(refusals.map(({ row }) => row)).toEqual(
            texts.flatMap((text, i) => (text === 'good' ? [] : [i])),
          );
          const { rows } = decode(bytes, own.map(asRead), columnSchema(column));
          expect(rows).toEqual(texts.filter((text) => text === 'good').map((v) => ({ v })));
        },
      ),
    );
  });

  it('gives every double back from numeric, by its shortest decimal number', () => {
    const column: Column = { name: 'v', type: 'float64' };
    const own: PgField[] = [{ name: 'v', column, type: { name: 'numeric' } }];
    fc.assert(
      fc.property(fc.array(fc.double(), { minLength: 1, maxLength: 20 }), (values) => {
        const batch = batchOf(
          columnSchema(column),
          new DictionarySet(),
          values.map((v) => ({ v })),
        );
        const { rows, refusals } = decode(encode(batch, own).bytes, own.map(asRead), columnSchema(column));
        expect(refusals).toEqual([]);
        // A view of rows shows NaN as null.
        expect(rows).toEqual(values.map((v) => ({ v: Number.isNaN(v) ? null : v === 0 ? 0 : v })));
      }),
      { numRuns: 500 },
    );
  });

  it('gives every price of a numeric(p, s) back', () => {
    const column: Column = { name: 'v', type: 'float64' };
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 6 }),
        fc.array(fc.maxSafeInteger(), { maxLength: 20 }),
        (scale, wholes) => {
          const values = wholes.map((whole) => Number((Math.trunc(whole / 10) / 10 ** scale).toFixed(scale)));
          const own: PgField[] = [{ name: 'v', column, type: { name: 'numeric', precision: 20, scale } }];
          const batch = batchOf(
            columnSchema(column),
            new DictionarySet(),
            values.map((v) => ({ v })),
          );
          const { bytes, refusals } = encode(batch, own);
          expect(refusals).toEqual([]);
          const { rows } = decode(bytes, own.map(asRead), columnSchema(column));
          expect(rows).toEqual(values.map((v) => ({ v: v === 0 ? 0 : v })));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('refuses a row above the limit of PostgreSQL by its column, and takes one of that length', () => {
    const column: Column = { name: 'v', type: 'string' };
    const own: PgField[] = [{ name: 'v', column, type: { name: 'text' } }];
    const batch = batchOf(columnSchema(column), new DictionarySet(), [
      { v: 'é'.repeat(47) },
      { v: 'é'.repeat(48) },
    ]);
    const { refusals } = encode(batch, own, { rowBytesMax: 100 });
    expect(refusals).toEqual([
      {
        row: 1,
        column: 'v',
        expected: 'a row of at most 100 bytes, which is what PostgreSQL takes',
        found: `"${'é'.repeat(48)}"`,
      },
    ]);
  });

  it('is not read where it is cut, changed or of other columns', () => {
    const column: Column = { name: 'v', type: 'int32' };
    const own: PgField[] = [{ name: 'v', column, type: { name: 'int4' } }];
    const { bytes } = encode(batchOf(columnSchema(column), new DictionarySet(), [{ v: 1 }]), own);
    const cut = decode(bytes.subarray(0, bytes.length - 1), own.map(asRead), columnSchema(column));
    expect(cut).toMatchObject({ rows: [{ v: 1 }], isAtEnd: false });
    const changed = Buffer.from(bytes);
    changed[3] = 0;
    expect(() => decode(changed, own.map(asRead), columnSchema(column))).toThrow('signature');
    const wide: PgReadField[] = [{ name: 'v', column: { name: 'v', type: 'int64' }, type: 'int8' }];
    expect(() => decode(bytes, wide, columnSchema(wide[0]!.column))).toThrow(
      'expected 8 bytes in column "v", found 4',
    );
    expect(() => decode(bytes, [...own, ...own].map(asRead), columnSchema(column))).toThrow(
      'expected 2 columns, found 1',
    );
  });

  it('takes no types that its columns cannot be written to or read from', () => {
    const column: Column = { name: 'v', type: 'float64' };
    expect(() => new PgCopyEncoder([{ name: 'v', column, type: { name: 'text' } }])).toThrow(
      '"v": column "v" of type float64 can be written to float8, float4, numeric, int8, int4, int2, found text',
    );
    expect(() => new PgCopyDecoder([{ name: 'v', column, type: 'bool' }])).toThrow('is read from float8');
  });
});
