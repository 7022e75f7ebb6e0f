import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryCheckpointStore } from '../../../../src/checkpoints/memory-checkpoint-store.js';
import type { ControlRecord } from '../../../../src/columns/control-record.js';
import type { Row } from '../../../../src/columns/row-view.js';
import { ProviderError } from '../../../../src/core/provider-error.js';
import type { StageStatistics } from '../../../../src/wire/pipeline-report.js';
import { isRow, type Stream } from '../../../support/pipeline-rig.js';
import { SimulatedClock } from '../../../support/simulated-clock.js';
import { at, NUMBERS_BY_SYMBOL, routed, row, Scripted } from './router-rig.js';

const SYMBOLS = ['A', 'B', 'C'];
const TICK_MS = 100;
const COOL_DOWN_MS = 1_000;

/** What happens to one of the sources in a tick. */
type Fault = 'fail' | 'close' | 'mute' | 'refuse';

const script = fc.record({
  ticks: fc.array(
    fc.record({
      /** Symbols that trade in the tick, by index. */
      trades: fc.array(fc.nat(SYMBOLS.length - 1), { maxLength: 4 }),
      fault: fc.option(
        fc.record({
          source: fc.nat(2),
          what: fc.constantFrom<Fault>('fail', 'close', 'mute', 'refuse'),
        }),
        {
          freq: 4,
        },
      ),
    }),
    { minLength: 10, maxLength: 80, size: 'max' },
  ),
  /** How many of the last rows a source gives again when it is opened. */
  recent: fc.nat(30),
  standby: fc.constantFrom('cold', 'hot'),
  strategy: fc.constantFrom('first', 'round-robin', 'fastest', 'weighted'),
  hold: fc.constantFrom('0s', '500ms'),
  sources: fc.integer({ min: 1, max: 3 }),
  seed: fc.nat(),
  /** Ticks after which the run is suspended, and resumed. */
  restarts: fc.array(fc.nat(80), { maxLength: 2 }),
});

const BAR_MS = 1_000;

const outage = () => new ProviderError('disconnected', 'as the script says');

/** Sources that give the rows of one market, as well as they can. */
function market(count: number, recent: number) {
  const log: Row[] = [];
  const next = new Map<string, number>();
  const sources = Array.from({ length: count }, (_, i) => new Scripted(`s${i}`));
  const isMute = sources.map(() => false);
  for (const [i, source] of sources.entries()) {
    source.sequences = NUMBERS_BY_SYMBOL;
    source.initial = () => {
      isMute[i] = false; // until it is opened again: what it missed in between it cannot tell
      return recent === 0 ? [] : [log.slice(-recent)];
    };
  }
  return {
    log,
    sources,
    trade(ms: number, symbols: readonly string[]) {
      const rows = symbols.map((symbol) => {
        const sequence = (next.get(symbol) ?? 0) + 1;
        next.set(symbol, sequence);
        return row(ms, sequence, symbol);
      });
      log.push(...rows);
      if (rows.length === 0) return;
      for (const [i, source] of sources.entries()) if (!isMute[i]) source.push(...rows);
    },
    fault(source: number, what: Fault) {
      const script = sources[source % count]!;
      if (what === 'mute') isMute[source % count] = true;
      else if (what === 'refuse') script.openErrors.push(outage(), outage());
      else if (script.isOpen && what === 'fail') script.fail(outage());
      else if (script.isOpen) script.end();
    },
  };
}

/**
 * Whether a better source was chosen though the one before works. The record of a switch says less: it comes with the
 * first row behind the seam, which may be much later, and of another source yet.
 */
function isFailback(before: StageStatistics, now: StageStatistics): boolean {
  const from = before.activeSource!;
  const to = now.activeSource!;
  const failures = `sources[${from}].failures`;
  return to >= 0 && to < from && now[failures] === before[failures];
}

type Switch = ControlRecord & { readonly type: 'switched' };

/** The laws of a stream of numbered rows. */
function check(stream: Stream): void {
  const last = new Map<string, bigint>();
  const isTold = new Map<string, boolean>();
  for (const entry of stream) {
    if (entry.type === 'gap') {
      const { symbol } = entry as { symbol?: string };
      for (const one of symbol === undefined ? SYMBOLS : [symbol]) isTold.set(one, true);
    }
    if (!isRow(entry)) continue;
    const { symbol, sequence } = entry as unknown as { symbol: string; sequence: bigint };
    const before = last.get(symbol);
    if (before !== undefined) {
      expect(sequence).toBeGreaterThan(before); // in order, and none twice
      if (sequence !== before + 1n) expect(isTold.get(symbol)).toBe(true); // none lost in silence
    }
    last.set(symbol, sequence);
    isTold.set(symbol, false);
  }
}

