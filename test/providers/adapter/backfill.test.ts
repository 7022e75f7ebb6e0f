import { describe, expect, it, onTestFinished } from 'vitest';
import { MemoryCheckpointStore } from '../../../src/checkpoints/memory-checkpoint-store.js';
import type { ControlRecord } from '../../../src/columns/control-record.js';
import type { Row } from '../../../src/columns/row-view.js';
import { ResilienceCoordinator } from '../../../src/resilience/resilience-coordinator.js';
import { fakeProvider } from '../../../src/testing/fake-provider.js';
import type { FakeHistory, FakeScript, FakeStep } from '../../../src/testing/fake-script.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import type {
  HistoryCapabilities,
  SequenceNumbers,
  StreamCapabilities,
} from '../../../src/wire/provider-capabilities.js';
import { runStream, START_MS, told } from '../../support/fake-stream.js';

const SEQUENCE: SequenceNumbers = { space: 'fake', scope: 'symbol', step: 'one' };

interface Capable {
  readonly stream?: Partial<StreamCapabilities>;
  readonly history?: Partial<HistoryCapabilities>;
}
const capabilities = ({ stream, history }: Capable = {}): NonNullable<FakeScript['capabilities']> => ({
  assetClasses: ['crypto'],
  streams: { trades: { delivery: 'resumable', sequence: SEQUENCE, ...stream } },
  history: { trades: { sequence: SEQUENCE, ...history } },
});
const UNNUMBERED: Capable = { stream: { sequence: undefined }, history: { sequence: undefined } };

/** A row for each second. */
const row = (n: number, symbol = 'BTC', ms = n * 1_000) => ({
  symbol,
  timeMs: START_MS + ms,
  price: n,
  sequence: n,
});
const trade = (n: number, symbol = 'BTC'): FakeStep => ({ trade: row(n, symbol) });
const rows = (count: number, symbol = 'BTC') => Array.from({ length: count }, (_, i) => row(i + 1, symbol));
const history = (count: number, more: FakeHistory = {}): FakeHistory => ({ trades: rows(count), ...more });
const ns = (ms: number) => BigInt(START_MS + ms) * 1_000_000n;

/** Prices of rows, and records that tell of something, in order. */
const shown = (all: readonly (Row | ControlRecord)[]) =>
  all
    .filter((one) => !('type' in one) || told([one as ControlRecord]).length > 0)
    .map((one) => ('type' in one ? one : (one.price as number)));
const backfilled = (fromMs: number, toMs: number, count: number, symbol = 'BTC') => ({
  type: 'backfilled',
  from: ns(fromMs),
  to: ns(toMs),
  symbol,
  rows: count,
});
/** In place of a gap between numbers: missing rows may be of the instants around them. */
const filled = (fromMs: number, toMs: number, count: number) => ({
  ...backfilled(fromMs, toMs, count),
  to: ns(toMs) + 1n,
});
const NO_SILENCE = { silence: false };

