import { describe, expect, it, vi } from 'vitest';
import { BreakerOpenError } from '../../../src/core/errors.js';
import type { Nanos } from '../../../src/core/units.js';
import type { CallPermit } from '../../../src/resilience/breaker/breaker-calls.js';
import { BreakerCells } from '../../../src/resilience/breaker/breaker-cells.js';
import { BreakerClient } from '../../../src/resilience/breaker/breaker-client.js';
import type { BreakerOptions } from '../../../src/resilience/breaker/breaker-options.js';
import { currentRules } from '../../../src/resilience/breaker/breaker-rules.js';
import { CallCounter, COUNT_CELL, readCallCounts } from '../../../src/resilience/breaker/call-counts.js';
import { classifyError } from '../../../src/resilience/breaker/classify.js';
import { CountWindow } from '../../../src/resilience/breaker/count-window.js';
import { FailureRun } from '../../../src/resilience/breaker/failure-run.js';
import { TimeWindow } from '../../../src/resilience/breaker/time-window.js';
import {
  BUCKET_CELLS,
  BUCKETS,
  BUCKETS_CELL,
  breakerBytes,
  CHANGE_CELL,
  CLOSED,
  epochOf,
  HALF_OPEN,
  HEAD_CELL,
  HELD_OPEN,
  nextEpoch,
  OPEN,
  OPEN_FOR_CELL,
  OPENED_AT_CELL,
  PROBE_OUT,
  packWord,
  RUN_CELL,
  SETTINGS_BLOCK_CELLS,
  SETTINGS_CELL,
  SETTINGS_VERSION_CELL,
  SHARD_BUCKET_CELLS,
  SIGNAL_CELL,
  STRIPE_CELLS,
  STRIPE_OWNER_CELL,
  STRIPES,
  STRIPES_CELL,
  STRIPES_USED_CELL,
  shardCell,
  stateOf,
  WORD_CELL,
} from '../../../src/shared-memory/breaker-memory.js';
import { glance } from '../../../src/shared-memory/glance.js';
import { DEEP } from '../../support/deep.js';
import {
  type Exploration,
  type Explored,
  explore as exploreAll,
  exploredGlances,
  KILLED,
  mark,
  ScheduleError,
  type Step,
} from '../../support/interleavings.js';
import { SimulatedClock } from '../../support/simulated-clock.js';
import { rethrow, settingsOf } from './breaker-fixtures.js';

vi.mock(
  '../../../src/shared-memory/glance.js',
  async () => (await import('../../support/interleavings.js')).exploredGlances,
);

const isOfSettings = (byte: number) =>
  byte >= 4 * SETTINGS_VERSION_CELL && byte < 8 * (SETTINGS_CELL + 2 * SETTINGS_BLOCK_CELLS);

/** Call counts and the two cells that wake others are only added to; settings stand still. */
const unobserved = (byte: number) =>
  isOfSettings(byte) ||
  byte === 4 * SIGNAL_CELL ||
  byte === 4 * CHANGE_CELL ||
  (byte >= 4 * STRIPES_CELL && byte < 4 * (STRIPES_CELL + STRIPES * STRIPE_CELLS));

/** Buckets of a time window but the first, for threads that all count at an instant of the first. */
const isOtherBucket = (byte: number) =>
  byte >= 8 * (BUCKETS_CELL + BUCKET_CELLS) && byte < 8 * (BUCKETS_CELL + BUCKETS * BUCKET_CELLS);

const explore = <Ghost = undefined>(exploration: Exploration<Ghost>): Explored =>
  exploreAll({ ...exploration, unobserved: (byte) => unobserved(byte) || isOtherBucket(byte) });

const EPOCH = 3;
const NOW = 5_000_000_000n;

/** A breaker as it is in shared memory, with no owner that could do anything. */
function memoryOf(state: number, options: Partial<BreakerOptions>, { openMs = 1_000 } = {}) {
  const settings = settingsOf(options);
  const memory = new SharedArrayBuffer(breakerBytes(settings));
  new BreakerCells(memory).settings.write(settings);
  const words = new Int32Array(memory);
  const longs = new BigInt64Array(memory);
  words[WORD_CELL] = packWord(state, 0, EPOCH);
  words[RUN_CELL] = EPOCH << 20;
  words[HEAD_CELL] = EPOCH << 20;
  longs[OPENED_AT_CELL] = state === CLOSED ? -9n : NOW - 1_000_000_000n;
  longs[OPEN_FOR_CELL] = BigInt(openMs) * 1_000_000n;
  /** The client of a thread, at an instant that stands still. */
  const client = (threadId: number, atMs = 0) => {
    const clock = new SimulatedClock({ now: NOW + BigInt(atMs) * 1_000_000n });
    const context = { clock, threadId, classify: classifyError, onCallbackError: rethrow };
    return new BreakerClient({ name: 'test', memory }, context);
  };
  return { memory, words, longs, settings, client, word: () => words[WORD_CELL]! };
}

