/**
 * Every interleaving of the atomic steps of a few threads, on the code that runs in production.
 *
 * A virtual thread is a plain synchronous function. While it runs, the global `Atomics` is a shim.
 * To take one step, the function is run again from its start: the operations of its past answer from
 * a log, and the first new one unwinds it with an exception of our own. That operation is then what
 * the thread does next, when its turn comes. So a thread must be a function of what its atomic
 * operations answered and of nothing else: it makes its own objects, and its clock stands still.
 * It is run once for each past, however many schedules lead there, so it writes memory by atomic
 * operations alone (or see `writesPlainly`), and what it returns is not changed by a check.
 * The code under test must call `Atomics.x(…)` by that name, and must not catch what it did not throw.
 *
 * The search is depth-first over which thread steps next. Situations that were seen before (same
 * memory, same past of each thread, same ghost) are not searched again, but their schedules count.
 *
 * Plain reads and counts of `src/shared-memory/glance.ts` are steps as well, for tests that put
 * `exploredGlances` in the place of that module.
 */
import { ExploredMemory } from './explored-memory.js';
import {
  acquired,
  CLEAR,
  overwritten,
  type PlainWrite,
  type Sight,
  showable,
  sightText,
  type Value,
  visible,
} from './weak-memory.js';

type Cells = Int32Array | Uint32Array | BigInt64Array | BigUint64Array;

/** What a thread that was killed answers with. */
export const KILLED: unique symbol = Symbol('killed');

export interface Step {
  /** Index of the thread. */
  readonly thread: number;
  /** `load`, `compareExchange`, `kill`, … */
  readonly operation: string;
  /** The operation with its cell, arguments and answer, for people. */
  readonly text: string;
  /** What the thread told with `mark` and `Atomics.notify` after this step and before its next. */
  readonly marks: readonly string[];
  /** Whether the function has returned with this step, and what. */
  readonly finished: boolean;
  readonly result: unknown;
}

export interface Exploration<Ghost = undefined> {
  readonly memory: SharedArrayBuffer;
  readonly threads: readonly (() => unknown)[];
  /**
   * At the end of each schedule. May run the code under test on the memory, to see what it does from
   * there: the memory is put back afterwards.
   */
  check?(results: readonly unknown[], memory: SharedArrayBuffer, ghost: Ghost): void;
  /** After each step. Must not depend on how the situation was reached: that is what `ghost` is for. */
  atStep?(memory: SharedArrayBuffer, step: Step, ghost: Ghost): void;
  /** What the checks have to know of the past. Plain data: it is part of the situation. */
  readonly ghost?: { readonly initial: Ghost; next(ghost: Ghost, step: Step): Ghost };
  /**
   * `load-then-store` makes two steps of each read-modify-write. Code that is right must then be found
   * to be wrong, or the exploration looks at too little.
   */
  readonly cas?: 'atomic' | 'load-then-store';
  /** Lets any threads die at any of their steps, the first included. */
  readonly kill?: boolean;
  /**
   * Cells, by their byte, that no thread reads but to add to them, such as statistics, or that none
   * writes: an operation on one is no step of its own, but goes with the step before, or comes before
   * all steps. Leaves out schedules that differ in nothing. Threads may also write them without
   * `Atomics`, and they hold anything then.
   */
  unobserved?(byte: number): boolean;
  /**
   * Threads write memory without `Atomics`, too: they are run again for each step, so that what they
   * write is there in every schedule.
   */
  readonly writesPlainly?: boolean;
  /** Glances may give older values, and plain writes are seen late: see `weak-memory.ts`. */
  readonly weak?: boolean;
  /** `false` searches every schedule by itself. */
  readonly prune?: boolean;
  /** Steps of one schedule; more is taken for a loop without end. */
  readonly stepsMax?: number;
}

export interface Explored {
  /** Schedules that were covered. */
  readonly schedules: bigint;
  /** Different situations that were searched. */
  readonly states: number;
}

