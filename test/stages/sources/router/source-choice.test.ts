import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../../src/core/random.js';
import {
  SourceChoice,
  type SourceChoiceSettings,
  type SourceFailure,
} from '../../../../src/stages/sources/router/source-choice.js';
import { STRATEGIES } from '../../../../src/stages/sources/router/strategies.js';

const SECOND = 1_000_000_000n;
const ERROR: SourceFailure = { reason: 'error', mayRecover: true };

/** A choice with a clock in seconds, whose sources open at once. */
function choosing(count: number, settings: Partial<SourceChoiceSettings> = {}) {
  let now = 0n;
  const choice = new SourceChoice({
    strategy: 'first',
    weights: Array.from({ length: count }, () => 1),
    mayStandBy: Array.from({ length: count }, () => true),
    isHot: false,
    holdNs: 30n * SECOND,
    coolDownNs: 60n * SECOND,
    restNs: { min: SECOND, max: 60n * SECOND },
    random: () => 0.5,
    ...settings,
  });
  const open = new Set<number>();
  /** Does what the plan says. */
  const plan = () => {
    const { current, open: wanted, askAt } = choice.plan(now);
    for (const [i, isWanted] of wanted.entries()) {
      if (isWanted && !open.has(i)) {
        open.add(i);
        choice.opened(i);
      } else if (!isWanted && open.has(i)) {
        open.delete(i);
        choice.closed(i);
      }
    }
    return { current, askAt };
  };
  const current = () => plan().current;
  return {
    choice,
    open,
    current,
    plan,
    now: () => now,
    pass: (seconds: number) => {
      now += BigInt(Math.round(seconds * 1e9));
    },
    rows: (source: number) => choice.gaveRows(source, now),
    fail: (source: number, failure = ERROR) => {
      open.delete(source);
      choice.failed(source, failure, now);
    },
  };
}

