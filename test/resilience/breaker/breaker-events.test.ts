import { getEventListeners } from 'node:events';
import { setTimeout as pass } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { InspectionEvent } from 'xstate';
import type { BreakerEvent } from '../../../src/resilience/breaker/breaker-event.js';
import { createBreakerMachine } from '../../../src/resilience/breaker/breaker-machine.js';
import { CircuitBreaker } from '../../../src/resilience/breaker/circuit-breaker.js';
import { classifyError } from '../../../src/resilience/breaker/classify.js';
import { createBreaker } from '../../../src/resilience/breaker/create-breaker.js';
import { openBreaker } from '../../../src/resilience/breaker/open-breaker.js';
import { SimulatedClock } from '../../support/simulated-clock.js';
import { admits, PLAIN, settingsOf, startBreaker } from './breaker-fixtures.js';

describe('what a breaker tells', () => {
  it('is each step, with its cause, and each probe', async () => {
    const { breaker, clock, trip, types, events } = startBreaker({ failuresInRow: 1, probes: 2 });
    trip();
    await clock.advance(1_000);
    breaker.permit().fail();
    await clock.advance(1_000);
    breaker.permit().succeed();
    breaker.permit().succeed();
    breaker.hold();
    breaker.disable();
    breaker.releaseAll();
    breaker.enable();
    expect(types()).toEqual([
      ...['opened', 'halfOpened', 'probe', 'opened', 'halfOpened', 'probe', 'probe', 'closed'],
      ...['heldOpen', 'disabled', 'closed'],
    ]);
    expect(events.filter(({ type }) => type === 'probe')).toMatchObject([
      { outcome: 'failed', thread: 0 },
      { outcome: 'succeeded' },
      { outcome: 'succeeded' },
    ]);
    expect(events.filter(({ type }) => type === 'closed')).toMatchObject([
      { cause: 'probes' },
      { cause: 'enabled' },
    ]);
  });

  it('comes from other threads without being asked for, and without a timer', async () => {
    const { other, clock, types, breaker } = startBreaker({ failuresInRow: 1 });
    expect(clock.timersPending).toBe(0);
    other(3).permit().fail();
    expect(types()).toEqual([]);
    while (types().length === 0) await pass(0);
    expect(types()).toEqual(['opened']);
    expect(clock.timersPending).toBe(1);
    breaker.close();
  });

  it('is told on when a listener throws, which changes nothing', () => {
    const { breaker, events, trip } = startBreaker({ failuresInRow: 1 });
    const error = new Error('a bad listener');
    const off = breaker.subscribe(() => {
      throw error;
    });
    const after: string[] = [];
    breaker.subscribe(({ type }) => after.push(type));
    trip();
    expect(breaker.state).toBe('open');
    expect(after).toEqual(['opened', 'error']);
    expect(events.at(-1)).toEqual({ type: 'error', breaker: 'test', in: 'listener', error });
    off();
    breaker.reset();
    expect(after).toEqual(['opened', 'error', 'closed']);
  });

  it('is in order for everybody, also when a listener steers the breaker', () => {
    const { breaker, trip } = startBreaker({ failuresInRow: 1 });
    breaker.subscribe(({ type }) => {
      if (type === 'opened') breaker.reset();
    });
    const seen: string[] = [];
    breaker.subscribe(({ type }) => seen.push(type));
    breaker.permit().fail();
    expect(seen).toEqual(['opened', 'closed']);
    expect(breaker.state).toBe('closed');
    expect(trip).toBeDefined();
  });

  it('has a trip of another thread that came in the middle of a hold, before the hold', () => {
    class Interrupted extends SimulatedClock {
      interrupt: (() => void) | undefined;
      override now() {
        const { interrupt } = this;
        this.interrupt = undefined;
        interrupt?.();
        return super.now();
      }
    }
    const clock = new Interrupted();
    const { breaker, other, types } = startBreaker({ failuresInRow: 1 }, { clock });
    const client = other(3);
    clock.interrupt = () => client.permit().fail();
    breaker.hold();
    expect(types()).toEqual(['opened', 'heldOpen']);
    expect(breaker.state).toBe('heldOpen');
  });

  it('is a stream with a bound that says what was missed', async () => {
    const { breaker } = startBreaker();
    const stream = breaker.events({ capacity: 2 });
    const larger = breaker.events({ capacity: 3 });
    for (let round = 0; round < 3; round++) breaker.hold()();
    breaker.close();
    const read = async (events: AsyncIterable<BreakerEvent>) => {
      const got: BreakerEvent[] = [];
      for await (const event of events) got.push(event);
      return got.map((event) => (event.type === 'missed' ? event.count : event.type));
    };
    expect(await read(stream)).toEqual([4, 'heldOpen', 'halfOpened']);
    expect(await read(larger)).toEqual([3, 'halfOpened', 'heldOpen', 'halfOpened']);
  });

  it('costs nothing as a stream that nobody reads', async () => {
    const { breaker } = startBreaker();
    const abort = new AbortController();
    for (let i = 0; i < 100; i++) breaker.events({ signal: abort.signal });
    const left = breaker.events({ signal: abort.signal });
    const next = left.next();
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(1);
    breaker.hold();
    expect((await next).value).toMatchObject({ type: 'heldOpen' });
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0);
    await left.return();
  });

  it('is a stream that waits for events, and ends with its signal', async () => {
    const { breaker } = startBreaker();
    const abort = new AbortController();
    const stream = breaker.events({ signal: abort.signal });
    const next = stream.next();
    breaker.hold();
    expect((await next).value).toMatchObject({ type: 'heldOpen' });
    const last = stream.next();
    abort.abort();
    expect((await last).done).toBe(true);
  });

  it('is shown to an inspector of XState, and survives one that throws', () => {
    const seen: string[] = [];
    const inspect = (event: InspectionEvent) => {
      if (event.type === '@xstate.event') seen.push(event.event.type);
      if (seen.length > 1) throw new Error('a bad inspector');
    };
    const { breaker, events } = startBreaker({}, { inspect });
    breaker.hold();
    expect(seen).toContain('hold');
    expect(breaker.state).toBe('heldOpen');
    expect(events).toContainEqual(expect.objectContaining({ type: 'error', in: 'listener' }));
  });
});