describe('a stream whose missing rows are fetched', () => {
  it('has them in their place, with a record behind them', async () => {
    const { clock, all, drained } = await runStream({
      script: {
        capabilities: capabilities(),
        trades: [1, 2, 6, 7].map((n) => trade(n)),
        history: history(9),
      },
    });
    await clock.advance(100);
    expect(shown(all)).toEqual([1, 2, 3, 4, 5, filled(2_000, 6_000, 3), 6, 7]);
    const report = await drained();
    expect(report.stages[0]!.statistics).toMatchObject({
      rowsBackfilled: 3,
      rowsHeld: 0,
      gapsFilled: 1,
      gapsGivenUp: 0,
      backfillPages: 1,
    });
    expect(clock.timersPending).toBe(0);
  });

  it('holds the rows of that symbol meanwhile, and lets others go on', async () => {
    const { clock, all, drained } = await runStream({
      script: {
        capabilities: capabilities(),
        trades: [
          trade(1),
          trade(1, 'ETH'),
          trade(4),
          trade(2, 'ETH'),
          { afterMs: 50, ...trade(5) },
          trade(3, 'ETH'),
        ],
        history: { trades: [...rows(9), ...rows(9, 'ETH')], pageMs: 400, pageRows: 2 },
      },
      source: { symbols: ['BTC', 'ETH'] },
    });
    await clock.advance(399);
    expect(shown(all)).toEqual([1, 1, 2, 3]);
    await clock.advance(1_000);
    expect(shown(all)).toEqual([1, 1, 2, 3, 2, 3, filled(1_000, 4_000, 2), 4, 5]);
    await drained();
  });

  it('makes bars complete that would have a gap', async () => {
    const lost = [25, 26, 27, 31];
    const numbers = rows(60)
      .map(({ sequence }) => sequence)
      .filter((n) => !lost.includes(n));
    const marks = async (source: object) => {
      const run = await runStream({
        script: {
          capabilities: capabilities(),
          trades: numbers.map((n) => trade(n)),
          history: history(60, { pageMs: 150 }),
        },
        source,
        operators: [{ use: 'bars', every: '10s' }],
      });
      await run.clock.advance(5_000);
      await run.drained();
      return run.rows.map(({ mark, close }) => [mark, close]);
    };
    const closes = [9, 19, 29, 39, 49, 59, 60];
    const plain = ['partial', 'complete', 'complete', 'complete', 'complete', 'complete', 'partial'];
    expect(await marks({})).toEqual(plain.map((mark, i) => [mark, closes[i]]));
    const gaps = plain.map((mark, i) => (i === 2 || i === 3 ? 'gap' : mark));
    expect(await marks({ backfill: false })).toEqual(gaps.map((mark, i) => [mark, closes[i]]));
  });

  it('holds the watermark back while rows are missing, and not because they came late', async () => {
    // Row 7 is of 7.02 s; it is lost, and missed at 7.05 s.
    const ms = (n: number) => (n < 7 ? n * 1_000 : n === 7 ? 7_020 : (n - 1) * 1_000 + 50);
    const numbers = Array.from({ length: 14 }, (_, i) => i + 1);
    const trades = numbers
      .filter((n) => n !== 7)
      .map(
        (n): FakeStep => ({ afterMs: ms(n) - ms(n === 8 ? 6 : n - 1) || 1_000, trade: row(n, 'BTC', ms(n)) }),
      );
    const { clock, all, drained } = await runStream({
      script: {
        capabilities: capabilities(),
        trades,
        history: { trades: numbers.map((n) => row(n, 'BTC', ms(n))), pageMs: 2_500 },
      },
    });
    await clock.advance(9_500);
    const watermark = () =>
      all.findLast((one) => 'type' in one && one.type === 'watermark') as { readonly at: bigint };
    expect(watermark().at <= ns(7_020)).toBe(true);
    await clock.advance(4_000);
    let at = 0n;
    for (const one of all) {
      if ('type' in one) at = one.type === 'watermark' ? (one as { readonly at: bigint }).at : at;
      else expect(Number(one.time)).toBeGreaterThanOrEqual(Number(at));
    }
    expect(shown(all).filter((one) => typeof one === 'number')).toEqual(numbers);
    // Held rows were 2.5 s late, and the fetched one more: later watermarks are none the later for it.
    expect(watermark().at >= ns(13_000)).toBe(true);
    await drained();
  });

  it('tells of the gap once at the limit, and lets the held rows follow', async () => {
    const { clock, all, records, drained } = await runStream({
      script: {
        capabilities: capabilities(),
        trades: [1, 2, 6].map((n) => trade(n)),
        history: history(9, { pageMs: 60_000 }),
      },
      source: { backfill: { waitMax: '3s' } },
    });
    await clock.advance(2_999);
    expect(shown(all)).toEqual([1, 2]);
    await clock.advance(1);
    const gap = {
      type: 'gap',
      from: ns(2_000),
      to: ns(6_000) + 1n,
      symbol: 'BTC',
      reason: 'sequence: 3 rows are missing (3 to 5): not fetched within 3000 ms',
    };
    expect(shown(all)).toEqual([1, 2, gap, 6]);
    await clock.advance(100_000);
    expect(shown(all)).toEqual([1, 2, gap, 6]);
    await drained();
    expect(records.filter(({ type }) => type === 'gap')).toHaveLength(1);
  });

  it('delivers what was fetched by the limit, and tells of the rest', async () => {
    const { clock, all, drained } = await runStream({
      script: {
        capabilities: capabilities(),
        trades: [1, 2, 9].map((n) => trade(n)),
        history: history(9, { pageMs: 2_000, pageRows: 3 }),
      },
      source: { backfill: { waitMax: '3s' } },
    });
    await clock.advance(5_000);
    expect(shown(all)).toMatchObject(
      [1, 2, 3, 4, backfilled(2_000, 4_000, 2), { type: 'gap', from: ns(4_000), to: ns(9_000) + 1n }, 9].map(
        (one) =>
          typeof one === 'object' && one.type === 'backfilled' ? { ...one, to: ns(4_000) + 1n } : one,
      ),
    );
    await drained();
  });

  it('asks again for a history that does not reach far enough yet', async () => {
    const { clock, all, drained } = await runStream({
      script: {
        capabilities: capabilities(),
        trades: [1, 2].map((n) => trade(n)).concat({ afterMs: 6_000, ...trade(6) }),
        history: history(9, { lagMs: 1_000 }),
      },
    });
    await clock.advance(6_900);
    expect(shown(all)).toEqual([1, 2, 3, 4, 5, filled(2_000, 6_000, 3), 6]);
    await drained();
  });

  it('takes numbers that the history does not have either for missing', async () => {
    const { clock, all, drained } = await runStream({
      script: {
        capabilities: capabilities(),
        trades: [1, 2, 6].map((n) => trade(n)),
        history: { trades: rows(9).filter(({ sequence }) => sequence !== 4) },
      },
    });
    await clock.advance(100);
    expect(shown(all)).toMatchObject([
      1,
      2,
      3,
      {
        type: 'gap',
        from: ns(3_000),
        to: ns(5_000) + 1n,
        reason: 'sequence: a row is missing (4): not in the history',
      },
      5,
      { type: 'backfilled', rows: 2 },
      6,
    ]);
    await drained();
  });

  it('takes rows that come late in place of those of the history', async () => {
    const { clock, all, drained } = await runStream({
      script: {
        capabilities: capabilities(),
        trades: [1, 5, 3, 2, 4, 4, 6].map((n) => trade(n)),
        history: history(9, { pageMs: 10 }),
      },
    });
    await clock.advance(100);
    expect(shown(all).filter((one) => typeof one === 'number')).toEqual([1, 2, 3, 4, 5, 6]);
    expect((await drained()).stages[0]!.statistics).toMatchObject({ rowsDuplicate: 1 });
  });

  it('fills a second gap that comes while rows are held', async () => {
    const { clock, all, drained } = await runStream({
      script: {
        capabilities: capabilities(),
        trades: [trade(1), trade(3), trade(4), { afterMs: 30, ...trade(7) }, trade(8)],
        history: history(9, { pageMs: 100, pageRows: 2 }),
      },
    });
    await clock.advance(3_000);
    expect(shown(all).filter((one) => typeof one === 'number')).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(told(all.filter((one): one is ControlRecord => 'type' in one))).toMatchObject([
      { type: 'backfilled' },
    ]);
    await drained();
  });

  it('fills a gap that the provider tells of, for all of its symbols', async () => {
    const { clock, all, drained } = await runStream({
      script: {
        capabilities: capabilities(),
        trades: [
          trade(1),
          trade(1, 'ETH'),
          { gap: { fromMs: START_MS + 1_000, toMs: START_MS + 4_000, reason: 'reconnected' } },
          trade(4),
          trade(4, 'ETH'),
        ],
        history: { trades: [...rows(9), ...rows(9, 'ETH')] },
      },
      source: { symbols: ['BTC', 'ETH'] },
    });
    await clock.advance(100);
    expect(shown(all).filter((one) => typeof one === 'object')).toEqual([
      filled(1_000, 4_000, 2),
      { ...filled(1_000, 4_000, 2), symbol: 'ETH' },
    ]);
    expect(all.filter((one) => 'symbol' in one && one.symbol === 'ETH' && 'price' in one)).toHaveLength(4);
    await drained();
  });

  it('bounds the rows that wait', async () => {
    const { clock, all, drained } = await runStream({
      script: {
        capabilities: capabilities(),
        trades: [1, 3, 4, 5, 6, 7].map((n) => trade(n)),
        history: history(9, { pageMs: 60_000 }),
      },
      source: { backfill: { rowsMax: 4 } },
    });
    await clock.advance(100);
    expect(shown(all)).toMatchObject([
      1,
      { type: 'gap', reason: 'sequence: a row is missing (2): more than 4 rows wait' },
      3,
      4,
      5,
      6,
      7,
    ]);
    await drained();
  });

  it('tells of the gap where the history fails for good', async () => {
    const { clock, all, drained } = await runStream({
      script: {
        capabilities: capabilities(),
        trades: [1, 3].map((n) => trade(n)),
        history: history(9, { faults: [{ fail: 'entitlement' }] }),
      },
    });
    await clock.advance(100);
    expect(shown(all)).toMatchObject([
      1,
      { type: 'gap', reason: expect.stringContaining('the script says so') },
      3,
    ]);
    await drained();
  });

  it('spends from the budget of the stream, page by page', async () => {
    const clock = new VirtualClock();
    const resilience = new ResilienceCoordinator({
      clock,
      seed: 1,
      providers: { venue: { permits: 1, per: '1s', burst: 1 } },
    });
    onTestFinished(() => resilience.close());
    const { all, drained } = await runStream({
      clock,
      script: {
        capabilities: capabilities(),
        trades: [1, 7].map((n) => trade(n)),
        history: history(9, { pageRows: 2 }),
      },
      source: { budget: { provider: 'venue' } },
      options: { resilience },
    });
    // Login and subscription first, then a page each second.
    const rowsAfter: number[] = [];
    for (let second = 0; second < 8; second++) {
      await clock.advance(second === 0 ? 500 : 1_000);
      rowsAfter.push(all.filter((one) => 'price' in one).length);
    }
    expect(rowsAfter).toEqual([0, 1, 2, 4, 7, 7, 7, 7]);
    expect(resilience.rates.status({ provider: 'venue' })).toMatchObject({ granted: 5 });
    expect((await drained()).stages[0]!.statistics).toMatchObject({ backfillPages: 3 });
  });

  it('waits as long as a history asks to, where the limit allows it', async () => {
    const { clock, all, drained } = await runStream({
      script: {
        capabilities: capabilities(),
        trades: [1, 3].map((n) => trade(n)),
        history: history(9, { faults: [{ fail: 'throttled', retryAfterMs: 1_000 }] }),
      },
    });
    await clock.advance(2_000);
    expect(shown(all)).toMatchObject([1, 2, { type: 'backfilled' }, 3]);
    await drained();
  });

  it('lets held rows follow when it breaks off, and when it is drained', async () => {
    for (const step of [{ afterMs: 10, fail: 'disconnected' } as const, { stall: true } as const]) {
      const { clock, all, pipeline, outcome } = await runStream({
        script: {
          capabilities: capabilities(),
          trades: [trade(1), trade(3), step],
          history: history(9, { pageMs: 60_000 }),
        },
      });
      await clock.advance(50);
      await pipeline.drain();
      await clock.advance(0);
      await outcome;
      expect(shown(all)).toMatchObject([1, { type: 'gap' }, 3]);
      expect(clock.timersPending).toBe(0);
    }
  });
});

