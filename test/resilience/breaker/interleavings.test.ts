import { describe, expect, it } from 'vitest';
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
import type { RateVerdict } from '../../../src/resilience/breaker/rate-limits.js';
import { TimeWindow } from '../../../src/resilience/breaker/time-window.js';
import {
  BREAKER_BYTES_MIN,
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
  SIGNAL_CELL,
  STRIPE_CELLS,
  STRIPE_OWNER_CELL,
  STRIPES,
  STRIPES_CELL,
  stateOf,
  WORD_CELL,
} from '../../../src/shared-memory/breaker-memory.js';
import { DEEP } from '../../support/deep.js';
import {
  type Exploration,
  type Explored,
  explore as exploreAll,
  KILLED,
  mark,
  ScheduleError,
  type Step,
} from '../../support/interleavings.js';
import { SimulatedClock } from '../../support/simulated-clock.js';
import { rethrow, settingsOf } from './breaker-fixtures.js';

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
  provenBy('trips with three threads', (cas) => trip(3, 3, cas, false), /no trip after all failures/);
  it('admits nobody after the trip of one of several, whoever of them dies', () => {
    expect(trip(2, 1, 'atomic', true).schedules).toBeGreaterThan(50n);
    expect(trip(2, 2, 'atomic', true).schedules).toBeGreaterThan(100n);
    if (DEEP) expect(trip(3, 1, 'atomic', true).schedules).toBeGreaterThan(1_000n);
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
  provenBy('gives two probes to two of three threads', (cas) => claim(3, 2, HALF_OPEN, cas), tooMany);
  provenBy('begins to probe once, for two threads', (cas) => claim(2, 1, OPEN, cas), tooMany);
  it('begins to probe once, for as many threads as the time allows', () => {
    expect(claim(DEEP ? 3 : 2, 1, OPEN, 'atomic').schedules).toBeGreaterThan(20n);
  });
  it('leaks no probe of a thread that dies at any step', () => {
    expect(claim(2, 1, HALF_OPEN, 'atomic', true).schedules).toBeGreaterThan(20n);
    expect(claim(3, 2, HALF_OPEN, 'atomic', DEEP).schedules).toBeGreaterThan(100n);
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
    if (!DEEP) return;
    expect(report(['fail', 'keep', 'succeed'], 2).schedules).toBeGreaterThan(1_000n);
    expect(report(['fail', 'keep', 'keep'], 2, true).schedules).toBeGreaterThan(1_000n);
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
    expect(report(['ignore', 'ignore', 'succeed'], 1).schedules).toBeGreaterThan(100n);
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
  const isFailure = (entry: number) => (entry & 2) !== 0;

  /** The window opens exactly if `size` outcomes that follow each other reach the rate. */
  function countWindow(kinds: string, size: number, failureRate: number, minimumVolume = size) {
    const { memory, words } = memoryOf(CLOSED, { countWindow: { size, minimumVolume, failureRate } });
    const opened = { yes: 0, no: 0 };
    explore({
      memory,
      threads: [...kinds].map((kind) => () => {
        const window = new CountWindow(new BreakerCells(memory), { size, minimumVolume, failureRate });
        return window.record(EPOCH, kind === 'F', false);
      }),
      check: (results) => {
        const entries = Array.from({ length: words[HEAD_CELL]! }, (_, at) =>
          isFailure(words[BREAKER_BYTES_MIN / 4 + at]!),
        );
        const isMet = entries.some((_, end) => {
          const window = entries.slice(Math.max(0, end + 1 - size), end + 1);
          return (
            window.length >= minimumVolume && window.filter(Boolean).length / window.length >= failureRate
          );
        });
        const opens = results.some((verdict) => (verdict as RateVerdict) !== 'none');
        opened[opens ? 'yes' : 'no']++;
        expect(opens).toBe(isMet);
      },
    });
    return opened;
  }

  it('judges every run of outcomes of a count window, whoever writes last', () => {
    expect(countWindow('FSF', 2, 1)).toMatchObject({ yes: expect.any(Number), no: expect.any(Number) });
    for (const rate of [0.5, 1]) countWindow('FF', 2, rate);
    for (const kinds of ['FFS', 'FSS', 'FFF']) {
      for (const rate of [0.5, 0.6, 1]) countWindow(kinds, 2, rate);
      countWindow(kinds, 3, 2 / 3);
    }
    const { yes, no } = countWindow('FFS', 2, 1);
    expect(Math.min(yes, no)).toBeGreaterThan(0);
  });

  function timeWindow(kinds: string, failureRate: number, minimumVolume: number, cas: Cas): Explored {
    const { memory, longs } = memoryOf(CLOSED, { timeWindow: { failureRate, minimumVolume } });
    expect((Number(NOW) / 1e8) % BUCKETS).toBe(0);
    const failures = [...kinds].filter((kind) => kind === 'F').length;
    return explore({
      memory,
      cas,
      threads: [...kinds].map((kind) => () => {
        const window = new TimeWindow(longs, { lengthMs: 1_000, minimumVolume, failureRate });
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
    const { memory, longs } = memoryOf(CLOSED, { timeWindow: { failureRate: 1 } });
    const windowOf = () => new TimeWindow(longs, { lengthMs: 1_000, minimumVolume: 1, failureRate: 1 });
    explore({
      memory,
      threads: [
        () => windowOf().restore(EPOCH + 1, [{ ageMs: 0, succeeded: 2, failed: 3, slow: 0 }], NOW as Nanos),
        () => windowOf().record(EPOCH, true, false, NOW as Nanos),
      ],
      check: () => expect(windowOf().gauge(EPOCH + 1, NOW as Nanos)).toMatchObject({ volume: 5, failed: 3 }),
    });
  });
});