describe('the choice of a source', () => {
  it('is the first one that may be tried', () => {
    const { current, fail, open } = choosing(3);
    expect(current()).toBe(0);
    expect([...open]).toEqual([0]);
    fail(0);
    expect(current()).toBe(1);
    fail(1);
    expect(current()).toBe(2);
  });

  it('goes back after the hold, if rows came at its begin and at its end', () => {
    const { current, fail, rows, pass, open, choice } = choosing(2);
    current();
    fail(0);
    expect(current()).toBe(1);
    pass(0.6); // its rest is over
    current();
    expect([...open].sort()).toEqual([0, 1]);
    pass(5);
    rows(0);
    pass(29);
    rows(0);
    expect(current()).toBe(1);
    pass(1);
    expect(current()).toBe(1); // no row says that it still works
    rows(0);
    expect(current()).toBe(0);
    expect(choice.left).toBe('failback');
    expect([...open]).toEqual([0]);
  });

  it('begins the hold anew when a probe fails', () => {
    const { current, fail, rows, pass } = choosing(2);
    current();
    fail(0);
    current();
    pass(1);
    current();
    rows(0);
    pass(29);
    rows(0);
    fail(0);
    current();
    pass(10);
    current();
    rows(0);
    pass(20);
    rows(0);
    expect(current()).toBe(1);
    pass(10);
    rows(0);
    expect(current()).toBe(0);
  });

  it('waits with a second move by choice for the cool-down, and with none away from one that fails', () => {
    const { current, fail, rows, pass, now, plan } = choosing(2, { holdNs: 0n });
    current();
    fail(0);
    current();
    pass(1);
    current();
    rows(0);
    expect(current()).toBe(0); // moved by choice
    const movedAt = now();
    pass(1);
    fail(0);
    expect(current()).toBe(1); // at once
    pass(2);
    current();
    rows(0);
    expect(current()).toBe(1);
    expect(plan().askAt).toBe(movedAt + 60n * SECOND);
    pass(57);
    expect(current()).toBe(0);
  });

  it('rests longer and longer, by chance up to a cap, until a source has given rows for a stable time', () => {
    const rests = (fails: number, drawn: number) => {
      const { current, fail, choice, now, pass } = choosing(1, { random: () => drawn });
      return Array.from({ length: fails }, () => {
        current();
        fail(0);
        const { askAt } = choice.plan(now());
        const rest = askAt === undefined ? 0 : Number(askAt - now()) / 1e9;
        pass(rest);
        return rest;
      });
    };
    expect(rests(8, 0.5)).toEqual([0.5, 1, 2, 4, 8, 16, 30, 30]);
    expect(rests(3, 0)).toEqual([0, 0, 0]); // full jitter
    const { current, fail, rows, pass, choice, now } = choosing(1);
    for (let i = 0; i < 3; i++) {
      current();
      fail(0);
      pass(60);
    }
    current();
    rows(0);
    pass(29);
    rows(0);
    fail(0);
    expect(Number(choice.plan(now()).askAt! - now()) / 1e9).toBe(4);
    pass(4);
    current();
    rows(0);
    pass(30);
    rows(0);
    fail(0);
    expect(Number(choice.plan(now()).askAt! - now()) / 1e9).toBe(0.5);
  });

  it('leaves a source alone for as long as its provider asks', () => {
    const { current, fail, pass, choice, now } = choosing(1);
    current();
    fail(0, { ...ERROR, retryAfterNs: 7n * SECOND });
    expect(choice.areAllDown(now())).toBe(true);
    pass(6.9);
    expect(current()).toBeUndefined();
    pass(0.1);
    expect(current()).toBe(0);
  });

  it('leaves a source alone for good whose error does not go away', () => {
    const { current, fail, pass, choice, open } = choosing(2);
    current();
    fail(0, { reason: 'error', mayRecover: false });
    expect(current()).toBe(1);
    pass(10_000);
    current();
    expect([...open]).toEqual([1]);
    fail(1, { reason: 'error', mayRecover: false });
    expect(choice.areAllOut).toBe(true);
    expect(current()).toBeUndefined();
  });

  it('takes one that is ready before one that would have to be opened', () => {
    const { current, fail, rows, pass, open } = choosing(3, { isHot: true, random: () => 0.99 });
    current();
    expect([...open].sort()).toEqual([0, 1]);
    fail(1);
    current();
    expect([...open].sort()).toEqual([0, 2]);
    rows(2);
    pass(1); // the rest of 1 is over
    fail(0);
    expect(current()).toBe(2);
  });

  it('is not moved by silence once all have been silent, until one has a row', () => {
    const { current, fail, rows, choice, pass, now } = choosing(3);
    const silent = (source: number) => fail(source, { reason: 'silence', mayRecover: true });
    current();
    expect(choice.helpsAgainstSilence(now())).toBe(true);
    silent(0);
    expect(current()).toBe(1);
    silent(1);
    expect(current()).toBe(2);
    expect(choice.helpsAgainstSilence(now())).toBe(false); // nobody trades
    pass(100);
    current();
    rows(2);
    expect(choice.helpsAgainstSilence(now())).toBe(true);
  });

  it.each(['first', 'round-robin', 'weighted'] as const)(
    'tries every source after silence before it tries one again (%s)',
    (strategy) => {
      const { current, fail, pass } = choosing(4, { strategy, random: () => 0 });
      const seen: unknown[] = [];
      for (let i = 0; i < 4; i++) {
        seen.push(current());
        fail(seen[i] as number, { reason: 'silence', mayRecover: true });
        pass(120); // longer than any rest
      }
      expect(seen.sort()).toEqual([0, 1, 2, 3]);
    },
  );

  it('is not moved by silence while the others rest', () => {
    const { current, fail, choice, pass, now } = choosing(2);
    current();
    fail(0);
    expect(current()).toBe(1);
    expect(choice.helpsAgainstSilence(now())).toBe(false);
    pass(1);
    expect(choice.helpsAgainstSilence(now())).toBe(true);
  });

  it('does not open sources beside the current one whose rows are not lost', () => {
    const { current, fail, rows, pass, open } = choosing(3, {
      isHot: true,
      mayStandBy: [false, false, true],
    });
    current();
    expect([...open].sort()).toEqual([0, 2]);
    rows(2);
    fail(0);
    expect(current()).toBe(2);
    pass(60);
    expect(current()).toBe(2);
    expect([...open]).toEqual([2]);
  });

  it('goes round, and goes on after a restart', () => {
    const { current, fail, pass, open } = choosing(3, { strategy: 'round-robin' });
    const seen: unknown[] = [];
    for (let i = 0; i < 5; i++) {
      seen.push(current());
      expect(open.size).toBe(1); // no way back, so nothing to prove
      fail(seen[i] as number);
      pass(100);
    }
    expect(seen).toEqual([0, 1, 2, 0, 1]);
    const again = choosing(3, { strategy: 'round-robin' });
    again.choice.goOnWith(1, true);
    expect(again.current()).toBe(2);
  });

  it('is the one that gives a row first, and stays', () => {
    const { current, rows, open, fail, pass } = choosing(3, { strategy: 'fastest' });
    expect(current()).toBeUndefined();
    expect([...open]).toEqual([0, 1, 2]);
    rows(1);
    expect(current()).toBe(1);
    expect([...open]).toEqual([1]);
    pass(1_000);
    expect(current()).toBe(1);
    fail(1);
    expect(current()).toBeUndefined();
    expect([...open].sort()).toEqual([0, 2]);
  });

  it('is drawn by weight', () => {
    const random = new Random(7);
    const count = [0, 0, 0];
    for (let i = 0; i < 4_000; i++) {
      const { current } = choosing(3, {
        strategy: 'weighted',
        weights: [1, 2, 5],
        random: () => random.next(),
      });
      count[current()!]!++;
    }
    expect(count.map((drawn) => Math.round(drawn / 500))).toEqual([1, 2, 5]);
  });

  it('moves to one that is ready for a gap, within the cool-down', () => {
    const { current, rows, choice, pass, now } = choosing(2, { isHot: true });
    current();
    expect(choice.moveForGap(now())).toBe(false); // the other has no row
    rows(1);
    expect(choice.moveForGap(now())).toBe(true);
    expect(current()).toBe(1);
    expect(choice.left).toBe('gap');
    rows(0);
    expect(choice.moveForGap(now())).toBe(false);
    pass(60);
    rows(0);
    expect(choice.moveForGap(now())).toBe(true);
  });
});

