import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ToldState } from '../../../src/resilience/breaker/told-state.js';
import { SimulatedClock } from '../../support/simulated-clock.js';
import { admits, startBreaker, startHalfOpen } from './breaker-fixtures.js';
import '../../support/property-seed.js';

const open = (version: number, openLeftMs?: number): ToldState => ({
  state: 'open',
  version,
  ...(openLeftMs !== undefined && { openLeftMs }),
});

/** Does something just before its time is read for the n-th time from now. */
class HookedClock extends SimulatedClock {
  #left = 0;
  #hook = () => {};

  constructor() {
    super({ now: 5_000_000_000n });
  }

  hook(nth: number, hook: () => void): void {
    this.#left = nth;
    this.#hook = hook;
  }

  override now() {
    if (this.#left > 0 && --this.#left === 0) this.#hook();
    return super.now();
  }
}

describe('a breaker that is told of a state that was found elsewhere', () => {
  it('opens in all threads, for the time that is left there, and then goes on trial', async () => {
    const { breaker, clock, events, other } = startBreaker();
    const thread = other(7);
    breaker.told(open(1, 300));
    expect([admits(breaker), admits(thread)]).toEqual([false, false]);
    expect(events).toMatchObject([{ type: 'opened', reason: 'told', openForMs: 300 }]);
    await clock.advance(299);
    expect(breaker.state).toBe('open');
    await clock.advance(1);
    expect(breaker.state).toBe('halfOpen');
  });

  it('is open no longer than its own options allow', () => {
    const { breaker } = startBreaker({ openMsMax: 5_000 });
    breaker.told(open(1, 80_000));
    expect(breaker.status().openLeftMs).toBe(5_000);
  });

  it('closes, and says by what', async () => {
    const { breaker, events } = await startHalfOpen();
    breaker.told({ state: 'closed', version: 1 });
    expect(breaker.state).toBe('closed');
    expect(events.at(-1)).toEqual({ type: 'closed', breaker: 'test', cause: 'told' });
  });

  it('goes on trial when others do, whatever is left of its own open time', () => {
    const { breaker, trip } = startBreaker();
    trip();
    breaker.told({ state: 'halfOpen', version: 1 });
    expect(breaker.state).toBe('halfOpen');
  });

  it('stays open for longer if it is told so, and never shorter', async () => {
    const { breaker, clock, trip, types } = startBreaker();
    trip();
    await clock.advance(500);
    breaker.told(open(1, 2_000));
    breaker.told(open(2, 10));
    expect(breaker.status().openLeftMs).toBe(2_000);
    expect(types()).toEqual(['opened']);
    await clock.advance(1_999);
    expect(breaker.state).toBe('open');
    await clock.advance(1);
    expect(breaker.state).toBe('halfOpen');
  });

  it('stays open for its own time if a thread opens it while it is told', async () => {
    const openMs = 5_000;
    let opens = 0;
    for (let nth = 1; nth <= 8; nth++) {
      const clock = new HookedClock();
      const { breaker, trip, other } = startBreaker({ openMs, failuresInRow: 1 }, { clock });
      const thread = other(7, new SimulatedClock({ now: clock.now() }));
      clock.hook(nth, () => {
        try {
          thread.permit().fail();
          opens++;
        } catch {} // it is open already
      });
      breaker.told(open(1, 10));
      const isOwn = breaker.status().reason === 'failuresInRow';
      if (isOwn) expect(breaker.status().openLeftMs, `call ${nth} of the clock`).toBe(openMs);
      clock.hook(0, () => {});
      await clock.advance(20);
      if (isOwn) expect(breaker.state).toBe('open');
      trip();
    }
    expect(opens).toBeGreaterThan(0);
  });

  it('ignores a version that is not higher than the last one', () => {
    const { breaker } = startBreaker();
    breaker.told({ state: 'closed', version: 5 });
    breaker.told(open(4));
    breaker.told(open(5));
    expect(breaker.state).toBe('closed');
    expect(breaker.toldVersion).toBe(5);
    breaker.told(open(6));
    expect(breaker.state).toBe('open');
  });

  it('opens again on failures of its own', () => {
    const { breaker, trip } = startBreaker({ failuresInRow: 3 });
    breaker.told(open(1));
    breaker.told({ state: 'closed', version: 2 });
    trip();
    expect(breaker.state).toBe('open');
  });

  it.each(['held', 'disabled'] as const)(
    'is not moved while it is %s by hand, and follows afterwards',
    (by) => {
      const { breaker } = startBreaker();
      const release = by === 'held' ? breaker.hold() : () => breaker.enable();
      if (by === 'disabled') breaker.disable();
      const before = breaker.state;
      breaker.told(open(1));
      expect(breaker.state).toBe(before);
      expect(breaker.toldVersion).toBe(0);
      release();
      breaker.told(open(1));
      expect(breaker.state).toBe('open');
    },
  );

  it.each<[string, unknown]>([
    ['another state', { state: 'heldOpen', version: 1 }],
    ['no version', { state: 'open' }],
    ['version 0', { state: 'open', version: 0 }],
    ['a time that is none', { state: 'open', version: 1, openLeftMs: Number.NaN }],
  ])('refuses %s, and stays as it is', (_, told) => {
    const { breaker } = startBreaker();
    expect(() => breaker.told(told as ToldState)).toThrow(
      expect.objectContaining({ code: 'OPTIONS_INVALID' }),
    );
    expect(breaker.state).toBe('closed');
  });

  it('comes to the state of the highest version, in whatever order and however often they come', () => {
    const state = fc.constantFrom<ToldState['state']>('closed', 'open', 'halfOpen');
    fc.assert(
      fc.property(
        fc.array(state, { minLength: 1, maxLength: 12 }),
        fc.infiniteStream(fc.nat()),
        (states, order) => {
          const { breaker } = startBreaker();
          const told = states.map((one, i): ToldState => ({ state: one, version: i + 1 }));
          const sent = told
            .flatMap((one) => [one, one])
            .map((one) => [order.next().value as number, one] as const);
          for (const [, one] of sent.sort(([a], [b]) => a - b)) breaker.told(one);
          expect(breaker.state).toBe(states.at(-1));
          expect(breaker.toldVersion).toBe(states.length);
        },
      ),
    );
  });
});
