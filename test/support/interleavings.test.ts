import { describe, expect, it } from 'vitest';
import { type Exploration, explore, KILLED, mark, ScheduleError } from './interleavings.js';

/** The types of the overloads of `Atomics` have no common one: the casts stand for all kinds. */
const KINDS: Readonly<Record<string, (memory: SharedArrayBuffer) => Int32Array>> = {
  Int32Array: (memory) => new Int32Array(memory),
  Uint32Array: (memory) => new Uint32Array(memory) as unknown as Int32Array,
  BigInt64Array: (memory) => new BigInt64Array(memory) as unknown as Int32Array,
  BigUint64Array: (memory) => new BigUint64Array(memory) as unknown as Int32Array,
};

function cells() {
  const memory = new SharedArrayBuffer(64);
  return { memory, words: new Int32Array(memory) };
}

/** Threads that take as many steps as asked, and change nothing. */
function idlers(words: Int32Array, ...steps: number[]): (() => void)[] {
  return steps.map((count) => () => {
    for (let i = 0; i < count; i++) Atomics.load(words, 0);
  });
}

const failureOf = (exploration: Exploration): ScheduleError => {
  try {
    explore(exploration);
  } catch (error) {
    if (error instanceof ScheduleError) return error;
    throw error;
  }
  throw new Error('expected a schedule that is refused, found none');
};