/** A schedule that a check refused; `cause` is what the check threw. */
export class ScheduleError extends Error {
  override readonly name = 'ScheduleError';
  readonly schedule: readonly string[];

  constructor(cause: unknown, schedule: readonly string[]) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super([reason, 'in the schedule:', ...schedule.map((step) => `  ${step}`)].join('\n'), { cause });
    this.schedule = schedule;
  }
}

/** Unwinds a thread that stands before its next operation. Not exported: nobody else may catch it. */
class Suspend extends Error {}
const SUSPEND = new Suspend('a virtual thread is unwound');

interface Operation {
  readonly name: string;
  readonly text: string;
  readonly byte: number;
  run(): Value;
  /** What the cell holds. */
  look(): Value;
  /** Of a plain write: what it writes once it is seen, after what the thread sees there now. */
  plain?(before: Value): PlainWrite;
}

interface Past {
  readonly text: string;
  readonly value: Value;
}

/** A thread between two steps. Never changed but for what is remembered of it: a step makes another. */
interface Thread {
  /** The same for the same past of the same thread. */
  readonly id: number;
  readonly past: readonly Past[];
  /** None: it has returned, thrown, or was killed. */
  readonly next: Operation | undefined;
  readonly result: unknown;
  readonly error?: { readonly thrown: unknown };
  readonly marks: readonly string[];
  /** What it becomes with its next operation, by the answer. */
  readonly followers: Map<Value, Thread>;
  killed?: Thread;
}

/** The run of a virtual thread that is going on. */
interface Run {
  readonly past: readonly Past[];
  cursor: number;
  next: Operation | undefined;
  marks: string[];
}
let run: Run | undefined;

/** Tells the checks that the virtual thread has come to this point (of its code, between two steps). */
export function mark(label: string): void {
  if (run && run.cursor === run.past.length && !run.next) run.marks.push(label);
}

/** @throws {ScheduleError} for the first schedule that is refused, or in which a thread throws. */
export function explore<Ghost = undefined>(exploration: Exploration<Ghost>): Explored {
  const native = globalThis.Atomics;
  globalThis.Atomics = shim(native, exploration.cas ?? 'atomic');
  const memory = new ExploredMemory(exploration.memory, exploration.unobserved ?? (() => false));
  if (exploration.writesPlainly) memory.touchAll();
  const glanced = new Set<number>();
  try {
    for (;;) {
      try {
        return search(exploration, memory, glanced);
      } catch (error) {
        if (error !== ANOTHER_CELL) throw error;
        memory.reset();
      }
    }
  } finally {
    globalThis.Atomics = native;
    memory.reset();
  }
}

/** Ends a search that finds a glance at a cell whose past it has not kept: it begins anew, and keeps it. */
const ANOTHER_CELL = new Error('a glance at another cell');