describe('a breaker that has lost its machine', () => {
  function startBroken(whenBroken: 'fail-open' | 'fail-closed') {
    const clock = new SimulatedClock();
    const settings = settingsOf({ failuresInRow: 2, whenBroken });
    const machine = createBreakerMachine(settings, 1).provide({
      actions: {
        tell: () => {
          if (armed) throw new RangeError('an action threw');
        },
      },
    });
    let armed = false;
    const breaker = new CircuitBreaker(settings, { clock, seed: 1, classify: classifyError, machine });
    const events: BreakerEvent[] = [];
    breaker.subscribe((event) => events.push(event));
    const other = openBreaker(breaker.handle(), { clock });
    armed = true;
    return { breaker, clock, events, other };
  }

  it('lets all calls through where it is to fail open, and says so', () => {
    const { breaker, events, other } = startBroken('fail-open');
    for (let i = 0; i < 2; i++) other.permit().fail();
    expect(admits(other)).toBe(false);
    expect(breaker.state).toBe('disabled');
    expect(events).toEqual([
      { type: 'error', breaker: 'test', in: 'machine', error: expect.any(RangeError) },
    ]);
    for (let i = 0; i < 5; i++) other.permit().fail();
    expect(admits(other) && admits(breaker)).toBe(true);
  });

  it('refuses all calls where it is to fail closed, and says why', async () => {
    const { breaker, clock, events, other } = startBroken('fail-closed');
    for (let i = 0; i < 2; i++) other.permit().fail();
    expect(breaker.state).toBe('heldOpen');
    await clock.advance(1e9);
    expect(admits(other) || admits(breaker)).toBe(false);
    expect(other.refusal()).toMatchObject({ reason: 'machineBroken', retryAfterMs: undefined });
    expect(events).toHaveLength(1);
    expect(clock.timersPending).toBe(0);
  });

  it('cannot be steered any more', () => {
    const { breaker, events } = startBroken('fail-open');
    breaker.hold();
    expect(events.map(({ type }) => type)).toEqual(['error']);
    for (const steer of [() => breaker.hold(), () => breaker.reset(), () => breaker.save()]) {
      expect(steer).toThrow(/has lost its machine/);
    }
    breaker.close();
  });
});

