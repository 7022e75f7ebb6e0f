import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ControlRecord } from '../../../../src/columns/control-record.js';
import type { Row } from '../../../../src/columns/row-view.js';
import { uncheckedSpec } from '../../../../src/plan/typed-spec.js';
import { createPipeline } from '../../../../src/runtime/pipeline-builder.js';
import { VirtualClock } from '../../../../src/testing/virtual-clock.js';
import { tried } from '../../../support/deep.js';
import { watchingComponent } from '../../../support/nested-stages.js';
import { isRow, keepingSink, type Stream } from '../../../support/pipeline-rig.js';
import {
  type FaultyProvider,
  LATENCY_MS,
  type MarketRow,
  marketProvider,
  senderOf,
} from './faulty-market.js';
import { BAR_MS, MarketOracle } from './market-oracle.js';
import { at, NUMBERS_BY_SYMBOL } from './router-rig.js';

const SYMBOLS = ['A', 'B'];
const TICK_MS = 100;
/** Everything works before and after. */
const HEAD_MS = 2_000;
const MIDDLE_MS = 6_000;
const TAIL_MS = 20_000;
const COOL_DOWN_MS = 3_000;
/** Longer than clocks may differ, and the rests between two looks at a history. */
const WAIT_MS = 8_000;

const provider = (hasHistory: fc.Arbitrary<boolean>, isFlawless: boolean, mayMute: boolean) =>
  fc.record({
    outages: fc.array(
      fc.record({
        what: fc.constantFrom<'down' | 'throttled' | 'mute'>(
          'down',
          'throttled',
          ...(mayMute ? (['mute'] as const) : []),
        ),
        atMs: fc.integer({ min: HEAD_MS, max: HEAD_MS + MIDDLE_MS }),
        forMs: fc.constantFrom(1, 150, 900, 2_500),
      }),
      { maxLength: 3 },
    ),
    lost: fc.array(fc.nat(), { maxLength: mayMute ? 3 : 0 }),
    twice: fc.array(fc.nat(), { maxLength: 3 }),
    history: hasHistory.chain((has) =>
      has
        ? fc.record({
            pageMs: fc.constantFrom(0, 30, 400),
            pageRows: fc.constantFrom(3, 100),
            // Without it, nothing shows that the history is whole for a symbol that is quiet.
            lagMs: isFlawless ? fc.constantFrom(0, 300) : fc.constantFrom(undefined, 0, 300),
            faults: fc.array(
              fc.constantFrom<{
                readonly fail: 'unavailable' | 'throttled' | 'entitlement';
                readonly retryAfterMs?: number;
              }>({ fail: 'unavailable' }, { fail: 'throttled', retryAfterMs: 700 }, { fail: 'entitlement' }),
              { maxLength: isFlawless ? 0 : 4 },
            ),
          })
        : fc.constant(undefined),
    ),
  });

interface Conditions {
  /** Whether all sources of the router are of one provider. */
  readonly isOne?: boolean;
  readonly hasNumbers: boolean;
  readonly hasHistory: fc.Arbitrary<boolean>;
  readonly isFlawless?: boolean;
  /** Whether rows may be missing while a stream goes on. */
  readonly mayMute?: boolean;
}

const scriptOf = ({ hasHistory, isFlawless = false, mayMute = true }: Conditions) =>
  fc.record({
    /** Symbols that trade in each tick, by index. */
    ticks: fc.array(fc.array(fc.nat(SYMBOLS.length - 1), { maxLength: 3 }), {
      minLength: MIDDLE_MS / TICK_MS,
      maxLength: MIDDLE_MS / TICK_MS,
    }),
    providers: fc.array(provider(hasHistory, isFlawless, mayMute), { minLength: 1, maxLength: 3 }),
    standby: fc.constantFrom('cold', 'hot'),
    strategy: fc.constantFrom('first', 'first', 'round-robin', 'weighted'),
    hold: fc.constantFrom('0s', '500ms', '2s'),
    seed: fc.nat(),
  });
type Script = ReturnType<typeof scriptOf> extends fc.Arbitrary<infer Value> ? Value : never;