function search<Ghost>(
  exploration: Exploration<Ghost>,
  cells: ExploredMemory,
  glanced: Set<number>,
): Explored {
  const { memory, threads: functions, check, atStep, ghost: ghosts } = exploration;
  const {
    kill = false,
    prune = true,
    stepsMax = 1_000,
    unobserved = () => false,
    weak = false,
  } = exploration;
  const covered = new Map<string, bigint>();
  const schedule: { readonly thread: number; readonly text: string }[] = [];
  const take = taker(exploration, cells);
  let states = 0;

  const refused = (cause: unknown) =>
    new ScheduleError(
      cause,
      schedule.map(({ thread, text }) => `thread ${thread}: ${text}`),
    );
  const guarded = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw refused(error);
    }
  };

  const passUnobserved = (index: number, thread: Thread): Thread => {
    let passed = thread;
    while (passed.next && unobserved(passed.next.byte)) {
      const further = take(index, passed, passed.next);
      passed = { ...further, marks: [...passed.marks, ...further.marks] };
    }
    return passed;
  };

  /** Answers that the next operation of a thread may get; none if it has to wait for its own writes. */
  const answers = (next: Operation, sight: Sight): readonly (Value | undefined)[] => {
    if (!weak) return [undefined];
    switch (next.name) {
      case 'glance':
        if (!glanced.has(next.byte)) {
          glanced.add(next.byte);
          throw ANOTHER_CELL;
        }
        return visible(sight, next.byte, next.look());
      case 'tally':
      case 'load': {
        const own = sight.buffer.findLast(({ byte }) => byte === next.byte);
        return [own ? own.value : next.name === 'load' ? undefined : next.look()];
      }
      default:
        return sight.buffer.length === 0 ? [undefined] : [];
    }
  };

  /** Schedules that go on from here. The memory is as the caller left it, or is put back by it. */
  const goOn = (threads: readonly Thread[], ghost: Ghost, sights: readonly Sight[]): bigint => {
    const key = prune ? situation(cells.text(), threads, ghost, weak ? sights : []) : '';
    const known = prune ? covered.get(key) : undefined;
    if (known !== undefined) return known;
    states++;
    if (schedule.length > stepsMax) throw refused(new Error(`expected at most ${stepsMax} steps`));

    const here = cells.save();
    /** Schedules that go on once a thread has stepped. */
    const after = (
      index: number,
      stepped: Thread,
      { operation, text, isNew = true }: { operation: string; text: string; isNew?: boolean },
      seen: readonly Sight[],
    ): bigint => {
      schedule.push({ thread: index, text });
      if (stepped.error) throw refused(stepped.error.thrown);
      const { result } = stepped;
      const marks = isNew ? stepped.marks : [];
      const step = { thread: index, operation, text, marks, finished: isNew && !stepped.next, result };
      const nextGhost = ghosts ? guarded(() => ghosts.next(ghost, step)) : ghost;
      if (atStep) guarded(() => atStep(memory, step, nextGhost));
      const schedules = goOn(threads.with(index, stepped), nextGhost, seen);
      schedule.pop();
      cells.restore(here);
      return schedules;
    };

    let schedules = 0n;
    let hasEnded = true;
    for (const [index, thread] of threads.entries()) {
      const { next } = thread;
      const sight = sights[index]!;
      for (const write of weak ? showable(sight) : []) {
        hasEnded = false;
        const before = write.look();
        cells.touch(write.byte);
        write.write();
        const rest = { ...sight, buffer: sight.buffer.filter((other) => other !== write) };
        const seen = glanced.has(write.byte)
          ? overwritten(sights.with(index, rest), index, write.byte, before)
          : sights.with(index, rest);
        const text = `byte ${write.byte} is seen to be ${write.value}`;
        schedules += after(index, thread, { operation: 'seen', text, isNew: false }, seen);
      }
      if (!next) continue;
      hasEnded = false;
      for (const answer of answers(next, sight)) {
        const before = next.look();
        const first = take(index, thread, next, answer);
        let seen = sights;
        if (weak && next.plain) {
          const write = next.plain(answer!);
          seen = sights.with(index, { ...sight, buffer: [...sight.buffer, write] });
        } else if (weak && next.name !== 'glance') {
          seen = sights.with(index, acquired(sight, next.name));
          if (glanced.has(next.byte) && next.look() !== before) {
            seen = overwritten(seen, index, next.byte, before);
          }
        }
        const stepped = passUnobserved(index, first);
        const { value } = first.past[thread.past.length]!;
        const text = `${next.text} → ${value}`;
        schedules += after(index, stepped, { operation: next.name, text }, seen);
      }
      if (kill) schedules += after(index, killed(thread), { operation: 'kill', text: 'killed' }, sights);
    }

    if (hasEnded) {
      const results = threads.map(({ result }) => result);
      if (check) cells.lend(() => guarded(() => check(results, memory, ghost)));
      schedules = 1n;
    }
    if (prune) covered.set(key, schedules);
    return schedules;
  };

  const threads = functions.map((body, index) => passUnobserved(index, advance(body)));
  if (threads.some(({ marks }) => marks.length > 0)) {
    throw new Error('expected no mark before the first step: no check would be told of it');
  }
  for (const { error } of threads) if (error) throw refused(error.thrown);
  const schedules = goOn(
    threads,
    ghosts?.initial as Ghost,
    threads.map(() => CLEAR),
  );
  return { schedules, states };
}