describe('under random faults, a router over sources with numbers', () => {
  it('loses and doubles no row, keeps the order of each symbol, and tells each switch once', async () => {
    await fc.assert(
      fc.asyncProperty(
        script,
        async ({ ticks, recent, standby, strategy, hold, sources: count, seed, restarts }) => {
          const { sources, trade, fault, log } = market(count, recent);
          const store = new MemoryCheckpointStore();
          let clock = new SimulatedClock({ now: 1_000_000n, wall: at(0) });
          const start = () =>
            routed({
              sources,
              clock,
              seed,
              options: {
                standby,
                strategy,
                hold,
                coolDown: `${COOL_DOWN_MS}ms`,
                silence: '700ms',
                sessions: '24/7',
                backOff: '20ms',
                backOffMax: '300ms',
              },
              pipeline: { store },
            });
          const stream: Stream = [];
          let run = await start();
          const failbacks: number[] = [];
          let before: StageStatistics = { activeSource: -1 };
          for (const [i, { trades, fault: broken }] of ticks.entries()) {
            const ms = TICK_MS * (i + 1);
            if (restarts.includes(i)) {
              run.pipeline.suspend();
              await run.pass(300, 20);
              expect(await run.run).toMatchObject({ reason: 'suspended' });
              stream.push(...run.stream);
              clock = new SimulatedClock({ now: 1_000_000n, wall: at(ms) });
              run = await start();
            }
            if (broken) fault(broken.source, broken.what);
            trade(
              ms,
              trades.map((symbol) => SYMBOLS[symbol]!),
            );
            await run.pass(TICK_MS, 20);
            const now = run.numbersOf();
            if (isFailback(before, now)) failbacks.push(ms);
            before = now;
          }
          const { reason, stages } = await run.finish();
          expect(reason).toBe('drained');
          const { switches = 0 } = stages.find(({ stage }) => stage === 'source')!.statistics;
          expect(clock.timersPending).toBe(0);
          stream.push(...run.stream);
          check(stream);
          const switched = stream.filter((entry) => entry.type === 'switched') as unknown as Switch[];
          expect(switches).toBe(switched.length);
          // Each goes on from where the one before led to.
          for (const [i, { from, to }] of switched.entries()) {
            expect(from).not.toBe(to);
            if (i > 0) expect(from).toBe(switched[i - 1]!.to);
          }
          if (restarts.length === 0) {
            for (const [i, ms] of failbacks.entries()) {
              if (i > 0) expect(ms - failbacks[i - 1]!).toBeGreaterThanOrEqual(COOL_DOWN_MS - TICK_MS);
            }
          }
          // A router that has a working source delivers.
          if (!ticks.some(({ fault: broken }) => broken) && restarts.length === 0) {
            expect(stream.filter(isRow)).toHaveLength(log.length);
          }
          expect(sources.every(({ isOpen }) => !isOpen)).toBe(true);
        },
      ),
      { numRuns: 100, endOnFailure: true },
    );
  });

  it('has no bar that is complete where rows are missing', async () => {
    await fc.assert(
      fc.asyncProperty(script, async ({ ticks, recent, standby, strategy, sources: count, seed }) => {
        const { sources, trade, fault, log } = market(count, recent);
        const run = await routed({
          sources,
          seed,
          options: {
            standby,
            strategy,
            hold: '500ms',
            silence: '700ms',
            sessions: '24/7',
            backOff: '20ms',
            backOffMax: '300ms',
          },
          // What a standby has comes after a silence.
          operators: [{ use: 'bars', every: `${BAR_MS}ms`, lateness: '10s' }],
        });
        for (const [i, { trades, fault: broken }] of ticks.entries()) {
          if (broken) fault(broken.source, broken.what);
          trade(
            TICK_MS * (i + 1),
            trades.map((symbol) => SYMBOLS[symbol]!),
          );
          await run.pass(TICK_MS, 20);
        }
        const { reason, counters } = await run.finish();
        expect(reason).toBe('drained');
        expect(counters.rowsLate).toBe(0);
        const bars = run.stream.filter(isRow);
        for (const symbol of SYMBOLS) {
          const own = new Map(
            bars.filter((bar) => bar.symbol === symbol).map((bar) => [bar.time as bigint, bar]),
          );
          const times = [...own.keys()];
          for (const [time, rows] of rowsByWindow(log, symbol)) {
            // What came before the first row, or after the last one, nobody can know.
            if (times.length === 0 || time <= times[0]! || time >= times.at(-1)!) continue;
            const bar = own.get(time);
            if (bar?.count !== rows) expect(bar?.mark).toMatch(/gap|partial/);
          }
        }
      }),
      { numRuns: 60, endOnFailure: true },
    );
  });
});

/** How many rows of a symbol there were, by the begin of their window. */
function rowsByWindow(log: readonly Row[], symbol: string): Map<bigint, number> {
  const windowNs = BigInt(BAR_MS) * 1_000_000n;
  const rows = new Map<bigint, number>();
  for (const { time, symbol: of } of log) {
    if (of !== symbol) continue;
    const begin = (time as bigint) - ((time as bigint) % windowNs);
    rows.set(begin, (rows.get(begin) ?? 0) + 1);
  }
  return rows;
}
