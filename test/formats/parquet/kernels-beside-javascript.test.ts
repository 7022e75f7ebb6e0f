import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { describe, expect, it } from 'vitest';
import { Batch } from '../../../src/columns/batch.js';
import { DictionarySet } from '../../../src/columns/dictionary.js';
import type { Schema } from '../../../src/columns/schema.js';
import { writeHybrid } from '../../../src/formats/parquet/bit-packing.js';
import { ByteBuffer } from '../../../src/formats/parquet/byte-buffer.js';
import { writeDeltaInt64 } from '../../../src/formats/parquet/delta-packing.js';
import { encodeDictionary } from '../../../src/formats/parquet/double-dictionary.js';
import { encodeKernels } from '../../../src/formats/parquet/kernels/encode-kernels.js';
import { ParquetSinkOptions } from '../../../src/stages/sinks/parquet/options.js';
import { parquetSink } from '../../../src/stages/sinks/parquet/parquet.js';
import { contextOf, temporaryDirectory } from '../../stages/sinks/sink-rows.js';
import { byKernels } from '../../support/both-ways.js';

const bothWays = async <Result>(step: () => Result): Promise<[Result, Result]> => [
  await byKernels(true, async () => {
    expect(encodeKernels()).toBeDefined();
    return step();
  }),
  await byKernels(false, async () => step()),
];

const bitsOf = (values: Float64Array): bigint[] => [
  ...new BigUint64Array(values.buffer.slice(values.byteOffset, values.byteOffset + values.byteLength)),
];

/** Bits that a comparison of doubles would mix up, and some of ordinary prices. */
const SPECIAL = [0n, 1n << 63n, 0x7ff8n << 48n, 0xfff8n << 48n, (0x7ff8n << 48n) | 1n, 0x7ff0n << 48n, 1n];
const anyBits = fc.oneof(
  fc.constantFrom(...SPECIAL),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc
    .integer({ min: 0, max: 5_000 })
    .map((cents) => new BigUint64Array(Float64Array.of(cents / 100).buffer)[0]!),
);
const doublesOf = (bits: readonly bigint[]) => new Float64Array(BigUint64Array.from(bits).buffer);

function encoded(values: Float64Array) {
  const codes = new Int32Array(values.length);
  const dictionary = encodeDictionary(values, values.length, codes);
  return dictionary && { known: bitsOf(dictionary), codes: [...codes] };
}

describe('the dictionary of doubles', () => {
  it('has the bits of all values, in the order in which they appear, by kernels and without', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyBits, { minLength: 1, maxLength: 60 }),
        fc.nat(17_000),
        async (bits, more) => {
          const given = Array.from({ length: bits.length + more }, (_, i) => bits[(i * 7) % bits.length]!);
          const [by, without] = await bothWays(() => encoded(doublesOf(given)));
          expect(by).toEqual(without);
          expect(by!.codes.map((code) => by!.known[code])).toEqual(given);
          expect(by!.known).toEqual([...new Set(given)]);
        },
      ),
      { numRuns: 60, seed: 41 },
    );
  });

  it('takes 8,192 values, and refuses one more', async () => {
    // Multiples of a double with many zeros in its bits: their slots must still differ.
    for (const step of [1, 0.01, 2 ** -1_000, 2 ** 40]) {
      const full = Float64Array.from({ length: 8_192 }, (_, i) => (i + 1) * step);
      const [by, without] = await bothWays(() => encoded(full));
      expect(by).toEqual(without);
      expect(by!.codes).toEqual([...full.keys()]);
      for (const at of [0, 4_095, 8_192]) {
        const beyond = Float64Array.from([...full.subarray(0, at), -1, ...full.subarray(at)]);
        expect(await bothWays(() => encoded(beyond))).toEqual([undefined, undefined]);
      }
    }
  });
});

