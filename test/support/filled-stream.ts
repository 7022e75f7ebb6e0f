import type { ControlRecord } from '../../src/columns/control-record.js';
import type { Row } from '../../src/columns/row-view.js';
import type { FakeScript, FakeStep } from '../../src/testing/fake-script.js';
import type {
  HistoryCapabilities,
  SequenceNumbers,
  StreamCapabilities,
} from '../../src/wire/provider-capabilities.js';
import { runStream, START_MS, told } from './fake-stream.js';

/** A trade of BTC with its number as its price, so many ms from the start. */
export const numbered = (n: number, ms = n) => ({
  symbol: 'BTC',
  timeMs: START_MS + ms,
  price: n,
  sequence: n,
});
export const trades = (...numbers: readonly number[]): FakeStep[] =>
  numbers.map((n) => ({ trade: numbered(n) }));
/** What a provider tells of BTC, in ms from the start. */
export const gapStep = (fromMs: number, toMs: number, reason = 'reconnected'): FakeStep => ({
  gap: { symbol: 'BTC', fromMs: START_MS + fromMs, toMs: START_MS + toMs, reason },
});

export const tradesOf = (
  sequence: SequenceNumbers | undefined,
  stream: Partial<StreamCapabilities> = {},
  history: Partial<HistoryCapabilities> = {},
): NonNullable<FakeScript['capabilities']> => ({
  assetClasses: ['crypto'],
  streams: { trades: { delivery: 'resumable', sequence, ...stream } },
  history: { trades: { sequence, ...history } },
});

export const BY_ONE: SequenceNumbers = { space: 'fake', scope: 'symbol', step: 'one' };
export const UPWARDS: SequenceNumbers = { space: 'fake', scope: 'symbol', step: 'up' };

const msOf = (ns: bigint) => Number(ns - BigInt(START_MS) * 1_000_000n) / 1e6;

/** Prices of rows, and records as texts, in order. */
export const textsOf = (all: readonly (Row | ControlRecord)[]) =>
  all
    .filter((one) => !('type' in one) || told([one as ControlRecord]).length > 0)
    .map((one) => {
      if (!('type' in one)) return (one.price ?? one.close) as number;
      const record = one as ControlRecord;
      if (record.type === 'gap') return `gap ${Math.floor(msOf(record.from))}: ${record.reason}`;
      return record.type === 'backfilled' ? `backfilled ${record.rows}` : record.type;
    });

/** What a stream delivers until it is drained, with its statistics. */
export async function playedOut(script: FakeScript, source: object = {}, ms = 15_000) {
  const run = await runStream({ script, source: { silence: false, ...source } });
  await run.clock.advance(ms);
  const report = await run.drained();
  return { all: run.all, texts: textsOf(run.all), statistics: report.stages[0]!.statistics };
}