/** Takes steps of threads. */
function taker(
  { threads: functions, writesPlainly = false }: Pick<Exploration, 'threads' | 'writesPlainly'>,
  cells: ExploredMemory,
): (index: number, thread: Thread, next: Operation, answer?: Value) => Thread {
  return (index, { past, followers }, next, answer) => {
    if (next.name !== 'load' && next.name !== 'glance') cells.touch(next.byte);
    const value = answer ?? next.run();
    const known = followers.get(value);
    if (known && !writesPlainly) return known;

    let stepped: Thread | undefined;
    const written = cells.writtenBy(() => {
      stepped = advance(functions[index]!, [...past, { text: next.text, value }]);
    });
    if (written !== undefined && !writesPlainly) {
      throw new Error(`expected a thread that writes by Atomics alone, found byte ${written} written: \
say \`writesPlainly\` of the exploration`);
    }
    if (!known) followers.set(value, stepped!);
    return known ? { ...stepped!, id: known.id, followers: known.followers } : stepped!;
  };
}

const killed = (thread: Thread): Thread => {
  thread.killed ??= { ...thread, id: threadsMade++, next: undefined, result: KILLED, marks: [] };
  return thread.killed;
};

let threadsMade = 0;

/** Runs a thread through its past, up to its next operation. */
function advance(body: () => unknown, past: readonly Past[] = []): Thread {
  const own: Run = { past, cursor: 0, next: undefined, marks: [] };
  const thread = { id: threadsMade++, past, marks: own.marks, followers: new Map<Value, Thread>() };
  run = own;
  try {
    const result = body();
    if (own.next)
      throw new Error('expected code that lets pass what it did not throw: it caught what unwinds it');
    if (own.cursor < past.length) throw differs('the end', past[own.cursor]!.text);
    return { ...thread, next: undefined, result };
  } catch (error) {
    if (error === SUSPEND) return { ...thread, next: own.next, result: undefined };
    return { ...thread, next: undefined, result: undefined, error: { thrown: error } };
  } finally {
    run = undefined;
  }
}

/** One step of the virtual thread that runs: answered from its past, or the one that it stops before. */
function step(operation: Operation): Value {
  const own = run;
  if (!own) return operation.run(); // a check looks at the memory, nothing is explored
  if (own.next) throw SUSPEND; // in a `finally`, on the way up
  const past = own.past[own.cursor];
  if (!past) {
    own.next = operation;
    throw SUSPEND;
  }
  if (past.text !== operation.text) throw differs(operation.text, past.text);
  own.cursor++;
  return past.value;
}

/** For `vi.mock` of `src/shared-memory/glance.ts`. */
export const exploredGlances = {
  glance: (words: Int32Array, cell: number) => plainStep('glance', words, cell),
  /** On every platform, glances after it come after it. */
  glanceLong: (longs: BigInt64Array, cell: number) => Atomics.load(longs, cell),
  tally: (words: Int32Array, cell: number) => void plainStep('tally', words, cell),
};

function plainStep(name: 'glance' | 'tally', words: Int32Array, index: number): Value {
  const look = (): Value => words[index]!;
  const at = { name, byte: byteOf(words, index), text: textOf(name, words, index), look };
  if (name === 'glance') return step({ ...at, run: look });
  return step({
    ...at,
    run: () => words[index]!++,
    plain: (before) => {
      const value = ((before as number) + 1) | 0;
      return { byte: at.byte, value, look, write: () => words.fill(value, index, index + 1) };
    },
  });
}

const textOf = (name: string, cells: Cells, index: number, ...values: Value[]): string =>
  `${name} ${cells.constructor.name}+${cells.byteOffset}[${index}] ${values.join(', ')}`.trimEnd();
const byteOf = (cells: Cells, index: number): number => cells.byteOffset + index * cells.BYTES_PER_ELEMENT;

