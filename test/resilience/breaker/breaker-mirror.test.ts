import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CallPermit } from '../../../src/resilience/breaker/breaker-calls.js';
import { createBreakerMachine } from '../../../src/resilience/breaker/breaker-machine.js';
import {
  BREAKER_STATES,
  type BreakerState,
  epochOf,
  stateOf,
  WORD_CELL,
} from '../../../src/shared-memory/breaker-memory.js';
import { SimulatedClock } from '../../support/simulated-clock.js';
import { settingsOf, startBreaker } from './breaker-fixtures.js';

const OPTIONS = {
  failuresInRow: 2,
  probes: 2,
  openMs: 1_000,
  openFactor: 2,
  openMsMax: 3_000,
  probeMsMax: 400,
};
const THREADS = 3;

/** Where each state may lead in one step: the machine itself says. */
const steps = new Map<BreakerState, Set<string>>();
const machine = createBreakerMachine(settingsOf(OPTIONS), 1);
for (const node of Object.values(machine.states)) {
  const targets = [...node.transitions.values()]
    .flat()
    .flatMap(({ target }) => target?.map(({ key }) => key) ?? []);
  steps.set(node.key as BreakerState, new Set(targets));
}

/** Whether the machine has a path of so many steps. */
function leads(from: BreakerState, to: BreakerState, count: number): boolean {
  if (count === 0) return from === to;
  return [...(steps.get(from) ?? [])].some((next) => leads(next as BreakerState, to, count - 1));
}

type Command =
  | { readonly do: 'call'; readonly thread: number }
  | { readonly do: 'end'; readonly call: number; readonly how: 'succeed' | 'fail' | 'ignore' }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'configure'; readonly failuresInRow: number }
  | { readonly do: 'look' | 'hold' | 'release' | 'reset' | 'disable' | 'enable' }
  | { readonly do: 'die'; readonly thread: number };

const thread = fc.integer({ min: 0, max: THREADS - 1 });
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('call' as const), thread }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('end' as const),
      call: fc.nat({ max: 2 }),
      how: fc.constantFrom('succeed' as const, 'fail' as const, 'fail' as const, 'ignore' as const),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      ms: fc.constantFrom(1, 100, 401, 1_000, 3_000),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('look' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'hold' as const,
        'release' as const,
        'reset' as const,
        'disable' as const,
        'enable' as const,
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('die' as const), thread }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('configure' as const),
      failuresInRow: fc.constantFrom(1, OPTIONS.failuresInRow, 3),
    }),
  },
);

