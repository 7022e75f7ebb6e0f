import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Batch } from '../../../src/columns/batch.js';
import type { ControlRecord } from '../../../src/columns/control-record.js';
import { DictionarySet } from '../../../src/columns/dictionary.js';
import { writeInt64 } from '../../../src/columns/int64.js';
import { copyRow, rowsOf } from '../../../src/columns/row-view.js';
import { feedSchema } from '../../../src/providers/contract/feed-schema.js';
import { SequenceCheck } from '../../../src/providers/quality/sequence-check.js';
import type { SequenceNumbers, StreamKind } from '../../../src/wire/provider-capabilities.js';

const BY_ONE: SequenceNumbers = { space: 'test', scope: 'symbol', step: 'one' };

/** Number, and what differs from BTC at the same ns. */
type Given = number | readonly [number: number, symbol: string, time?: number] | ControlRecord;

function rig(sequence: SequenceNumbers = BY_ONE, kind: StreamKind = 'trades') {
  const dictionaries = new DictionarySet();
  const symbols = dictionaries.get('symbol');
  const schema = feedSchema(kind, { sequence });
  const check = new SequenceCheck(schema, sequence, symbols);
  /** Checks a batch. @returns Numbers of rows, and records, in order. */
  const pass = (...given: Given[]): unknown[] => {
    const batch = new Batch(schema, given.length + 1, dictionaries);
    for (const one of given) {
      if (typeof one === 'object' && 'type' in one) {
        batch.controls.push({ row: batch.length, record: one });
        continue;
      }
      const [number, symbol, time = number] = typeof one === 'number' ? [one, 'BTC'] : one;
      const row = batch.length++;
      batch.int32('symbol')[row] = symbols.idOf(symbol);
      writeInt64(batch.int32('time'), row, BigInt(time));
      writeInt64(batch.int32('sequence'), row, BigInt(number));
    }
    check.check(batch);
    const rows = [...rowsOf(batch)].length;
    const all: unknown[] = [];
    const copies: { readonly sequence: bigint }[] = [];
    for (const row of rowsOf(batch)) copies.push(copyRow(row) as never);
    for (let row = 0; row <= rows; row++) {
      all.push(...batch.controls.filter((placed) => placed.row === row).map(({ record }) => record));
      if (row < rows) all.push(Number(copies[row]!.sequence));
    }
    batch.release();
    return all;
  };
  return { check, pass };
}

const gap = (from: number, to: number, reason: string, symbol: string | null = 'BTC') => ({
  type: 'gap',
  from: BigInt(from),
  to: BigInt(to + 1),
  ...(symbol !== null && { symbol }),
  reason,
});

