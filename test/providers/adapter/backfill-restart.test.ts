import { describe, expect, it } from 'vitest';
import { MemoryCheckpointStore } from '../../../src/checkpoints/memory-checkpoint-store.js';
import { fakeProvider } from '../../../src/testing/fake-provider.js';
import type { FakeScript, FakeStep } from '../../../src/testing/fake-script.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { runStream, START_MS } from '../../support/fake-stream.js';
import { BY_ONE, gapStep, numbered, textsOf, tradesOf } from '../../support/filled-stream.js';

const FAIL: FakeStep = { afterMs: 20, fail: 'disconnected' };

/** What a stream delivers that breaks off, and is begun again later. */
async function restarted(
  script: FakeScript,
  steps: readonly [readonly FakeStep[], readonly FakeStep[]],
  wallMs: number,
  source: object = {},
) {
  const kind = script.capabilities?.streams?.bars ? 'bars' : 'trades';
  const provider = fakeProvider({ ...script, [kind]: (start: number) => steps[start] ?? [] });
  const options = { store: new MemoryCheckpointStore(), components: [provider] };
  const own = { silence: false, stream: kind, ...source };
  const first = await runStream({ options, source: own });
  await first.clock.advance(1_500);
  await first.outcome;
  const clock = new VirtualClock({ wall: BigInt(START_MS + wallMs) * 1_000_000n });
  const second = await runStream({ options, source: own, clock });
  await second.clock.advance(100_000);
  await second.drained();
  return textsOf([...first.all, ...second.all]);
}

const unnumbered = (n: number, ms: number, symbol = 'BTC') => ({
  ...numbered(n, ms),
  symbol,
  sequence: undefined,
});

const bar = (n: number, lengthMs = 60_000) => ({
  symbol: 'BTC',
  timeMs: START_MS + n * lengthMs,
  open: n,
  high: n,
  low: n,
  close: n,
  volume: 1,
});