/** A clock of which nothing fires by itself: the owner's thread is blocked until it looks. */
class BlockedClock extends SimulatedClock {
  #ahead = 0n;
  override now() {
    return (super.now() + this.#ahead) as ReturnType<SimulatedClock['now']>;
  }
  pass(ms: number): void {
    this.#ahead += BigInt(ms) * 1_000_000n;
  }
}

interface Call {
  readonly permit: CallPermit;
  readonly thread: number;
  readonly epoch: number;
  readonly state: BreakerState;
  /** Of a probe: when it may be given to another. */
  readonly lostAt: bigint;
}

/** Steps that the sequences have taken, all together. */
const taken = new Set<string>();

/** Runs a sequence against the plainest breaker there is, with the machine's own actor for its states. */
function follow(commands: readonly Command[]): void {
  const clock = new BlockedClock({ now: 1_000_000_000n });
  const { breaker, other, events } = startBreaker(OPTIONS, { clock });
  const words = new Int32Array(breaker.handle().memory);
  const clients = Array.from({ length: THREADS }, (_, id) => other(id + 1));
  let calls: Call[] = [];
  const holds: (() => void)[] = [];
  let { word, run } = { word: words[WORD_CELL]!, run: 0 };
  const nameOf = (at: number) => BREAKER_STATES[stateOf(at)]!;

  let { failuresInRow } = OPTIONS;
  /** Epochs that began without a change of state: of a reset while closed, or other options. */
  let unchanged = 0;
  /** The word may only have gone where the machine has a path, one epoch a step. */
  const observe = (stepsMax: number, isUnchanged = false) => {
    const now = words[WORD_CELL]!;
    const count = epochOf(now) - epochOf(word) - Number(isUnchanged);
    expect(count).toBeGreaterThanOrEqual(0);
    expect(count).toBeLessThanOrEqual(stepsMax);
    unchanged += Number(isUnchanged);
    if (!leads(nameOf(word), nameOf(now), count)) {
      throw new Error(`the machine has no path from ${nameOf(word)} to ${nameOf(now)} of ${count} steps`);
    }
    if (count > 0) run = 0;
    word = now;
  };
  const isProbeOut = (call: Call) => call.epoch === epochOf(word) && call.state === 'halfOpen';

  for (const each of commands) {
    switch (each.do) {
      case 'call': {
        const before = nameOf(word);
        const openUntil = breaker.refusal()?.retryAfterMs ?? 0;
        const out = calls.filter((call) => isProbeOut(call) && call.lostAt > clock.now()).length;
        let permit: CallPermit | undefined;
        try {
          permit = clients[each.thread]!.permit();
        } catch {}
        observe(1);
        if (before === 'closed' || before === 'disabled') expect(permit).toBeDefined();
        if (before === 'heldOpen' || (before === 'open' && openUntil > 0)) expect(permit).toBeUndefined();
        if (before === 'halfOpen' && permit) expect(out).toBeLessThan(OPTIONS.probes);
        if (!permit) break;
        const lostAt = clock.now() + BigInt(OPTIONS.probeMsMax) * 1_000_000n;
        calls.push({ permit, thread: each.thread, epoch: epochOf(word), state: nameOf(word), lostAt });
        break;
      }
      case 'end': {
        const call = calls[each.call];
        if (!call) break;
        calls = calls.filter((other) => other !== call);
        const isCurrent = call.epoch === epochOf(word);
        const before = nameOf(word);
        call.permit[each.how]();
        observe(1);
        // Late results and those of a disabled breaker change nothing; the plain count says what others do.
        if (!isCurrent || before !== 'closed' || each.how === 'ignore') expect(nameOf(word)).toBe(before);
        else if (each.how === 'succeed') run = 0;
        else if (++run >= failuresInRow || nameOf(word) === 'open') {
          expect(nameOf(word)).toBe('open');
          run = 0;
        }
        break;
      }
      case 'pass':
        clock.pass(each.ms);
        break;
      case 'die':
        breaker.reclaim(each.thread + 1);
        calls = calls.filter(({ thread }) => thread !== each.thread);
        observe(0);
        break;
      case 'hold':
        holds.push(breaker.hold());
        observe(2);
        break;
      case 'release':
        holds.shift()?.();
        observe(2);
        break;
      case 'configure': {
        breaker.state; // takes the steps that are due
        observe(1);
        const before = { state: nameOf(word), run };
        const isOther = each.failuresInRow !== failuresInRow;
        ({ failuresInRow } = each);
        breaker.configure({ failuresInRow });
        observe(0, isOther);
        expect(nameOf(word)).toBe(before.state);
        // What is counted stays counted.
        run = before.run;
        break;
      }
      case 'reset': {
        breaker.state;
        observe(1);
        const isClosed = nameOf(word) === 'closed';
        breaker.reset();
        observe(1, isClosed);
        run = 0;
        break;
      }
      case 'look':
        expect(breaker.state).toBe(nameOf(words[WORD_CELL]!));
        observe(1);
        break;
      default:
        breaker[each.do]();
        observe(2);
    }
  }
  // The machine has seen every step that the memory has taken, in order, and none besides.
  expect(breaker.state).toBe(nameOf(words[WORD_CELL]!));
  const told = events.flatMap(({ type }) => {
    if (type === 'probe' || type === 'configured') return [];
    return type === 'opened' ? ['open'] : type === 'halfOpened' ? ['halfOpen'] : [type];
  });
  expect(told).toHaveLength(epochOf(words[WORD_CELL]!) - 1 - unchanged);
  told.forEach((state, at) => {
    taken.add(`${told[at - 1] ?? 'closed'} to ${state}`);
  });
  expect(told.at(-1) ?? 'closed').toBe(breaker.state);
  expect(events.some(({ type }) => type === 'error')).toBe(false);
  expect(breaker.save().state).toBe(breaker.state);
  breaker.close();
}

describe('the shared memory of a breaker', () => {
  it('never takes a step that the machine does not have, whatever several threads do', () => {
    fc.assert(
      fc.property(fc.array(command, { minLength: 30, maxLength: 150, size: 'max' }), (commands) =>
        follow(commands),
      ),
      { numRuns: 600, seed: 7 },
    );
    const all = [...steps].flatMap(([from, targets]) => [...targets].map((to) => `${from} to ${to}`));
    expect([...taken].sort()).toEqual(all.sort());
  });

  it('is refused by this test when the machine has no such step', () => {
    expect(leads('closed', 'halfOpen', 1)).toBe(false);
    expect(leads('closed', 'halfOpen', 2)).toBe(true);
    expect(leads('heldOpen', 'closed', 1)).toBe(false);
  });
});