const probesOf = (memory: SharedArrayBuffer) => currentRules(new BreakerCells(memory)).probes;

/** Asks for a permit. `undefined`: refused. */
function ask(client: BreakerClient): CallPermit | undefined {
  let permit: CallPermit;
  try {
    permit = client.permit();
  } catch (error) {
    if (error instanceof BreakerOpenError) return undefined;
    throw error;
  }
  mark('admitted');
  return permit;
}

const found = (exploration: () => Explored): ScheduleError => {
  try {
    exploration();
  } catch (error) {
    if (error instanceof ScheduleError) return error;
    throw error;
  }
  throw new Error('expected the explorer to find a schedule, found none');
};

const CAS = ['atomic', 'load-then-store'] as const;
type Cas = (typeof CAS)[number];

/** Holds for atomic steps, and is found broken without them. */
function provenBy(title: string, exploration: (cas: Cas) => Explored, reason: RegExp): void {
  it(title, () => {
    const { schedules, states } = exploration('atomic');
    expect(schedules).toBeGreaterThan(5n);
    expect(states).toBeGreaterThan(5);
  });
  it(`${title}: found broken when compare-and-swap is a load and a store`, () => {
    expect(found(() => exploration('load-then-store')).message).toMatch(reason);
  });
}

describe('the trip, in every interleaving', () => {
  function trip(threads: number, limit: number, cas: Cas, kill: boolean): Explored {
    const { memory, word, longs, client } = memoryOf(CLOSED, { failuresInRow: limit });
    const body = (threadId: number) => () => {
      const permit = ask(client(threadId));
      permit?.fail();
      return permit ? 'failed' : 'refused';
    };
    return explore<boolean>({
      memory,
      cas,
      kill,
      threads: Array.from({ length: threads }, (_, id) => body(id + 1)),
      ghost: {
        initial: false,
        next: (tripped, { marks }) => {
          if (tripped && marks.includes('admitted')) throw new Error('admitted after the trip');
          return tripped || stateOf(word()) === OPEN;
        },
      },
      check: (results) => {
        const killed = results.filter((result) => result === KILLED).length;
        if (stateOf(word()) === OPEN) {
          expect(epochOf(word())).toBe(EPOCH + 1);
          expect(longs[OPENED_AT_CELL]).toBe(NOW);
        } else if (killed === 0) {
          throw new Error('no trip after all failures');
        }
        // Whoever died and wherever: the failures that are left to come do open it.
        const survivor = client(9);
        for (let i = 0; i < limit; i++) ask(survivor)?.fail();
        expect(stateOf(word())).toBe(OPEN);
      },
    });
  }

  provenBy('trips with two threads', (cas) => trip(2, 2, cas, false), /no trip after all failures/);
  if (DEEP)
    provenBy('trips with three threads', (cas) => trip(3, 3, cas, false), /no trip after all failures/);
  it('admits nobody after the trip of one of several, whoever of them dies', () => {
    expect(trip(2, 1, 'atomic', true).schedules).toBeGreaterThan(50n);
    expect(trip(2, 2, 'atomic', true).schedules).toBeGreaterThan(100n);
  });

  it('opens on failures in a row exactly if they follow each other', () => {
    const { memory, words } = memoryOf(CLOSED, { failuresInRow: 2 });
    const order: string[] = [];
    const body = (failed: boolean) => () => {
      const run = new FailureRun(words, 2);
      const trips = run.record(EPOCH, failed);
      mark(failed ? 'F' : 'S');
      return trips;
    };
    explore<string>({
      memory,
      threads: [body(true), body(true), body(false)],
      ghost: { initial: '', next: (ghost, { marks }) => ghost + marks.join('') },
      // Each takes effect with its last step, so the marks are in the order of the outcomes.
      check: (results, _memory, ghost) => {
        order.push(ghost);
        expect(results.includes(true)).toBe(ghost.includes('FF'));
      },
    });
    expect(new Set(order)).toEqual(new Set(['FFS', 'FSF', 'SFF']));
  });
});