/** What is traded: at each half second before and after what was drawn. */
function marketOf(ticks: Script['ticks']): MarketRow[] {
  const market: MarketRow[] = [];
  const counts = new Map<string, number>();
  const trade = (ms: number, index: number) => {
    const symbol = SYMBOLS[index]!;
    const n = (counts.get(symbol) ?? 0) + 1;
    counts.set(symbol, n);
    market.push({ symbol, n, nth: market.length, ms });
  };
  const regular = (fromMs: number, toMs: number) => {
    for (let ms = fromMs; ms < toMs; ms += 500)
      for (const index of SYMBOLS.keys()) trade(ms + 10 + index, index);
  };
  regular(0, HEAD_MS);
  for (const [tick, symbols] of ticks.entries()) {
    for (const [i, index] of symbols.entries()) trade(HEAD_MS + tick * TICK_MS + i, index);
  }
  regular(HEAD_MS + MIDDLE_MS, HEAD_MS + MIDDLE_MS + TAIL_MS);
  return market;
}

type Switched = ControlRecord & { readonly type: 'switched' };

/** Runs a router of providers with faults to its end. */
async function played(script: Script, { hasNumbers, mayMute = true, isOne = false }: Conditions) {
  const { ticks, standby, strategy, hold, seed } = script;
  const market = marketOf(ticks);
  const middle = market.filter(({ ms }) => ms >= HEAD_MS && ms < HEAD_MS + MIDDLE_MS).map(({ nth }) => nth);
  const nthOf = (drawn: readonly number[]) =>
    new Set(middle.length === 0 ? [] : drawn.map((i) => middle[i % middle.length]!));
  const providers = script.providers.map(
    ({ outages, lost, twice, history }, nth): FaultyProvider => ({
      name: `p${nth}`,
      nth,
      outages,
      lost: nthOf(lost),
      twice: nthOf(twice),
      history,
    }),
  );
  const clock = new VirtualClock({ now: 1_000_000n, wall: at(0) });
  const given: Stream = [];
  const kept = keepingSink();
  const pipeline = createPipeline(
    uncheckedSpec({
      name: 'routed',
      seed,
      source: {
        use: 'router',
        sources: providers.map(({ name, history }, _, [first]) => ({
          use: isOne ? first!.name : name,
          stream: 'trades',
          symbols: SYMBOLS,
          silence: false,
          ...(history && { backfill: { waitMax: `${WAIT_MS}ms` } }),
        })),
        standby,
        strategy,
        hold,
        coolDown: `${COOL_DOWN_MS}ms`,
        silence: '700ms',
        backOff: '20ms',
        backOffMax: '300ms',
      },
      operators: [
        { use: 'watching' },
        // What a stream did not send is known with its next row.
        { use: 'bars', every: `${BAR_MS}ms`, lateness: mayMute ? '1h' : '0s' },
      ],
      batcher: { maxDelayMs: 1 },
      sink: { use: 'null' },
    }),
    {
      clock,
      components: [
        ...providers.map((one) =>
          marketProvider(market, one, hasNumbers ? NUMBERS_BY_SYMBOL : undefined, () => clock),
        ),
        watchingComponent((stream) => given.push(...stream)),
      ],
      sink: { create: () => kept.sink },
    },
  );
  await pipeline.build();
  const run = pipeline.run();
  const failbacks: number[] = [];
  let seen = 0;
  const endMs = HEAD_MS + MIDDLE_MS + TAIL_MS;
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 50) await clock.advance(50);
  };
  for (let ms = 0; ms < endMs; ms += 50) {
    await clock.advance(50);
    for (const entry of given.slice(seen))
      if (entry.type === 'switched' && entry.reason === 'failback') failbacks.push(ms);
    seen = given.length;
  }
  await pass(LATENCY_MS);
  let report: Awaited<typeof run> | undefined;
  void run.then((ended) => {
    report = ended;
  });
  void pipeline.drain();
  for (let ms = 0; !report && ms < 2_000; ms += 50) await pass(50);
  expect(report).toMatchObject({ outcome: 'completed', reason: 'drained' });
  expect(clock.timersPending).toBe(0);
  const rows = given.filter(isRow) as Row[];
  return {
    given,
    failbacks,
    rowsLate: report!.counters.rowsLate,
    oracle: new MarketOracle(market, rows, kept.stream.filter(isRow) as Row[]),
  };
}