describe('a restarted stream', () => {
  it('drops rows without numbers that were delivered and come again', async () => {
    const trade = (n: number, ms: number) => ({ trade: unnumbered(n, ms) });
    const texts = await restarted(
      {
        capabilities: tradesOf(undefined),
        history: { trades: [1, 2, 3, 4].map((n) => unnumbered(n, 100 * n)) },
      },
      [
        [trade(1, 100), trade(2, 200), FAIL],
        [trade(1, 100), trade(2, 200), trade(4, 400), { afterMs: 50, trade: unnumbered(5, 500) }],
      ],
      450,
    );
    expect(texts.filter((one) => typeof one === 'number')).toEqual([1, 2, 3, 4, 5]);
  });

  it.each([
    ['with numbers', BY_ONE],
    ['without numbers', undefined],
  ])(
    'fetches up to the end of a gap that the provider tells of before the first row, %s',
    async (_, sequence) => {
      const trade = (n: number, ms = n) => ({
        ...numbered(n, ms),
        ...(!sequence && { sequence: undefined }),
      });
      const texts = await restarted(
        {
          capabilities: tradesOf(sequence, {}, { lagMs: 0 }),
          history: { trades: [9, 10, 11].map((n) => trade(n, n === 11 ? 1_350 : n)), pageMs: 150, lagMs: 0 },
        },
        [
          [{ trade: trade(9) }, { trade: trade(10) }, FAIL],
          [
            { afterMs: 100, ...gapStep(1_000, 1_400) },
            { afterMs: 900, trade: trade(12, 2_000) },
          ],
        ],
        1_000,
      );
      expect(texts).toEqual([9, 10, 11, 'backfilled 1', 12]);
    },
  );

  it('delivers a row once that is on its way when it begins, and is in the history, too', async () => {
    const trade = (n: number, ms: number) => ({ ...numbered(n, ms), sequence: undefined });
    const history = [trade(1, 1), trade(2, 600), trade(3, 900), trade(4, 900), trade(5, 950)];
    const live = [trade(4, 900), trade(5, 950), trade(6, 950), trade(7, 1_500)];
    const texts = await restarted(
      {
        capabilities: tradesOf(undefined, {}, { lagMs: 0 }),
        history: { trades: history, pageMs: 20, pageRows: 2, lagMs: 0 },
      },
      [[{ trade: trade(1, 1) }, FAIL], live.map((one, i) => ({ afterMs: i === 0 ? 100 : 1, trade: one }))],
      1_000,
    );
    expect(texts).toEqual([1, 2, 3, 4, 5, 'backfilled 4', 6, 7]);
  });

  it('delivers a bar once that was not over when it began', async () => {
    const texts = await restarted(
      {
        capabilities: {
          assetClasses: ['crypto'],
          streams: { bars: { delivery: 'resumable', intervals: ['1m'] } },
          history: { bars: { intervals: ['1m'], lagMs: 0 } },
        },
        history: { bars: [bar(0), bar(1), bar(2), bar(3)], pageMs: 20, lagMs: 0 },
      },
      [
        [{ bar: bar(0) }, FAIL],
        [
          { afterMs: 5_500, bar: bar(2) },
          { afterMs: 59_000, bar: bar(3) },
        ],
      ],
      179_000,
      { interval: '1m' },
    );
    expect(texts).toEqual([0, 1, 2, 'backfilled 2', 3]);
  });

  it.each([
    ['an hour', '1h', 3_600_000],
    ['a minute', '1m', 60_000],
  ])(
    'has the bars of %s that have ended at once, and waits for none that goes on',
    async (_, interval, ms) => {
      const of = { intervals: [interval] };
      const texts = await restarted(
        {
          capabilities: {
            assetClasses: ['crypto'],
            streams: { bars: { delivery: 'resumable', ...of } },
            history: { bars: { ...of, lagMs: 1_000 } },
          },
          history: { bars: [0, 1, 2, 3].map((n) => bar(n, ms)), pageMs: 20, lagMs: 1_000 },
        },
        [[{ bar: bar(0, ms) }, FAIL], [{ afterMs: 40_000, bar: bar(3, ms) }]],
        3 * ms + 20_000,
        { interval },
      );
      expect(texts).toEqual([0, 1, 2, 'backfilled 2', 3]);
    },
  );

  it.each([
    ['the clock of the host is somewhat behind', 1_500, []],
    ['rows of other symbols show how far it is behind', 5_000, [{ trade: unnumbered(9, 6_100, 'ETH') }]],
  ])(
    'has what was missed right before it by the clock of the venue, where %s',
    async (_, behindMs, others) => {
      const missed = unnumbered(2, 1_000 + behindMs - 100);
      const texts = await restarted(
        {
          capabilities: tradesOf(undefined, {}, { lagMs: 100 }),
          history: { trades: [unnumbered(1, 1), missed], pageMs: 20 },
        },
        [[{ trade: unnumbered(1, 1) }, FAIL], others],
        1_000,
        { symbols: ['BTC', 'ETH'] },
      );
      expect(texts).toContain(2);
    },
  );

  it('has what a symbol without a row has missed on a feed that is a quarter of an hour behind', async () => {
    const behind = (n: number, ms: number, symbol = 'BTC') => unnumbered(n, ms - 900_000, symbol);
    const texts = await restarted(
      {
        capabilities: tradesOf(undefined),
        history: { trades: [behind(5, 2_500, 'ETH'), behind(9, 5_000, 'ETH')], pageMs: 20 },
      },
      [
        [{ trade: behind(1, 0) }, { afterMs: 1_200, trade: behind(2, 1_200) }, FAIL],
        [{ afterMs: 1_000, trade: behind(9, 5_000, 'ETH') }],
      ],
      4_000,
      { symbols: ['BTC', 'ETH'] },
    );
    expect(texts.filter((one) => typeof one === 'number')).toEqual([1, 2, 5, 9]);
  });

  it('does not believe in a history that is empty by a clock of the host that is ahead', async () => {
    const texts = await restarted(
      {
        capabilities: tradesOf(undefined, {}, { lagMs: 100 }),
        // The venue is 1.5 s behind: its rows are in the history that much later by the clock of the host.
        history: { trades: [unnumbered(1, 1), unnumbered(2, 1_450)], pageMs: 20, lagMs: 1_600 },
      },
      [[{ trade: unnumbered(1, 1) }, FAIL], [{ afterMs: 600, ...gapStep(1_400, 1_500) }]],
      1_000,
    );
    expect(texts).toEqual([1, 2, 'backfilled 1']);
  });
});