describe('under random faults, the choice', () => {
  const script = fc.array(
    fc.record({
      source: fc.nat(3),
      what: fc.constantFrom('rows', 'rows', 'rows', 'fail', 'silence', 'out', 'gap'),
      passes: fc.integer({ min: 0, max: 40 }),
    }),
    { maxLength: 120 },
  );
  const world = fc.record({
    script,
    strategy: fc.constantFrom(...STRATEGIES),
    count: fc.integer({ min: 1, max: 4 }),
    isHot: fc.boolean(),
    seed: fc.nat(),
    hold: fc.integer({ min: 0, max: 30 }),
    coolDown: fc.integer({ min: 0, max: 60 }),
  });

  it('never reads a source that rests or is out, opens few, and moves by choice no more often than the cool-down lets it', () => {
    fc.assert(
      fc.property(world, ({ script: steps, strategy, count, isHot, seed, hold, coolDown }) => {
        const random = new Random(seed);
        const rig = choosing(count, {
          strategy,
          isHot,
          holdNs: BigInt(hold) * SECOND,
          coolDownNs: BigInt(coolDown) * SECOND,
          random: () => random.next(),
        });
        const moves: bigint[] = [];
        const out = new Set<number>();
        let before = rig.current();
        const look = () => {
          const current = rig.current();
          if (
            before !== undefined &&
            current !== undefined &&
            current !== before &&
            rig.choice.left === 'failback'
          ) {
            moves.push(rig.now());
          }
          before = current;
          if (current !== undefined) {
            expect(out.has(current)).toBe(false);
            expect(rig.open.has(current)).toBe(true);
          }
          for (const source of rig.open) expect(out.has(source)).toBe(false);
          if (strategy === 'round-robin' || strategy === 'weighted') {
            expect(rig.open.size).toBeLessThanOrEqual(isHot ? 2 : 1);
          }
          if (current === undefined && out.size < count) {
            // Somebody is tried, or will be.
            expect(rig.open.size > 0 || rig.plan().askAt !== undefined).toBe(true);
          }
          if (out.size === count) expect(rig.choice.areAllOut).toBe(true);
        };
        for (const { source, what, passes } of steps) {
          rig.pass(passes);
          look();
          if (what === 'gap') {
            if (rig.choice.moveForGap(rig.now())) {
              moves.push(rig.now());
              before = rig.choice.current;
            }
          } else if (rig.open.has(source)) {
            if (what === 'rows') rig.rows(source);
            else if (what === 'silence') rig.fail(source, { reason: 'silence', mayRecover: true });
            else {
              rig.fail(source, { reason: 'error', mayRecover: what !== 'out' });
              if (what === 'out') out.add(source);
            }
            if (what !== 'rows' && source === before) before = undefined;
          }
          look();
        }
        for (const [i, moved] of moves.entries()) {
          if (i > 0) expect(moved - moves[i - 1]!).toBeGreaterThanOrEqual(BigInt(coolDown) * SECOND);
        }
      }),
      { numRuns: 500 },
    );
  });
});