describe('a history that is compared by time', () => {
  const at = (n: number, ms = n * 1_000): FakeStep => ({
    trade: { ...row(n, 'BTC', ms), sequence: undefined },
  });
  const gap = (fromMs: number, toMs: number): FakeStep => ({
    gap: { fromMs: START_MS + fromMs, toMs: START_MS + toMs, symbol: 'BTC', reason: 'reconnected' },
  });

  it('fills a gap from the last row before it to the first one after it', async () => {
    const { clock, all, drained } = await runStream({
      script: {
        capabilities: capabilities(UNNUMBERED),
        trades: [at(1), at(2), gap(2_000, 5_500), at(6), at(7)],
        history: history(9),
      },
    });
    await clock.advance(100);
    expect(shown(all)).toEqual([1, 2, 3, 4, 5, backfilled(2_000, 6_000, 3), 6, 7]);
    await drained();
  });

  it('takes of the rows of one instant those that were not delivered', async () => {
    const twin = (n: number, second: number) => ({ ...row(n, 'BTC', second * 1_000), sequence: undefined });
    const full = [twin(1, 1), twin(2, 1), twin(3, 1), twin(4, 2), twin(5, 3), twin(6, 3), twin(7, 4)];
    const { clock, all, drained } = await runStream({
      script: {
        capabilities: capabilities(UNNUMBERED),
        trades: [...[1, 2].map((n) => at(n, 1_000)), gap(1_000, 3_000), at(6, 3_000), at(7, 4_000)],
        history: { trades: full, pageRows: 2 },
      },
    });
    await clock.advance(1_000);
    expect(shown(all).filter((one) => typeof one === 'number')).toEqual([1, 2, 3, 4, 5, 6, 7]);
    await drained();
  });

  it('closes no gap with an empty history, unless that reaches past its end', async () => {
    const run = async (of: Partial<HistoryCapabilities>) => {
      const { clock, all, drained } = await runStream({
        script: {
          capabilities: capabilities({ ...UNNUMBERED, history: { ...UNNUMBERED.history, ...of } }),
          trades: [at(1), { afterMs: 5_000, ...gap(2_000, 4_000) }],
          history: history(1),
        },
      });
      await clock.advance(20_000);
      await drained();
      return shown(all);
    };
    expect(await run({})).toMatchObject([1, { type: 'gap', from: ns(2_000), to: ns(4_000) }]);
    expect(await run({ lagMs: 500 })).toEqual([1, backfilled(2_000, 4_000, 0)]);
  });

  it('fills gaps of bars', async () => {
    const bar = (n: number) => ({
      symbol: 'BTC',
      timeMs: START_MS + n * 60_000,
      open: n,
      high: n,
      low: n,
      close: n,
    });
    const of = { intervals: ['1m'] };
    const { clock, all, drained } = await runStream({
      script: {
        capabilities: {
          assetClasses: ['crypto'],
          streams: { bars: { delivery: 'resumable', ...of } },
          history: { bars: of },
        },
        bars: [
          { bar: bar(1) },
          { gap: { fromMs: START_MS + 60_001, toMs: START_MS + 200_000, reason: 'reconnected' } },
          { bar: bar(4) },
        ],
        history: { bars: [1, 2, 3, 4].map(bar) },
      },
      source: { stream: 'bars', interval: '1m' },
      clock: new VirtualClock({ wall: BigInt(START_MS + 300_000) * 1_000_000n }),
    });
    await clock.advance(1_000);
    expect(all.filter((one) => 'close' in one).map((one) => (one as Row).close)).toEqual([1, 2, 3, 4]);
    await drained();
  });
});