describe('probes, in every interleaving', () => {
  function claim(threads: number, probes: number, state: number, cas: Cas, kill = false): Explored {
    const openMs = state === OPEN ? 1_000 : 0;
    const { memory, word, client } = memoryOf(state, { probes, probeMsMax: 100 }, { openMs });
    const body = (threadId: number) => () => (ask(client(threadId)) ? 'admitted' : 'refused');
    return explore<number>({
      memory,
      cas,
      kill,
      threads: Array.from({ length: threads }, (_, id) => body(id + 1)),
      ghost: { initial: 0, next: (admitted, { marks }) => admitted + Number(marks.includes('admitted')) },
      atStep: (_memory, _step, admitted) => {
        if (admitted > probes) throw new Error('more probes than allowed');
      },
      check: (results, _memory, admitted) => {
        const dead = results.flatMap((result, id) => (result === KILLED ? [id + 1] : []));
        if (dead.length === 0) expect(admitted).toBe(Math.min(threads, probes));
        if (state === OPEN && dead.length < threads) {
          expect(word()).toBe(packWord(HALF_OPEN, 0, EPOCH + 1));
        }
        // What the dead held is to be had again: at once if somebody takes it back, else after the wait.
        const alive = results.filter((result) => result === 'admitted').length;
        const probesThere = probesOf(memory);
        const before = new Uint8Array(memory).slice();
        for (const threadId of dead) probesThere.reclaim(threadId);
        for (const threadId of dead) expect(probesThere.reclaim(threadId)).toBe(0);
        expect(takeAll(client(9))).toBe(probes - alive);
        new Uint8Array(memory).set(before);
        expect(takeAll(client(9, 99))).toBeLessThanOrEqual(probes - alive);
        new Uint8Array(memory).set(before);
        expect(takeAll(client(9, 102))).toBe(probes);
      },
    });
  }

  const takeAll = (client: BreakerClient): number => {
    let taken = 0;
    while (ask(client)) taken++;
    return taken;
  };

  const tooMany = /more probes than allowed/;
  provenBy('gives one probe to one of two threads', (cas) => claim(2, 1, HALF_OPEN, cas), tooMany);
  if (DEEP)
    provenBy('gives two probes to two of three threads', (cas) => claim(3, 2, HALF_OPEN, cas), tooMany);
  provenBy('begins to probe once, for two threads', (cas) => claim(2, 1, OPEN, cas), tooMany);
  it('begins to probe once, for as many threads as the time allows', () => {
    expect(claim(DEEP ? 3 : 2, 1, OPEN, 'atomic').schedules).toBeGreaterThan(20n);
  });
  it('leaks no probe of a thread that dies at any step', () => {
    expect(claim(2, 1, HALF_OPEN, 'atomic', true).schedules).toBeGreaterThan(20n);
    if (DEEP) expect(claim(3, 2, HALF_OPEN, 'atomic', false).schedules).toBeGreaterThan(100n);
    expect(claim(2, 1, OPEN, 'atomic', true).schedules).toBeGreaterThan(20n);
  });

  interface ReportGhost {
    readonly hasFailed: boolean;
    /** Of each thread that has begun: whether a probe had failed by then. */
    readonly began: Readonly<Record<number, boolean>>;
  }
  /** Threads that take a probe and end it, for a breaker that closes only if all succeed. */
  function report(
    ends: readonly ('succeed' | 'fail' | 'ignore' | 'keep')[],
    probes: number,
    kill = false,
    cas: Cas = 'atomic',
  ): Explored {
    const { memory, word, client } = memoryOf(HALF_OPEN, { probes, probeMsMax: 100 });
    const verdict = () => probesOf(memory).verdict(EPOCH);
    return explore<ReportGhost>({
      memory,
      cas,
      kill,
      threads: ends.map((end, id) => () => {
        const permit = ask(client(id + 1));
        if (permit && end !== 'keep') permit[end]();
        return permit ? end : 'refused';
      }),
      ghost: {
        initial: { hasFailed: false, began: {} },
        next: ({ hasFailed, began }, { thread, marks }: Step) => {
          const mayAsk = began[thread] ?? hasFailed;
          if (mayAsk && marks.includes('admitted')) throw new Error('admitted after a failed probe');
          return {
            hasFailed: hasFailed || verdict() === 'failed',
            began: { ...began, [thread]: mayAsk },
          };
        },
      },
      check: (results) => {
        // Only the owner leaves half-open.
        expect(word()).toBe(packWord(HALF_OPEN, 0, EPOCH));
        if (results.includes('fail')) expect(verdict()).toBe('failed');
        if (results.includes(KILLED)) return;
        const succeeded = results.filter((result) => result === 'succeed').length;
        if (!results.includes('fail'))
          expect(verdict()).toBe(succeeded >= probes ? 'succeeded' : 'undecided');
        if (verdict() !== 'undecided') expect(takeAll(client(9, 1_000))).toBe(0);
        else
          expect(takeAll(client(9))).toBe(
            probes - succeeded - results.filter((end) => end === 'keep').length,
          );
      },
    });
  }

  it('admits nobody who asks after a failed probe', () => {
    expect(report(['fail', 'keep'], 2).schedules).toBeGreaterThan(50n);
    expect(report(['fail', 'keep'], 2, true).schedules).toBeGreaterThan(100n);
  });

  it('counts each success once: found broken when compare-and-swap is a load and a store', () => {
    const { message } = found(() => report(['succeed', 'succeed'], 2, false, 'load-then-store'));
    expect(message).toMatch(/undecided|succeeded/);
  });

  it('counts each success once', () => {
    expect(report(['succeed', 'succeed'], 2).schedules).toBeGreaterThan(50n);
    if (DEEP) expect(report(['succeed', 'succeed', 'keep'], 2).schedules).toBeGreaterThan(1_000n);
  });

  it('has a probe to give after each ignored outcome', () => {
    expect(report(['ignore', 'ignore'], 1).schedules).toBeGreaterThan(20n);
    if (DEEP) expect(report(['ignore', 'ignore', 'succeed'], 1).schedules).toBeGreaterThan(100n);
  });

  it('admits nobody after a hold, and leaves no probe behind', () => {
    const { memory, word, client } = memoryOf(HALF_OPEN, { probes: 1 });
    const held = packWord(HELD_OPEN, 0, EPOCH + 1);
    const owner = () => {
      expect(new BreakerCells(memory).move(packWord(HALF_OPEN, 0, EPOCH), held)).toBe(true);
      probesOf(memory).forget(EPOCH);
    };
    explore<boolean>({
      memory,
      threads: [owner, () => ask(client(1))?.succeed(), () => ask(client(2))?.fail()],
      ghost: {
        initial: false,
        next: (isHeld, { marks }) => {
          if (isHeld && marks.includes('admitted')) throw new Error('admitted after the hold');
          return word() === held;
        },
      },
      check: () => expect(word()).toBe(held),
    });
  });

  it('does not wipe a probe of the next time while it forgets those of the last', () => {
    const { memory, word, longs, client } = memoryOf(HALF_OPEN, { probes: 1 }, { openMs: 0 });
    const opened = packWord(OPEN, 0, EPOCH + 1);
    const outcomes = new Set<unknown>();
    const owner = () => {
      new BreakerCells(memory).move(word0, opened);
      probesOf(memory).forget(EPOCH);
    };
    const word0 = word();
    probesOf(memory).report(probesOf(memory).claim(word0, NOW as Nanos, 5)!, word0, false);
    explore({
      memory,
      threads: [owner, () => (ask(client(1)) ? 'admitted' : 'refused')],
      check: ([, result]) => {
        outcomes.add(result);
        if (result !== 'admitted') return;
        expect(word()).toBe(packWord(HALF_OPEN, 0, nextEpoch(opened)));
        expect(probesOf(memory).outcome(0, EPOCH + 2)).toBe(PROBE_OUT);
      },
    });
    expect(outcomes).toEqual(new Set(['admitted', 'refused']));
    expect(longs[OPEN_FOR_CELL]).toBe(0n);
  });
});