/** Each change of sources has one record in front of it, which names both, and a reason. */
function checkSwitches(given: Stream): void {
  let told: Switched | undefined;
  let last: number | undefined;
  for (const entry of given) {
    if (entry.type === 'switched') {
      expect(told).toBe(undefined);
      told = entry as Switched;
    }
    if (!isRow(entry)) continue;
    const { provider } = senderOf((entry as Row).size as number);
    if (last !== undefined && (provider !== last || told)) {
      expect(told).toMatchObject({ from: `sources[${last}]`, to: `sources[${provider}]` });
      expect(['error', 'closed', 'silence', 'failback']).toContain(told!.reason);
    }
    told = undefined;
    last = provider;
  }
}

async function checked(
  conditions: Conditions,
  check: (run: Awaited<ReturnType<typeof played>>, script: Script) => void,
) {
  await fc.assert(
    fc.asyncProperty(scriptOf(conditions), async (script) => {
      const run = await played(script, conditions);
      if (!conditions.isOne) checkSwitches(run.given);
      for (const [i, ms] of run.failbacks.entries()) {
        if (i > 0) expect(ms - run.failbacks[i - 1]!).toBeGreaterThanOrEqual(COOL_DOWN_MS - TICK_MS);
      }
      check(run, script);
    }),
    {
      numRuns: Number(process.env.TICKLOOM_ROUNDS ?? tried(10, 25, 100)),
      endOnFailure: true,
      ...(process.env.TICKLOOM_SEED && { seed: Number(process.env.TICKLOOM_SEED) }),
    },
  );
}

/** Whether sources are open beside the current one. A quiet symbol of which they have had no row leaves their seam open. */
const hasProbes = ({ standby, strategy, providers }: Script): boolean =>
  providers.length > 1 && (standby === 'hot' || strategy === 'first');

describe('a router of providers with random faults, and the bars of its rows', () => {
  it('marks bars where rows with numbers are missing, and no others', async () => {
    await checked({ hasNumbers: true, hasHistory: fc.constant(false) }, ({ oracle, rowsLate }) => {
      expect(rowsLate).toBe(0);
      oracle.expectOrder();
      oracle.expectBarsOfRows();
      oracle.expectMarks('numbers');
    });
  }, 120_000);

  it('marks them where rows without numbers are missing', async () => {
    await checked({ hasNumbers: false, hasHistory: fc.constant(false) }, ({ oracle }) => {
      oracle.expectMarks('stream');
    });
  }, 120_000);

  it.each([
    ['with', true],
    ['without', false],
  ])(
    'has all of them, %s numbers, if each row that a stream has missed is in a history',
    async (_, hasNumbers) => {
      // Without numbers, rows of two providers cannot be compared.
      const conditions = { hasNumbers, isOne: !hasNumbers, hasHistory: fc.constant(true), isFlawless: true };
      await checked(conditions, ({ oracle, rowsLate }, script) => {
        expect(rowsLate).toBe(0);
        oracle.expectOrder();
        oracle.expectRows();
        oracle.expectBarsOfRows();
        if (hasProbes(script)) oracle.expectMarks('seams');
        else oracle.expectWhole();
      });
    },
    120_000,
  );

  it.each([
    ['with', true],
    ['without', false],
  ])(
    'closes none of them before what was missed is there, %s numbers',
    async (_, hasNumbers) => {
      const conditions = {
        hasNumbers,
        isOne: !hasNumbers,
        hasHistory: fc.constant(true),
        isFlawless: true,
        mayMute: false,
      };
      await checked(conditions, ({ oracle, rowsLate }, script) => {
        expect(rowsLate).toBe(0);
        oracle.expectRows();
        oracle.expectBarsOfRows();
        if (hasProbes(script)) oracle.expectMarks('seams');
        else oracle.expectWhole();
      });
    },
    120_000,
  );

  it('marks what no history had, and is whole elsewhere', async () => {
    await checked({ hasNumbers: true, hasHistory: fc.boolean() }, ({ oracle, rowsLate }) => {
      expect(rowsLate).toBe(0);
      oracle.expectOrder();
      oracle.expectBarsOfRows();
      oracle.expectMarks('history');
    });
  }, 120_000);
});