describe('a breaker that is closed down', () => {
  it('leaves other threads what "whenBroken" says, and no timer', () => {
    for (const whenBroken of ['fail-open', 'fail-closed'] as const) {
      const { breaker, clock, other, trip } = startBreaker({ failuresInRow: 1, whenBroken });
      trip();
      breaker.close();
      breaker.close();
      expect(clock.timersPending).toBe(0);
      expect(admits(other(1))).toBe(whenBroken === 'fail-open');
      expect(() => breaker.reset()).toThrow(/was closed down/);
    }
  });

  it('takes the outcome of a probe for late', async () => {
    const { breaker, clock, trip } = startBreaker({ failuresInRow: 1 });
    trip();
    await clock.advance(1_000);
    const probe = breaker.permit();
    breaker.close();
    probe.succeed();
    expect(breaker.counts).toMatchObject({ late: 1, succeeded: 0 });
  });
});

describe('a saved breaker', () => {
  it('goes on with what was left of its open time, and with its growth', async () => {
    const { breaker, clock, trip } = startBreaker({ failuresInRow: 1, openFactor: 2 });
    trip();
    await clock.advance(1_000);
    breaker.permit().fail();
    await clock.advance(500);
    const saved = JSON.parse(JSON.stringify(breaker.save()));
    expect(saved).toMatchObject({ state: 'open', openings: 2, openLeftMs: 1_500, reason: 'probesFailed' });

    // Another process: its clock without steps begins anew; 300 ms have passed meanwhile.
    const later = new SimulatedClock({ now: 7n, wall: clock.wall() + 300_000_000n });
    const next = startBreaker({ failuresInRow: 1, openFactor: 2 }, { clock: later, saved });
    expect(next.breaker.state).toBe('open');
    await later.advance(1_199);
    expect(next.breaker.state).toBe('open');
    await later.advance(1);
    expect(next.breaker.state).toBe('halfOpen');
    next.breaker.permit().fail();
    expect(next.events.at(-1)).toMatchObject({ type: 'opened', openForMs: 4_000, openings: 3 });
  });

  it('is not open for longer because the wall clock was set back', async () => {
    const { breaker, clock, trip } = startBreaker({ failuresInRow: 1 });
    trip();
    const saved = breaker.save();
    const later = new SimulatedClock({ wall: clock.wall() - 3_600_000_000_000n });
    const next = startBreaker({ failuresInRow: 1 }, { clock: later, saved });
    await later.advance(1_000);
    expect(next.breaker.state).toBe('halfOpen');
  });

  it.each(['closed', 'halfOpen', 'heldOpen', 'disabled'] as const)('is %s again', (state) => {
    const saved = { version: 1, state, openings: 0, holds: state === 'heldOpen' ? 2 : 0, savedAtMs: 1 };
    const { breaker } = startBreaker({}, { saved });
    expect(breaker.state).toBe(state);
    if (state !== 'heldOpen') return;
    breaker.hold()();
    expect(breaker.state).toBe('heldOpen');
    breaker.releaseAll();
    expect(breaker.state).toBe('halfOpen');
  });

  it('is refused with all that is wrong with it', () => {
    const saved = { version: 1, state: 'ajar', openings: -1, holds: 0, savedAtMs: 1 };
    expect(() => createBreaker(PLAIN, { saved })).toThrow(/breaker\.saved[\s\S]*state[\s\S]*openings/);
  });
});