describe('the explorer of interleavings', () => {
  it('finds an update that is lost between a load and a store, and prints the schedule', () => {
    const { memory, words } = cells();
    const increment = () => {
      Atomics.store(words, 0, Atomics.load(words, 0) + 1);
    };
    const failure = failureOf({
      memory,
      threads: [increment, increment],
      check: () => expect(words[0]).toBe(2),
    });
    expect(failure.schedule).toHaveLength(4);
    expect(failure.message).toContain('thread 0: load Int32Array+0[0] → 0');
    expect(failure.message).toContain('thread 1: store Int32Array+0[0] 1 → 1');
  });

  it.each(Object.entries(KINDS))('finds no lost update of an atomic counter in a %s', (_, viewOf) => {
    const { memory } = cells();
    const words = viewOf(memory);
    const one = (typeof words[0] === 'bigint' ? 1n : 1) as number;
    const add = () => Atomics.add(words, 1, one);
    const { schedules } = explore({
      memory,
      threads: [add, add, add],
      check: () => expect(Number(words[1])).toBe(3),
    });
    expect(schedules).toBe(6n);
  });

  it.each(Object.entries(KINDS))('finds it once the add of a %s is a load and a store', (_, viewOf) => {
    const { memory } = cells();
    const words = viewOf(memory);
    const one = (typeof words[0] === 'bigint' ? 1n : 1) as number;
    const add = () => Atomics.add(words, 1, one);
    const threads = [add, add];
    const check = () => expect(Number(words[1])).toBe(2);
    expect(failureOf({ memory, threads, check, cas: 'load-then-store' }).schedule).toHaveLength(4);
  });

  it('runs a loop around compare-and-swap to its end, and breaks it with load-then-store', () => {
    const { memory } = cells();
    const words = new BigInt64Array(memory);
    const decrement = () => {
      let seen = Atomics.load(words, 0);
      for (;;) {
        const found = Atomics.compareExchange(words, 0, seen, seen - 1n);
        if (found === seen) return seen;
        seen = found;
      }
    };
    const threads = [decrement, decrement, decrement];
    const check = (results: readonly unknown[]) => {
      expect(words[0]).toBe(-3n);
      expect([...results].sort()).toEqual([-1n, -2n, 0n]);
    };
    expect(explore({ memory, threads, check }).schedules).toBeGreaterThan(90n);
    expect(failureOf({ memory, threads, check, cas: 'load-then-store' })).toBeDefined();
  });

  it('splits each kind of read-modify-write into what the whole one does', () => {
    const { memory } = cells();
    const kinds = [
      () => Atomics.add(new Int32Array(memory), 0, 0x7fff_ffff),
      () => Atomics.sub(new Uint32Array(memory), 1, 7),
      () => Atomics.exchange(new BigInt64Array(memory), 1, -5n),
      () => Atomics.or(new BigUint64Array(memory), 2, 0x8000_0000_0000_0001n),
      () => Atomics.and(new Int32Array(memory), 6, -2),
      () => Atomics.xor(new Uint32Array(memory), 7, 0xffff_ffff),
      () => Atomics.compareExchange(new Uint32Array(memory), 8, 0xffff_fff0, 3),
    ];
    const outcome = (cas: 'atomic' | 'load-then-store') => {
      const bytes = new Uint8Array(memory).fill(0xf0);
      new Int32Array(memory)[8] = -16;
      const seen: unknown[] = [];
      const check = (results: readonly unknown[]) => void seen.push(results, bytes.slice());
      explore({ memory, threads: [() => kinds.map((kind) => kind())], check, cas });
      return seen;
    };
    expect(outcome('load-then-store')).toEqual(outcome('atomic'));
  });

  it.each([
    [[3, 4], 35n],
    [[2, 2, 2], 90n],
    [[1, 2, 3], 60n],
  ])('takes every order of %s steps, pruned or not', (steps, schedules) => {
    const { memory, words } = cells();
    const threads = idlers(words, ...steps);
    const whole = explore({ memory, threads, prune: false });
    const pruned = explore({ memory, threads });
    expect(whole.schedules).toBe(schedules);
    expect(pruned.schedules).toBe(schedules);
    expect(pruned.states).toBe(steps.reduce((product, count) => product * (count + 1), 1));
    expect(whole.states).toBeGreaterThan(pruned.states);
  });

  it('is through with three threads of eight steps each, 9 billion schedules', () => {
    const { memory, words } = cells();
    const { schedules, states } = explore({ memory, threads: idlers(words, 8, 8, 8) });
    expect(schedules).toBe(9_465_511_770n);
    expect(states).toBe(729);
  });

  it('lets a thread die before each of its steps', () => {
    const { memory, words } = cells();
    const seen = new Set<string>();
    const body = () => {
      Atomics.store(words, 0, 1);
      Atomics.store(words, 1, 1);
      return 'alive';
    };
    const check = ([result]: readonly unknown[]) =>
      void seen.add(`${result === KILLED ? 'killed' : result} ${words[0]}${words[1]}`);
    expect(explore({ memory, threads: [body], kill: true, check }).schedules).toBe(3n);
    expect([...seen].sort()).toEqual(['alive 11', 'killed 00', 'killed 10']);
  });

  it('keeps apart pasts that a ghost tells apart, and hands it the marks', () => {
    const { memory, words } = cells();
    const first = (): void => {
      Atomics.load(words, 0);
      mark('here');
      Atomics.load(words, 0);
    };
    const orders = new Set<string>();
    explore<string>({
      memory,
      threads: [first, () => Atomics.load(words, 0)],
      ghost: {
        initial: '',
        next: (ghost, { thread, marks, finished }) =>
          `${ghost}${thread}${marks.join('')}${finished ? '.' : ' '}`,
      },
      check: (_results, _memory, ghost) => void orders.add(ghost),
    });
    expect([...orders].sort()).toEqual(['0here 0.1.', '0here 1.0.', '1.0here 0.']);
  });

  it('checks after each step, too', () => {
    const { memory, words } = cells();
    const threads = [() => Atomics.store(words, 0, 1) + Atomics.store(words, 0, 0)];
    const atStep = () => expect(words[0]).toBe(0);
    expect(failureOf({ memory, threads, atStep }).schedule).toEqual([
      'thread 0: store Int32Array+0[0] 1 → 1',
    ]);
  });

  it('makes no steps of cells that nobody observes, and loses none of their marks', () => {
    const { memory, words } = cells();
    const body = () => {
      Atomics.add(words, 0, 1);
      mark('changed');
      Atomics.add(words, 8, 1);
      mark('counted');
      return Atomics.add(words, 0, 1);
    };
    const marks = new Set<string>();
    const { schedules } = explore({
      memory,
      threads: [body, body],
      unobserved: (byte) => byte === 32,
      atStep: (_memory, step) => void marks.add(step.marks.join()),
      check: () => expect([words[0], words[8]]).toEqual([4, 2]),
    });
    expect(schedules).toBe(6n);
    expect(marks).toEqual(new Set(['changed,counted', '']));
  });

  it('puts the memory and the global Atomics back, also after a refusal', () => {
    const { memory, words } = cells();
    const native = globalThis.Atomics;
    words[0] = 7;
    const threads = [() => Atomics.add(words, 0, 1)];
    explore({ memory, threads, check: () => Atomics.store(words, 1, 9) });
    failureOf({ memory, threads, check: () => expect(words[0]).toBe(7) });
    expect(globalThis.Atomics).toBe(native);
    expect([words[0], words[1]]).toEqual([7, 0]);
  });

  it('names the schedule in which a thread throws', () => {
    const { memory, words } = cells();
    const body = () => {
      if (Atomics.add(words, 0, 1) === 1) throw new RangeError('second');
    };
    expect(failureOf({ memory, threads: [body, body] }).cause).toBeInstanceOf(RangeError);
  });

  it('refuses a thread that keeps something from one run to the next', () => {
    const { memory, words } = cells();
    let runs = 0;
    const body = () => {
      Atomics.load(words, runs++);
      Atomics.load(words, 0);
    };
    expect(failureOf({ memory, threads: [body] }).message).toContain('from one run to the next');
  });

  it('refuses code that catches what unwinds it', () => {
    const { memory, words } = cells();
    const body = () => {
      try {
        Atomics.load(words, 0);
      } catch {}
    };
    expect(() => explore({ memory, threads: [body] })).toThrow(/caught what unwinds it/);
  });

  it('runs a thread once for each past, however many schedules lead there', () => {
    const { memory, words } = cells();
    let runs = 0;
    const body = () => {
      runs++;
      for (let step = 0; step < 4; step++) Atomics.load(words, step);
    };
    expect(explore({ memory, threads: [body, body] }).schedules).toBe(70n);
    expect(runs).toBe(10);
  });

  it('refuses a plain write, which would be missing in all schedules but one', () => {
    const { memory, words } = cells();
    const body = () => {
      Atomics.load(words, 0);
      words[1] = 7;
      Atomics.load(words, 0);
    };
    expect(() => explore({ memory, threads: [body, body] })).toThrow(/found byte 4 written.*writesPlainly/);
    expect(words[1]).toBe(0);
  });

  it('repeats plain writes in every schedule once it is told of them', () => {
    const { memory, words } = cells();
    const body = () => {
      Atomics.load(words, 0);
      words[1] = 7;
      return Atomics.load(words, 0);
    };
    const other = () => Atomics.load(words, 2);
    const check = () => expect(words[1]).toBe(7);
    const { schedules } = explore({ memory, threads: [body, other], check, writesPlainly: true });
    expect(schedules).toBe(3n);
  });

  it('lets cells that nobody observes be written plainly, and tells no situations apart by them', () => {
    const { memory, words } = cells();
    const body = () => {
      Atomics.load(words, 0);
      words[8]!++;
      return Atomics.load(words, 0);
    };
    const unobserved = (byte: number) => byte === 32;
    expect(explore({ memory, threads: [body, body], unobserved }).states).toBe(9);
  });

  it('takes what nobody observes before the first step, and refuses a mark that would go with it', () => {
    const { memory, words } = cells();
    const body = (label?: string) => () => {
      Atomics.add(words, 8, 1);
      if (label) mark(label);
      return Atomics.add(words, 0, 1);
    };
    const unobserved = (byte: number) => byte === 32;
    expect(explore({ memory, threads: [body(), body()], unobserved }).schedules).toBe(2n);
    expect(() => explore({ memory, threads: [body('early')], unobserved })).toThrow(/no mark before/);
  });

  it('refuses a loop without end', () => {
    const { memory, words } = cells();
    const body = () => {
      while (Atomics.load(words, 0) === 0);
    };
    expect(failureOf({ memory, threads: [body], stepsMax: 50 }).message).toContain('at most 50 steps');
  });
});