describe('the check of numbers', () => {
  it('lets rows without a hole through as they are', () => {
    const { check, pass } = rig();
    expect(pass(5, 6, 7)).toEqual([5, 6, 7]);
    expect(pass(8, 9)).toEqual([8, 9]);
    expect(check.statistics()).toEqual({
      rowsDuplicate: 0,
      rowsDisordered: 0,
      rowsMissing: 0,
      sequenceGaps: 0,
    });
  });

  it('puts a gap at the place of a hole, with the times around it and the missing numbers', () => {
    const { check, pass } = rig();
    expect(pass(5, 6, 9, 11)).toEqual([
      5,
      6,
      gap(6, 9, 'sequence: 2 rows are missing (7 to 8)'),
      9,
      gap(9, 11, 'sequence: a row is missing (10)'),
      11,
    ]);
    expect(check.statistics()).toMatchObject({ rowsMissing: 3, sequenceGaps: 2 });
  });

  it('finds a hole between two batches, and past 2^32', () => {
    const { pass } = rig();
    const far = 2 ** 32 - 1;
    pass(far - 1);
    expect(pass(far, far + 1)).toEqual([far, far + 1]);
    expect(pass(far + 3)).toEqual([
      gap(far + 1, far + 3, `sequence: a row is missing (${far + 2})`),
      far + 3,
    ]);
  });

  it('numbers each symbol on its own, or all together', () => {
    expect(rig().pass([1, 'BTC'], [7, 'ETH'], [2, 'BTC'], [9, 'ETH'])).toEqual([
      1,
      7,
      2,
      gap(7, 9, 'sequence: a row is missing (8)', 'ETH'),
      9,
    ]);
    expect(rig({ ...BY_ONE, scope: 'stream' }).pass([1, 'BTC'], [2, 'ETH'], [4, 'BTC'])).toEqual([
      1,
      2,
      gap(2, 4, 'sequence: a row is missing (3)', null),
      4,
    ]);
  });

  it('drops what was delivered, and counts it', () => {
    const { check, pass } = rig();
    expect(pass(5, 6, 6, 5, 7)).toEqual([5, 6, 7]);
    expect(pass(7, 6, 8)).toEqual([8]);
    expect(check.statistics()).toMatchObject({ rowsDuplicate: 4, sequenceGaps: 0 });
  });

  it('keeps a late row that fills a hole, once', () => {
    const { check, pass } = rig();
    expect(pass(1, 5, 3, 3, 2, 4, 4, 6).filter((one) => typeof one === 'number')).toEqual([1, 5, 3, 2, 4, 6]);
    expect(check.statistics()).toMatchObject({ rowsDisordered: 3, rowsDuplicate: 2, rowsMissing: 0 });
  });

  it('keeps rows from before the first one, which nobody has delivered', () => {
    const { check, pass } = rig();
    expect(pass(100, 97, 99, 98, 99, 101)).toEqual([100, 97, 99, 98, 101]);
    expect(check.statistics()).toMatchObject({ rowsDisordered: 3, rowsDuplicate: 1 });
  });

  it.each<[string, ControlRecord]>([
    ['a gap', { type: 'gap', from: 0n as never, to: 1n as never, reason: 'of the provider' }],
    [
      'a gap of the symbol',
      { type: 'gap', from: 0n as never, to: 1n as never, symbol: 'BTC', reason: 'of the provider' },
    ],
    ['a reset', { type: 'reset', at: 0n as never, reason: 'of the provider' }],
  ])('begins a new chain with %s of the provider', (_, record) => {
    expect(rig().pass(5, record, 40, 41)).toEqual([5, record, 40, 41]);
    expect(rig().pass(5, record, 1, 2)).toEqual([5, record, 1, 2]);
  });

  it('leaves the chains of others alone where the gap is of one symbol', () => {
    const record = { type: 'gap', from: 0n, to: 1n, symbol: 'ETH', reason: 'x' } as ControlRecord;
    expect(rig().pass(5, record, 7)).toEqual([5, record, gap(5, 7, 'sequence: a row is missing (6)'), 7]);
  });

  it('begins a new chain, with a gap, where numbers fall though time goes on', () => {
    const { pass } = rig();
    expect(pass([500, 'BTC', 10], [1, 'BTC', 11], [2, 'BTC', 12])).toEqual([
      500,
      gap(10, 11, 'sequence: the numbers begin anew with 1 after 500'),
      1,
      2,
    ]);
  });

  it('finds no hole where numbers only grow, and drops what it remembers to have had', () => {
    const { check, pass } = rig({ ...BY_ONE, step: 'up' });
    expect(pass(5, 9, 9, 30, 5, 7, 7, 31)).toEqual([5, 9, 30, 7, 31]);
    expect(check.statistics()).toMatchObject({ rowsDuplicate: 3, rowsDisordered: 1, sequenceGaps: 0 });
  });

  it('takes the levels of one update of a book, and breaks off at a hole', () => {
    const { check, pass } = rig(BY_ONE, 'book');
    expect(pass(5, 5, 6, 6)).toEqual([5, 5, 6, 6]);
    expect(check.failure).toBeUndefined();
    expect(pass(7, 9, 9, { type: 'reset', at: 0n as never, reason: 'later' })).toEqual([
      7,
      gap(7, 9, 'sequence: a row is missing (8)'),
    ]);
    expect(check.failure).toMatchObject({ code: 'PROVIDER_DISCONNECTED' });
  });

  it('goes on from an earlier start', () => {
    const { check, pass } = rig();
    pass([1, 'BTC']);
    check.goOnFrom(0, 10n, 10n);
    expect(pass(9, 10, 13)).toEqual([gap(10, 13, 'sequence: 2 rows are missing (11 to 12)'), 13]);
  });

  it('takes a row that was had in another way for one that comes twice', () => {
    const { check, pass } = rig();
    pass(1, 4);
    check.fill(0, 2n, 2n);
    expect(pass(2, 3, 5)).toEqual([3, 5]);
  });

  it('forgets what was had in another way once numbers begin anew', () => {
    const { check, pass } = rig({ ...BY_ONE, scope: 'stream' });
    pass(1, 2);
    for (const number of [3n, 4n, 5n]) check.fill(0, number, number);
    const later = 20_000_000_000;
    const rows = [1, 2, 3, 4, 5, 6].map((number) => [number, 'BTC', later + number] as const);
    expect(pass(...rows).filter((one) => typeof one === 'number')).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('delivers each row once, and tells of all that are missing, whatever is lost, doubled or late', () => {
    const steps = fc.array(fc.record({ symbol: fc.nat(1), fate: fc.nat(9), later: fc.nat(6) }), {
      maxLength: 80,
    });
    fc.assert(
      fc.property(steps, fc.nat(7), (rows, batchRows) => {
        const counts = [0, 0];
        const full = rows.map(({ symbol, fate, later }, at) => {
          const number = ++counts[symbol]!;
          return { symbol, number, time: at, fate, at: fate === 1 ? at + later : at };
        });
        const sent = full
          .flatMap((row) =>
            row.fate === 0 ? [] : row.fate === 2 ? [row, { ...row, at: row.at + 3 }] : [row],
          )
          .sort((a, b) => a.at - b.at);
        const { check, pass } = rig();
        const out: unknown[] = [];
        const names = ['BTC', 'ETH'];
        for (let i = 0; i < sent.length; i += batchRows + 1) {
          const part = sent.slice(i, i + batchRows + 1);
          out.push(...pass(...part.map(({ symbol, number, time }): Given => [number, names[symbol]!, time])));
        }
        const rowsOut = out.filter((one) => typeof one === 'number').length;
        const unique = new Set(sent.map(({ symbol, number }) => `${symbol}:${number}`)).size;
        expect(rowsOut).toBe(unique);
        const ends = names.map((_, symbol) => {
          const numbers = sent.filter((row) => row.symbol === symbol).map(({ number }) => number);
          return numbers.length === 0 ? 0 : Math.max(...numbers) - Math.min(...numbers) + 1;
        });
        expect(rowsOut + check.statistics().rowsMissing!).toBe(ends[0]! + ends[1]!);
      }),
    );
  });
});