describe('windows, in every interleaving', () => {
  /**
   * The window opens exactly if `size` outcomes that follow each other reach the rate. Each thread has one
   * outcome or several; a success that may be counted without a judgement is.
   */
  function countWindow(
    kinds: readonly string[],
    size: number,
    failureRate: number,
    { minimumVolume = size, before = '', weak = false } = {},
  ) {
    const kept = Math.min(before.length, size);
    const rates = { size, minimumVolume, failureRate };
    const { memory } = memoryOf(CLOSED, { countWindow: rates });
    const windowOf = () => new CountWindow(new BreakerCells(memory), rates);
    windowOf().begin(EPOCH, before);
    const ends = new Set<boolean>();
    explore({
      memory,
      weak,
      threads: kinds.map((calls) => () => {
        const window = windowOf();
        let opens = false;
        for (const kind of calls) {
          if (kind === 'S' && window.succeedQuietly(EPOCH)) continue;
          if (window.record(EPOCH, kind === 'F', false) !== 'none') opens = true;
        }
        return opens;
      }),
      check: (results) => {
        const all = new CountWindow(new BreakerCells(memory), { size: 30, minimumVolume: 1 });
        const entries = [...all.outcomes(EPOCH)].map((letter) => letter === 'f');
        expect(entries).toHaveLength(kept + kinds.join('').length);
        const isMet = entries.some((_, end) => {
          // What the epoch began with decides nothing by itself.
          if (end < kept) return false;
          const window = entries.slice(Math.max(0, end + 1 - size), end + 1);
          return (
            window.length >= minimumVolume && window.filter(Boolean).length / window.length >= failureRate
          );
        });
        const opens = results.includes(true);
        ends.add(opens);
        expect(opens).toBe(isMet);
      },
    });
    return [...ends].sort();
  }

  it('judges every run of outcomes of a count window, whoever writes last', () => {
    for (const rate of [0.5, 1]) countWindow(['F', 'F'], 2, rate, { weak: true });
    for (const kinds of DEEP ? ['FFS', 'FSS', 'FFF'] : ['FFS']) {
      for (const rate of DEEP ? [0.5, 0.6, 1] : [0.6]) countWindow([...kinds], 2, rate);
      countWindow([...kinds], 3, 2 / 3);
    }
    expect(countWindow([...'FFS'], 2, 1)).toEqual([false, true]);
    expect(countWindow([...'FSF'], 2, 1, { minimumVolume: 1 })).toEqual([true]);
  });

  it('judges the failures among successes of a count window that write no entry', () => {
    expect(countWindow(['SSS', 'FF'], 3, 2 / 3)).toEqual([false, true]);
    expect(countWindow(['SSS', 'FF'], 2, 1, { before: 'sf' })).toEqual([false, true]);
    const options = { minimumVolume: 3, before: 'f', weak: true };
    expect(countWindow(['SS', 'F'], 4, 0.6, options)).toEqual([false, true]);
    if (DEEP) expect(countWindow(['SSS', 'F', 'F'], 3, 2 / 3, { before: 'sss' })).toEqual([false, true]);
  });

  function timeWindow(kinds: string, failureRate: number, minimumVolume: number, cas: Cas): Explored {
    const { memory, words, longs } = memoryOf(CLOSED, { timeWindow: { failureRate, minimumVolume } });
    expect((Number(NOW) / 1e8) % BUCKETS).toBe(0);
    const failures = [...kinds].filter((kind) => kind === 'F').length;
    return explore({
      memory,
      cas,
      threads: [...kinds].map((kind) => () => {
        const window = new TimeWindow({ words, longs }, { lengthMs: 1_000, minimumVolume, failureRate });
        return window.record(EPOCH, kind === 'F', false, NOW as Nanos);
      }),
      check: (results) => {
        const isMet = kinds.length >= minimumVolume && failures / kinds.length >= failureRate;
        const opens = results.some((verdict) => verdict !== 'none');
        if (opens !== isMet) throw new Error(`opened: ${opens}, condition met: ${isMet}`);
      },
    });
  }

  provenBy(
    'counts all outcomes of a time window',
    (cas) => timeWindow('FF', 1, 2, cas),
    /condition met: true/,
  );
  it('opens on the whole of a time window, not on a part of it', () => {
    for (const [kinds, rate] of [
      ['FS', 0.5],
      ['FS', 0.6],
      ['FFS', 2 / 3],
      ['FSS', 0.4],
    ] as const) {
      timeWindow(kinds, rate, kinds.length, 'atomic');
    }
  });
});

