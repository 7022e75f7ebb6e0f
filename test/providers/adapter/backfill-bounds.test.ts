import { describe, expect, it } from 'vitest';
import { sleep } from '../../../src/core/clock.js';
import { millis } from '../../../src/core/units.js';
import { callbackSink } from '../../../src/stages/sinks/callback.js';
import type { FakeScript, FakeStep } from '../../../src/testing/fake-script.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { runStream, START_MS, told } from '../../support/fake-stream.js';

const SEQUENCE = { space: 'fake', scope: 'symbol', step: 'one' } as const;
const capabilities = (sequence?: object) =>
  ({
    assetClasses: ['crypto'],
    streams: { trades: { delivery: 'resumable', sequence } },
    history: { trades: { sequence } },
  }) as NonNullable<FakeScript['capabilities']>;
/** A row each 25 ms. */
const row = (n: number) => ({ symbol: 'BTC', timeMs: START_MS + 25 * n, price: n, sequence: n });
const ROWS = 800;

/** Every second row is lost, and in the history 300 ms later. */
async function holesWithoutEnd(isNumbered: boolean, waitMax: string) {
  const trades = Array.from({ length: ROWS / 2 }, (_, i): FakeStep[] => {
    const n = 2 * i + 1;
    const gap = {
      symbol: 'BTC',
      fromMs: START_MS + 25 * (n - 2),
      toMs: START_MS + 25 * n,
      reason: 'lost',
    };
    const told: FakeStep[] = isNumbered || i === 0 ? [] : [{ gap }];
    return [{ afterMs: i === 0 ? 25 : 50, stall: true }, ...told, { trade: row(n) }];
  }).flat();
  const run = await runStream({
    script: {
      capabilities: capabilities(isNumbered ? SEQUENCE : undefined),
      trades,
      history: { trades: Array.from({ length: ROWS + 200 }, (_, i) => row(i + 1)), lagMs: 300 },
    },
    source: { silence: false, backfill: { waitMax, rowsMax: 100 } },
    spec: { batchRows: 8 },
  });
  await run.clock.advance(25 * ROWS + 4_000);
  const report = await run.drained();
  expect(report.error).toBeUndefined();
  expect(run.clock.timersPending).toBe(0);
  return { prices: run.rows.map(({ price }) => price), told: told(run.records) };
}

describe('a backfill that stays open, since new rows are lost all the time', () => {
  it.each([['numbers', true] as const, ['times', false] as const])(
    'counts the rows that wait, and not those that went on, by %s',
    async (_, isNumbered) => {
      const { prices, told } = await holesWithoutEnd(isNumbered, '1h');
      const last = Number(prices.at(-1));
      expect(last).toBeGreaterThan(ROWS - 20);
      expect(prices).toEqual(Array.from({ length: last }, (_, i) => i + 1));
      expect(told.filter(({ type }) => type === 'gap')).toEqual([]);
    },
  );

  it('has as long for each of its gaps', async () => {
    const { told } = await holesWithoutEnd(true, '5s');
    expect(told.filter(({ type }) => type === 'gap')).toEqual([]);
  });
});

describe('the time that rows wait for missing ones', () => {
  const symbols = Array.from({ length: 100 }, (_, i) => `S${i}`);
  const of = (symbol: string, n: number) => ({ ...row(n), symbol });

  async function gapOfAll(pageMs: number) {
    const gap = { fromMs: START_MS + 25, toMs: START_MS + 75, reason: 'reconnected' };
    const run = await runStream({
      script: {
        capabilities: capabilities(SEQUENCE),
        trades: [
          ...symbols.map((symbol) => ({ trade: of(symbol, 1) })),
          { gap },
          ...symbols.map((symbol) => ({ trade: of(symbol, 3) })),
        ],
        history: { trades: symbols.flatMap((symbol) => [1, 2, 3].map((n) => of(symbol, n))), pageMs },
      },
      source: { symbols, silence: false, backfill: { waitMax: '1s' } },
    });
    return run;
  }

  it('is not spent on the histories of others, while these come', async () => {
    const { clock, rows, drained } = await gapOfAll(100);
    await clock.advance(2_600);
    expect(rows).toHaveLength(3 * symbols.length);
    expect((await drained()).stages[0]!.statistics).toMatchObject({ gapsFilled: 100, gapsGivenUp: 0 });
  });

  it('ends for all of them where no history comes', async () => {
    const { clock, rows, drained } = await gapOfAll(60_000);
    await clock.advance(1_000);
    expect(rows).toHaveLength(2 * symbols.length);
    expect((await drained()).stages[0]!.statistics).toMatchObject({ gapsFilled: 0, gapsGivenUp: 100 });
  });

  it('is not spent on a slow reader', async () => {
    const clock = new VirtualClock();
    let rows = 0;
    const sink = callbackSink(async ({ length }) => {
      rows += length;
      await sleep(clock, millis(20));
    });
    const last = 1_000;
    const { drained } = await runStream({
      clock,
      script: {
        capabilities: capabilities(SEQUENCE),
        trades: [{ trade: row(1) }, { trade: row(last) }],
        history: { trades: Array.from({ length: last }, (_, i) => row(i + 1)), pageRows: 8 },
      },
      source: {
        silence: false,
        backfill: { waitMax: '1s' },
        queue: { rows: 8, overflow: 'block' },
      },
      spec: { batchRows: 8 },
      options: { sink },
    });
    await clock.advance(30_000);
    expect(rows).toBe(last);
    const report = drained();
    await clock.advance(1_000);
    expect((await report).stages[0]!.statistics).toMatchObject({ gapsFilled: 1, gapsGivenUp: 0 });
  });
});