const differs = (now: string, before: string): Error =>
  new Error(
    `expected a thread to do the same on the same answers, found ${now} where it did ${before} ` +
      '(a thread keeps something from one run to the next)',
  );

/**
 * The situation, as text. Two that are the same go on in the same ways: what a thread does next
 * follows from what its operations answered.
 */
function situation(
  changes: string,
  threads: readonly Thread[],
  ghost: unknown,
  sights: readonly Sight[],
): string {
  const ids = `${threads.map(({ id }) => id).join()};${sights.map(sightText).join('/')}`;
  if (ghost === undefined) return `${ids};${changes}`;
  const text = JSON.stringify(ghost, (_, value) => (typeof value === 'bigint' ? `${value}n` : value));
  return `${ids};${changes};${text}`;
}

function shim(native: Atomics, cas: 'atomic' | 'load-then-store'): Atomics {
  // The cast of the cells: TypeScript has an overload a kind of array, and no common one.
  const atomic = (name: string, cells: Cells, index: number, values: readonly Value[], work: () => Value) =>
    step({
      name,
      text: textOf(name, cells, index, ...values),
      byte: byteOf(cells, index),
      run: work,
      look: () => native.load(cells as Int32Array, index),
    });
  const load = (cells: Cells, index: number) =>
    atomic('load', cells, index, [], () => native.load(cells as Int32Array, index));
  const store = (cells: Cells, index: number, value: Value) =>
    atomic('store', cells, index, [value], () => native.store(cells as Int32Array, index, value as number));

  type Name = 'add' | 'sub' | 'exchange' | 'or' | 'and' | 'xor';
  const modify = (name: Name, change: (old: bigint, value: bigint) => bigint) => {
    return (cells: Cells, index: number, value: Value): Value => {
      if (cas === 'atomic') {
        return atomic(name, cells, index, [value], () =>
          native[name](cells as Int32Array, index, value as number),
        );
      }
      const old = load(cells, index);
      const next = change(BigInt(old), BigInt(value));
      store(cells, index, typeof old === 'bigint' ? next : Number(BigInt.asIntN(32, next)));
      return old;
    };
  };

  return {
    load,
    store,
    add: modify('add', (old, value) => old + value),
    sub: modify('sub', (old, value) => old - value),
    exchange: modify('exchange', (_old, value) => value),
    or: modify('or', (old, value) => old | value),
    and: modify('and', (old, value) => old & value),
    xor: modify('xor', (old, value) => old ^ value),
    compareExchange(cells: Cells, index: number, expected: Value, value: Value): Value {
      if (cas === 'atomic') {
        return atomic('compareExchange', cells, index, [expected, value], () =>
          native.compareExchange(cells as Int32Array, index, expected as number, value as number),
        );
      }
      const found = load(cells, index);
      if (found === asElement(cells, expected)) store(cells, index, value);
      return found;
    },
    // Wakes nobody here and changes no memory, so it is no step.
    notify(cells: Int32Array, index: number, count?: number): number {
      if (!run) return native.notify(cells, index, count);
      mark(`notify ${cells.constructor.name}+${cells.byteOffset}[${index}]`);
      return 0;
    },
    isLockFree: (bytes: number) => native.isLockFree(bytes),
    wait: () => {
      throw new Error('expected code that does not block, found Atomics.wait');
    },
    waitAsync: () => {
      throw new Error('expected the steps of one call, found Atomics.waitAsync');
    },
    [Symbol.toStringTag]: 'Atomics',
  } as unknown as Atomics; // the overloads again: one function here takes every kind of array
}

/** The value as an element of the array would hold it. */
function asElement(cells: Cells, value: Value): Value {
  if (cells instanceof Int32Array) return Number(value) | 0;
  if (cells instanceof Uint32Array) return Number(value) >>> 0;
  return cells instanceof BigInt64Array
    ? BigInt.asIntN(64, value as bigint)
    : BigInt.asUintN(64, value as bigint);
}