describe('what is packed', () => {
  it('has the same bytes by kernels and without, whatever the width of codes', async () => {
    const codes = fc
      .integer({ min: 1, max: 24 })
      .chain((width) =>
        fc.tuple(
          fc.constant(width),
          fc.array(fc.integer({ min: 0, max: 2 ** width - 1 }), { minLength: 1, maxLength: 100 }),
        ),
      );
    await fc.assert(
      fc.asyncProperty(codes, fc.nat(9_000), fc.boolean(), async ([width, some], more, narrow) => {
        const Codes = narrow && width <= 8 ? Uint8Array : Int32Array;
        const given = new Codes(some.length + more).map((_, i) => some[(i * 7) % some.length]!);
        const [by, without] = await bothWays(() => {
          const out = new ByteBuffer(1);
          writeHybrid(out, given, Math.min(3, some.length - 1), given.length, width);
          return Buffer.from(out.view()).toString('hex');
        });
        expect(by).toBe(without);
      }),
      { numRuns: 300, seed: 43 },
    );
  });

  it('has the same bytes, or is refused, for differences of any size', async () => {
    const steps = fc.oneof(
      fc.constant([0n]),
      fc.constant([10_000_000n]),
      fc.array(fc.bigInt({ min: 0n, max: 2n ** 33n }), { minLength: 1, maxLength: 300 }),
      fc.array(fc.bigInt({ min: -(2n ** 51n), max: 2n ** 51n }), { minLength: 1, maxLength: 300 }),
      fc.array(fc.bigInt({ min: -(2n ** 51n) - 1n, max: 2n ** 51n + 1n }), { minLength: 1, maxLength: 300 }),
      fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { minLength: 1, maxLength: 9 }),
    );
    const limits = [2n ** 51n, 2n ** 51n + 1n, -(2n ** 51n), -(2n ** 51n) - 1n, 2n ** 63n, 2n ** 52n];
    const first = fc.oneof(fc.constant(1_704_067_200_000_000_000n), fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n));
    const check = async (begin: bigint, by: readonly bigint[], length: number) => {
      const values = new BigInt64Array(length);
      let value = begin;
      for (let i = 0; i < length; i++) {
        values[i] = value;
        value = BigInt.asIntN(64, value + by[i % by.length]!);
      }
      const [ours, plain] = await bothWays(() => {
        const out = new ByteBuffer(1);
        out.byte(7);
        const fits = writeDeltaInt64(out, new Int32Array(values.buffer), 0, length);
        return { fits, bytes: Buffer.from(out.view()).toString('hex') };
      });
      expect(ours).toEqual(plain);
    };
    await fc.assert(fc.asyncProperty(first, steps, fc.integer({ min: 1, max: 400 }), check), {
      numRuns: 1_000,
      seed: 47,
    });
    for (const limit of limits) await check(0n, [limit], 2);
    for (const length of [8_192, 8_193, 8_194, 20_000]) await check(5n, [3n, 0n, 70_000n], length);
  });
});

const NUMBERS: Schema = {
  kind: 'custom',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'price', type: 'float64' },
    { name: 'size', type: 'float64', nullable: true },
    { name: 'id', type: 'int64' },
  ],
};

async function writtenFile(prices: Float64Array): Promise<{ path: string; bytes: Buffer }> {
  const path = join(temporaryDirectory(), 'out');
  const dictionaries = new DictionarySet();
  const options = ParquetSinkOptions.parse({ path, rowGroupRows: 20_000 });
  const sink = parquetSink.create(options, NUMBERS, contextOf('job', { dictionaries }));
  await sink.open();
  const batch = new Batch(NUMBERS, prices.length, dictionaries);
  batch.float64('price').set(prices);
  batch.float64('size').set(prices.toReversed());
  const times = new BigInt64Array(batch.int32('time').buffer);
  const ids = new BigInt64Array(batch.int32('id').buffer);
  for (let row = 0; row < prices.length; row++) {
    times[row] = 1_704_067_200_000_000_000n + BigInt((row * row) % 9_973) * 1_000_003n;
    ids[row] = row % 500 === 7 ? -(2n ** 63n) : BigInt(row);
  }
  batch.length = prices.length;
  await sink.write(batch);
  await sink.flush();
  await sink.close();
  const [name] = readdirSync(path).filter((file) => file.endsWith('.parquet'));
  return { path: join(path, name!), bytes: readFileSync(join(path, name!)) };
}

describe('a Parquet file', () => {
  it('is the same byte for byte by kernels and without, and holds the bits of its doubles', async () => {
    for (const distinct of [1, 300, 8_192, 8_193, 30_000]) {
      const special = doublesOf(SPECIAL);
      const prices = Float64Array.from({ length: 30_000 }, (_, row) => ((row * 7) % distinct) / 100);
      prices.set(special, 11);
      const [by, without] = [
        await byKernels(true, () => writtenFile(prices)),
        await byKernels(false, () => writtenFile(prices)),
      ];
      expect(by.bytes.equals(without.bytes)).toBe(true);
      const rows = await parquetReadObjects({
        file: await asyncBufferFromFile(by.path),
        columns: ['price', 'size'],
      });
      const read = Float64Array.from(rows, ({ price }) => price);
      expect(bitsOf(read)).toEqual(bitsOf(prices));
      const sizes = rows.map(({ size }) => size);
      expect(sizes).toEqual([...prices].toReversed().map((size) => (Number.isNaN(size) ? null : size)));
    }
  });
});