describe('a time window in shards, in every interleaving and on weak memory', () => {
  const TICK = 100_000_000n;
  const T = Number(NOW / TICK) + BUCKETS;

  interface Caller {
    /** `S`, `F`, and slow ones: `s`, `f`. A success that may be counted without a look at the clock is. */
    readonly calls: string;
    /** Ticks after `NOW`, or before. */
    readonly ticks?: number;
    /** Has no shard of its own. */
    readonly shared?: boolean;
  }
  interface Rates {
    readonly minimumVolume: number;
    readonly failureRate?: number;
    readonly slowCallRate?: number;
  }

  function shards(callers: readonly Caller[], rates: Rates, before: readonly Caller[] = []) {
    const { memory, words, longs } = memoryOf(CLOSED, { timeWindow: { failureRate: 1 } });
    words[STRIPES_USED_CELL] = callers.length;
    const call = ({ calls, ticks = 0, shared = false }: Caller, stripe: number): boolean => {
      const clock = new SimulatedClock();
      const guard = { clock, shard: shared ? undefined : shardCell(stripe) };
      const window = new TimeWindow({ words, longs }, { lengthMs: 1_000, ...rates }, guard);
      const now = (NOW + BigInt(ticks) * TICK) as Nanos;
      let opens = false;
      for (const kind of calls) {
        if (kind === 'S' && window.isQuiet(EPOCH)) window.succeedQuietly();
        else if (window.record(EPOCH, /f/i.test(kind), /[sf]/.test(kind), now) !== 'none') opens = true;
      }
      return opens;
    };
    // Of the same threads, so in the same shards.
    for (const [id, caller] of before.entries()) call(caller, id + 1);
    const gauge = (ticks = 0) =>
      new TimeWindow({ words, longs }, { lengthMs: 1_000, ...rates }).gauge(
        EPOCH,
        (NOW + BigInt(ticks) * TICK) as Nanos,
      );
    const isMet = (ticks: number) => {
      const { volume, failureRate, slowCallRate } = gauge(ticks);
      return (
        volume >= rates.minimumVolume &&
        ((rates.failureRate !== undefined && failureRate >= rates.failureRate) ||
          (rates.slowCallRate !== undefined && slowCallRate >= rates.slowCallRate))
      );
    };
    const ends = new Set<boolean>();
    const last = Math.max(...callers.map(({ ticks = 0 }) => ticks));
    const used = new Set<number>();
    for (const { ticks = 0 } of [...callers, ...before]) used.add((T + ticks) % BUCKETS);
    const isOther = (byte: number) => {
      const shard = byte - 4 * shardCell(1);
      if (shard >= 0 && byte < 4 * shardCell(STRIPES)) {
        const bucket = Math.floor((shard % 256) / (4 * SHARD_BUCKET_CELLS));
        return bucket < BUCKETS && !used.has(bucket); // behind them is the tick of the owner
      }
      const bucket = byte - 8 * BUCKETS_CELL;
      return bucket >= 0 && bucket < 240 && !used.has(Math.floor(bucket / (8 * BUCKET_CELLS)));
    };
    const explored = exploreAll<boolean>({
      memory,
      weak: true,
      unobserved: (byte) => unobserved(byte) || byte === 4 * STRIPES_USED_CELL || isOther(byte),
      threads: callers.map((caller, id) => () => call(caller, id + 1)),
      // Whether the condition was met at some instant, as memory was then.
      ghost: {
        initial: isMet(0),
        next: (wasMet) => wasMet || callers.some(({ ticks = 0 }) => isMet(ticks)),
      },
      check: (results, _memory, wasMet) => {
        const opens = results.includes(true);
        ends.add(opens);
        if (opens && !wasMet) throw new Error('opened, and the condition was never met');
        if (!opens && isMet(last)) throw new Error('did not open, and the condition is met');
        const { volume, failed } = gauge();
        if (before.length > 0) return;
        expect(volume).toBe(callers.reduce((sum, { calls }) => sum + calls.length, 0));
        expect(failed).toBe(callers.reduce((sum, { calls }) => sum + calls.replace(/s/gi, '').length, 0));
      },
    });
    return { ...explored, ends: [...ends].sort() };
  }

  const half = { minimumVolume: 2, failureRate: 0.5 };

  it('sees all failures of two threads, though each writes cells of its own', () => {
    const { ends, schedules } = shards([{ calls: 'F' }, { calls: 'F' }], {
      minimumVolume: 2,
      failureRate: 1,
    });
    expect(ends).toEqual([true]);
    expect(schedules).toBeGreaterThan(1_000n);
    expect(
      shards([{ calls: 'F' }, { calls: 'F', shared: true }], { minimumVolume: 2, failureRate: 1 }).ends,
    ).toEqual([true]);
  });

  it('opens on what was there at some instant, and never less, with successes that are seen late', () => {
    expect(shards([{ calls: 'SSSS' }, { calls: 'FF' }], half).ends).toEqual([false, true]);
    expect(shards([{ calls: 'SF' }, { calls: 'F' }], { minimumVolume: 3, failureRate: 0.6 }).ends).toEqual([
      true,
    ]);
    expect(shards([{ calls: 'SSS', shared: true }, { calls: 'FF' }], half).ends).toEqual([false, true]);
  });

  it('counts a slow call as a call first', () => {
    const slow = { minimumVolume: 2, slowCallRate: 1 };
    expect(shards([{ calls: 's' }, { calls: 's' }], slow).ends).toEqual([true]);
    expect(shards([{ calls: 'sS' }, { calls: 'f' }], slow).ends).toEqual([false, true]);
    expect(shards([{ calls: 's', shared: true }, { calls: 'S' }], slow).ends).toEqual([false]);
    // Of two calls, one is slow: never all of them.
    const most = { minimumVolume: 1, slowCallRate: 0.6 };
    for (const shared of [false, true]) {
      const before = [{ calls: '' }, { calls: 'S', shared }];
      expect(
        shards(
          [
            { calls: 's', shared },
            { calls: 'S', shared },
          ],
          most,
          before,
        ).ends,
      ).toEqual([false]);
    }
  });

  it.each([false, true])(
    'drops the failures of a part together with its successes, whoever moves on (shared: %s)',
    (shared) => {
      const rates = { minimumVolume: 1, failureRate: 0.6 };
      // In the oldest part 3 of 4 succeeded: 2 of 5 have failed with the next failure, and 1 of 2 without it.
      const before = [{ calls: 'SSSF', ticks: -9, shared }];
      const callers = [{ calls: 'S', ticks: 1, shared }, { calls: 'F' }];
      if (DEEP) expect(shards(callers, rates, before).ends).toEqual(shared ? [false] : [false, true]);
      expect(shards(callers, { minimumVolume: 2, failureRate: 0.6 }, before).ends).toEqual([false]);
    },
  );

  it('leaves out no successes of a part while its bucket is cleared', () => {
    const before = [
      { calls: 'SSS', ticks: -9 },
      { calls: 'F', ticks: -9 },
    ];
    const callers = [{ calls: 'S', ticks: 1 }, { calls: 'F' }];
    expect(shards(callers, { minimumVolume: 2, failureRate: 0.6 }, before).ends).toEqual([false]);
  });

  it('is moved on by the latest clock of all', () => {
    const rates = { minimumVolume: 2, failureRate: 1 };
    const before = [{ calls: 'S', ticks: -9 }];
    expect(shards([{ calls: 'F', ticks: 1 }, { calls: 'F' }], rates, before).ends).toEqual([true]);
  });
});