describe('a restart of a stream whose missing rows are fetched', () => {
  async function starts(script: FakeScript, firstMs: number, restMs: number, source: object = {}) {
    const store = new MemoryCheckpointStore();
    const options = { store, components: [fakeProvider(script)] };
    const first = await runStream({ options, source: { ...NO_SILENCE, ...source } });
    await first.clock.advance(firstMs);
    await first.pipeline.suspend();
    await first.clock.advance(0);
    expect((await first.outcome).reason).toBe('suspended');
    const wall = BigInt(START_MS + 20_000) * 1_000_000n;
    const second = await runStream({
      clock: new VirtualClock({ wall }),
      options,
      source: { ...NO_SILENCE, ...source },
    });
    await second.clock.advance(restMs);
    const report = await second.drained();
    return { first, second, report, all: [...shown(first.all), ...shown(second.all)] };
  }

  it.each<[string, Capable, object]>([
    ['numbers', {}, filled(3_000, 6_000, 2)],
    ['times', UNNUMBERED, backfilled(3_000, 6_000, 2)],
  ])('goes on after the last row of each symbol, by %s', async (_, capable, record) => {
    const { all, second } = await starts(
      {
        capabilities: capabilities(capable),
        trades: (start) => (start === 0 ? [1, 2, 3] : [6, 7]).map((n) => trade(n)),
        history: history(9),
      },
      10,
      1_000,
    );
    expect(all.filter((one) => typeof one === 'number')).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(shown(second.all)).toContainEqual(record);
  });

  it('goes on from the middle of a backfill', async () => {
    const { all, first } = await starts(
      {
        capabilities: capabilities(),
        trades: (start) => (start === 0 ? [1, 9] : [12, 13]).map((n) => trade(n)),
        history: history(15, { pageMs: 100, pageRows: 3 }),
      },
      250,
      3_000,
    );
    expect(shown(first.all)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(all.filter((one) => typeof one === 'number')).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
  });

  it('drops what a venue sends again', async () => {
    const { all, report } = await starts(
      {
        capabilities: capabilities(),
        trades: (start) => (start === 0 ? [1, 2, 3] : [2, 3, 4]).map((n) => trade(n)),
        history: history(9),
      },
      10,
      1_000,
    );
    expect(all.filter((one) => typeof one === 'number')).toEqual([1, 2, 3, 4]);
    expect(report.stages[0]!.statistics).toMatchObject({ rowsDuplicate: 2 });
  });

  it.each<[string, Capable]>([
    ['numbers', { history: { lagMs: 0 } }],
    ['times', { ...UNNUMBERED, history: { ...UNNUMBERED.history, lagMs: 0 } }],
  ])(
    'has no gap for a symbol without a new row, where the history says how far it reaches, by %s',
    async (_, of) => {
      const { second } = await starts(
        {
          capabilities: capabilities(of),
          trades: (start) => (start === 0 ? [trade(1)] : []),
          history: history(3),
        },
        10,
        11_000,
      );
      expect(shown(second.all)).toMatchObject([2, 3, { type: 'backfilled', rows: 2 }]);
    },
  );

  it('has a gap where nothing tells that the history is whole', async () => {
    const { second } = await starts(
      {
        capabilities: capabilities(),
        trades: (start) => (start === 0 ? [trade(1)] : []),
        history: history(1),
      },
      10,
      11_000,
    );
    expect(shown(second.all)).toMatchObject([{ type: 'gap', reason: expect.stringContaining('restart') }]);
  });
});

describe('what makes a stream resumable', () => {
  const BASE = capabilities();
  const delivery = async (given: NonNullable<FakeScript['capabilities']>, source: object = {}) => {
    const run = await runStream({
      script: { capabilities: given, trades: [trade(1), trade(3)], quotes: [], history: history(9) },
      source,
    });
    await run.clock.advance(1_000);
    await run.drained();
    return run.records.some(({ type }) => type === 'backfilled') ? 'resumable' : 'live-only';
  };

  it.each<[string, NonNullable<FakeScript['capabilities']>, object, string]>([
    ['a history with its columns and numbers', BASE, {}, 'resumable'],
    ['no history', { ...BASE, history: {} }, {}, 'live-only'],
    [
      'another space of numbers',
      capabilities({ history: { sequence: { ...SEQUENCE, space: 'x' } } }),
      {},
      'live-only',
    ],
    ['a column that the history lacks', capabilities({ stream: { columns: ['side'] } }), {}, 'live-only'],
    ['the time of receipt alone', capabilities({ stream: { columns: ['received'] } }), {}, 'resumable'],
    ['a spec that wants none', BASE, { backfill: false }, 'live-only'],
    ['a stream that does not say so', capabilities({ stream: { delivery: 'live-only' } }), {}, 'live-only'],
  ])('is decided with %s', async (_, given, source, expected) => {
    expect(await delivery(given, source)).toBe(expected);
  });
});
