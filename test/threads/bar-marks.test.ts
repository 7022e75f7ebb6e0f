import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PipelineRuntime, uncheckedSpec } from '../../dist/src/index.js';
import { generatedSession } from '../support/binance/generated-session.js';
import type { Market } from '../support/binance/recorded-frames.js';
import { expectBarsOfTrades, type GivenBar } from '../support/binance-venue/bars-of-trades.js';
import { BinanceVenue } from '../support/binance-venue/venue.js';
import type { VenueFault } from '../support/binance-venue/venue-faults.js';
import { DEEP, tried } from '../support/deep.js';
import { startRuntime, until } from './threads-support.js';

const FRAMES = 4_000;
const SESSIONS = { spot: generatedSession('spot', FRAMES, 11), usdm: generatedSession('usdm', FRAMES, 12) };
/** The tape takes some tenths of a second, or as long as the machine needs. */
const BAR_MS = 20;

/** Runs a job in a thread of its own, from the venue to a file of bars, and checks these. @returns How many are marked. */
async function marked(
  runtime: PipelineRuntime,
  market: Market,
  faults: readonly VenueFault[],
  { isFetched }: { readonly isFetched: boolean },
) {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-'));
  const session = SESSIONS[market];
  const venue = await BinanceVenue.start({ session, faults, isNow: true });
  try {
    const path = join(folder, 'bars.jsonl');
    const job = await runtime.submit(
      uncheckedSpec({
        name: 'bars',
        source: {
          use: venue.provider,
          stream: 'trades',
          symbols: [session.symbol],
          ...venue.options,
          silence: false,
          // However slow the machine is, what is missing is waited for.
          backfill: isFetched && { waitMax: '1h' },
        },
        // The watermark goes with the clock: what is missing is known with the next trade, whenever that comes.
        operators: [{ use: 'bars', every: `${BAR_MS}ms`, lateness: '1h' }],
        sink: { use: 'jsonl', path },
      }),
    );
    const over = job.outcome.then(({ error }) => {
      throw new Error(`the job is over: ${error?.message}`);
    });
    over.catch(() => {}); // it is, once it is drained
    await Promise.race([venue.play(), over]);
    const { sent, lost } = venue.ledger.trade;
    const rows = sent.length + (isFetched ? lost.length : 0);
    await until(() => job.inspect().counters.rowsIn >= rows);
    expect(await job.drain()).toMatchObject({
      outcome: 'completed',
      counters: { rowsIn: rows, rowsLate: 0 },
    });
    const bars = readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line): GivenBar => ({ ...JSON.parse(line), ms: Date.parse(JSON.parse(line).time) }));
    return expectBarsOfTrades(bars, venue.trades, new Set(isFetched ? [] : lost), BAR_MS);
  } finally {
    await venue.close();
    rmSync(folder, { recursive: true });
  }
}

const at = fc.integer({ min: 200, max: FRAMES - 600 });
/** Each has a trade in it, since every fourth frame is one. */
const frames = fc.integer({ min: 4, max: 300 });
const fault = fc.oneof(
  fc.record({ at, what: fc.constant('drop' as const), missing: frames }),
  fc.record({ at, what: fc.constant('lose' as const), frames }),
  fc.record({ at, what: fc.constant('garble' as const) }),
  fc.record({ at, what: fc.constant('double' as const) }),
);
const script = fc.uniqueArray(fault, { minLength: 3, maxLength: 5, selector: ({ at }) => at >> 9 });
const runs = { numRuns: tried(3, 12, 100), endOnFailure: true };

describe('bars of a stream in a thread, from a venue with faults', () => {
  it('are a `gap` exactly where trades were withheld', async () => {
    const runtime = await startRuntime();
    let gaps = 0;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom<Market>('spot', 'usdm'), script, async (market, faults) => {
        gaps += await marked(runtime, market, faults, { isFetched: false });
      }),
      runs,
    );
    expect(gaps).toBeGreaterThan(0); // or nothing would have been looked at
  });

  // Of USD-M, the history does not say which trades stay out of bars.
  it('are complete, with all trades, where those that were withheld are fetched', async () => {
    const runtime = await startRuntime();
    await fc.assert(
      fc.asyncProperty(script, async (faults) => {
        expect(await marked(runtime, 'spot', faults, { isFetched: true })).toBe(0);
      }),
      runs,
    );
  });

  // A dead connection is noticed after 45 s.
  it.runIf(DEEP)('are so as well where a connection has gone silent', async () => {
    const runtime = await startRuntime();
    const silence = [{ at: 2_000, what: 'silence' as const, frames: 400 }];
    expect(await marked(runtime, 'usdm', silence, { isFetched: false })).toBeGreaterThan(0);
    expect(await marked(runtime, 'spot', silence, { isFetched: true })).toBe(0);
  });
});