describe('glances of a breaker, in every interleaving and on weak memory', () => {
  /** What a thread finds that knows by an atomic load that another is through, and one that does not. */
  function found(first: () => void, look: () => unknown, memory: SharedArrayBuffer): readonly string[] {
    const known = new Int32Array(memory);
    const KNOWN = RUN_CELL + 1; // nobody uses it
    const seen = new Set<string>();
    explore({
      memory,
      weak: true,
      threads: [
        () => {
          first();
          Atomics.store(known, KNOWN, 1);
        },
        () => `${Atomics.load(known, KNOWN) === 1 ? 'known' : 'not known'}: ${look()}`,
      ],
      check: ([, result]) => void seen.add(result as string),
    });
    return [...seen].sort();
  }

  it('are steps here', () => {
    expect(glance).toBe(exploredGlances.glance);
  });

  it('show the trip to whoever knows of it', () => {
    const { memory, words, client } = memoryOf(CLOSED, { failuresInRow: 1 });
    const seen = found(
      () => ask(client(1))?.fail(),
      () => stateOf(glance(words, WORD_CELL)) === CLOSED,
      memory,
    );
    expect(seen).toEqual(['known: false', 'not known: false', 'not known: true']);
  });

  it('show a failure to a success that comes after it', () => {
    const { memory, words } = memoryOf(CLOSED, { failuresInRow: 3 });
    const run = () => new FailureRun(words, 3);
    const seen = found(
      () => void run().record(EPOCH, true),
      () => run().isQuiet(EPOCH),
      memory,
    );
    expect(seen).toEqual(['known: false', 'not known: false', 'not known: true']);
  });

  it('count no success as one of a breaker that is known to be open', () => {
    for (const settings of [
      { timeWindow: { failureRate: 1, minimumVolume: 1 } },
      { countWindow: { size: 1, failureRate: 1 } },
    ]) {
      const { memory, client, words } = memoryOf(CLOSED, settings);
      const permit = client(2).permit();
      const before = readCallCounts(words);
      const seen = found(
        () => ask(client(1))?.fail(),
        () => {
          permit.succeed();
          return 'told';
        },
        memory,
      );
      expect(seen).toEqual(['known: told', 'not known: told']);
      expect(readCallCounts(words)).toEqual(before);
    }
  });
});

