import { describe, expect, it } from 'vitest';
import type { FakeScript } from '../../../src/testing/fake-script.js';
import type { StreamKind } from '../../../src/wire/provider-capabilities.js';
import { runStream, START_MS, told } from '../../support/fake-stream.js';

const SEQUENCE = { space: 'fake', scope: 'symbol', step: 'one' } as const;
const capabilities = (kind: StreamKind): NonNullable<FakeScript['capabilities']> => ({
  assetClasses: ['crypto'],
  streams: { [kind]: { delivery: 'live-only', sequence: SEQUENCE } },
});
const trade = (sequence: number, ms = sequence * 1_000) => ({
  trade: { symbol: 'BTC', timeMs: START_MS + ms, price: sequence, sequence },
});

describe('a stream of numbered rows', () => {
  it('tells of lost rows at their place, drops those that come twice, and counts', async () => {
    const { clock, all, drained } = await runStream({
      script: { capabilities: capabilities('trades'), trades: [1, 2, 2, 5, 4, 6].map((n) => trade(n)) },
    });
    await clock.advance(100);
    const report = await drained();
    const shown = all
      .filter((one) => !('type' in one) || one.type === 'gap')
      .map((one) => ('type' in one ? one : one.price));
    expect(shown).toEqual([
      1,
      2,
      {
        type: 'gap',
        from: BigInt(START_MS + 2_000) * 1_000_000n,
        to: BigInt(START_MS + 5_000) * 1_000_000n + 1n,
        symbol: 'BTC',
        reason: 'sequence: 2 rows are missing (3 to 4)',
      },
      5,
      4,
      6,
    ]);
    expect(report.stages[0]!.statistics).toMatchObject({
      rowsDuplicate: 1,
      rowsDisordered: 1,
      rowsMissing: 1,
      sequenceGaps: 1,
    });
  });

  it('has bars marked where rows are missing, and nowhere else', async () => {
    const numbers = Array.from({ length: 60 }, (_, i) => i + 1).filter((n) => n !== 25);
    const { clock, rows, drained } = await runStream({
      script: { capabilities: capabilities('trades'), trades: numbers.map((n) => trade(n)) },
      operators: [{ use: 'bars', every: '10s' }],
    });
    await clock.advance(100);
    await drained();
    expect(rows.map(({ mark }) => mark)).toEqual([
      'partial',
      'complete',
      'gap',
      'complete',
      'complete',
      'complete',
      'partial',
    ]);
  });

  it('breaks off where changes of a book are missing, behind those before them', async () => {
    const level = (sequence: number) => ({
      level: { symbol: 'BTC', timeMs: START_MS, side: 'bid' as const, price: sequence, size: 1, sequence },
    });
    const { clock, rows, records, outcome } = await runStream({
      script: { capabilities: capabilities('book'), book: [level(1), level(1), level(2), level(4)] },
      source: { stream: 'book' },
    });
    await clock.advance(100);
    const { error } = await outcome;
    expect([error?.code, error?.retryable]).toEqual(['PROVIDER_DISCONNECTED', true]);
    expect(error?.message).toContain('a new snapshot');
    expect(rows.map(({ price }) => price)).toEqual([1, 1, 2]);
    expect(told(records)).toMatchObject([{ type: 'gap', reason: 'sequence: a row is missing (3)' }]);
  });
});