describe('the counts of calls, in every interleaving', () => {
  it('are never read half-way through a carry', () => {
    for (const before of [2 ** 31 - 2, 2 ** 32 - 2]) {
      const { memory, words } = memoryOf(CLOSED, {});
      // Every place but the shared one is taken.
      for (let stripe = 1; stripe < STRIPES; stripe++) new CallCounter(words, stripe);
      words.set([before | 0, Math.floor(before / 2 ** 31)], STRIPES_CELL);
      const seen = new Set<number>();
      const count = () => new CallCounter(words, 99).count(COUNT_CELL.succeeded);
      exploreAll({
        memory,
        threads: [count, count, () => readCallCounts(words).succeeded],
        // Places of others stand still.
        unobserved: (byte) => byte >= 4 * (STRIPES_CELL + 2),
        check: (results) => void seen.add(results[2] as number),
      });
      expect([...seen].sort()).toEqual([before, before + 1, before + 2]);
    }
  });

  /** Threads that take the one free place and give it back. */
  function claim(threads: number, cas: Cas): Explored {
    const { memory, words } = memoryOf(CLOSED, {});
    for (let stripe = 1; stripe < STRIPES - 1; stripe++) new CallCounter(words, 100 + stripe);
    const owner = STRIPES_CELL + (STRIPES - 1) * STRIPE_CELLS + STRIPE_OWNER_CELL;
    return exploreAll<number>({
      memory,
      cas,
      threads: Array.from({ length: threads }, (_, id) => () => {
        for (let job = 0; job < 2; job++) new CallCounter(words, id + 1).release();
      }),
      // Places of others stand still, and the cells of one are its owner's alone.
      unobserved: (byte) => byte !== 4 * owner,
      ghost: {
        initial: 0,
        next: (before) => {
          const now = words[owner]!;
          if (before !== 0 && now !== 0 && now !== before) throw new Error('a place of two threads');
          return now;
        },
      },
      check: () => {
        if (words[owner] !== 0) throw new Error('a place was not given back');
      },
    });
  }

  provenBy('have one owner for each place, for two threads', (cas) => claim(2, cas), /a place/);
  it('have one owner for each place, for as many threads as the time allows', () => {
    expect(claim(DEEP ? 3 : 2, 'atomic').schedules).toBeGreaterThan(20n);
  });
});

describe('a change of options, in every interleaving', () => {
  it('is read as a whole', () => {
    const { memory, settings } = memoryOf(CLOSED, { failuresInRow: 1 });
    const changed = [2, 3].map((limit) => ({ ...settings, failuresInRow: limit, probes: limit }));
    const seen = new Set<unknown>();
    exploreAll({
      memory,
      threads: [
        () => {
          for (const each of changed) new BreakerCells(memory).settings.write(each);
        },
        () => {
          const { failuresInRow, probes } = new BreakerCells(memory).settings.read().settings;
          return `${failuresInRow} in a row, ${probes} probes`;
        },
      ],
      check: ([, read]) => void seen.add(read),
    });
    expect([...seen].sort()).toEqual([
      '1 in a row, 1 probes',
      '2 in a row, 2 probes',
      '3 in a row, 3 probes',
    ]);
  });

  it('and a trip at the same time: one of them comes first, and no instant of the other stays', () => {
    const { memory, word, longs, client } = memoryOf(CLOSED, { failuresInRow: 1 });
    const ends = new Set<string>();
    const before = word();
    const next = packWord(CLOSED, 0, EPOCH + 1);
    explore({
      memory,
      threads: [
        () => {
          const cells = new BreakerCells(memory);
          currentRules(cells).conditions.begin(EPOCH + 1, NOW as Nanos);
          return cells.move(before, next);
        },
        () => ask(client(1))?.fail(),
      ],
      check: ([hasChanged]) => {
        const isOpen = stateOf(word()) === OPEN;
        // A call that begins after the change may open the breaker that was changed.
        if (isOpen) expect(epochOf(word())).toBe(EPOCH + (hasChanged ? 2 : 1));
        else expect([hasChanged, word()]).toEqual([true, next]);
        ends.add(`changed ${hasChanged}, open ${isOpen}`);
        // Whoever came first: the next failure finds the breaker as it should.
        ask(client(2, 5))?.fail();
        expect(longs[OPENED_AT_CELL]).toBe(isOpen ? NOW : NOW + 5_000_000n);
        expect(stateOf(word())).toBe(OPEN);
      },
    });
    expect([...ends].sort()).toEqual([
      'changed false, open true',
      'changed true, open false',
      'changed true, open true',
    ]);
  });

  it('keeps what a time window holds, though calls from before it end meanwhile', () => {
    const { memory, words, longs } = memoryOf(CLOSED, { timeWindow: { failureRate: 1 } });
    const windowOf = () =>
      new TimeWindow({ words, longs }, { lengthMs: 1_000, minimumVolume: 1, failureRate: 1 });
    explore({
      memory,
      threads: [
        () => windowOf().begin(EPOCH + 1, [{ ageMs: 0, succeeded: 2, failed: 3, slow: 0 }], NOW as Nanos),
        () => windowOf().record(EPOCH, true, false, NOW as Nanos),
      ],
      check: () => expect(windowOf().gauge(EPOCH + 1, NOW as Nanos)).toMatchObject({ volume: 5, failed: 3 }),
    });
  });
});
