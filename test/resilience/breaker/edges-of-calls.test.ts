import { getEventListeners } from 'node:events';
import { describe, expect, vi } from 'vitest';
import { CallTimeoutError } from '../../../src/core/errors.js';
import { COUNT_CELL } from '../../../src/resilience/breaker/call-counts.js';
import type { FailureClass } from '../../../src/resilience/breaker/classify.js';
import { openBreaker } from '../../../src/resilience/breaker/open-breaker.js';
import { STRIPES, STRIPES_CELL } from '../../../src/shared-memory/breaker-memory.js';
import { startBreaker } from './breaker-fixtures.js';
import { edge, openError } from './edge-rig.js';

const hanging = () => new Promise<never>(() => {});
const failing = () => Promise.reject(new Error('down'));
const throttled = () => Promise.reject({ status: 429 });

describe('breaker, around calls that take too long', () => {
  edge('call that takes longer than `timeoutMs`', async () => {
    const { breaker, clock } = startBreaker({ failuresInRow: 2, timeoutMs: 500 });
    const signals: AbortSignal[] = [];
    const slow = breaker.execute((signal) => {
      signals.push(signal);
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    });
    const deaf = breaker.execute(hanging);
    const ends = Promise.allSettled([slow, deaf]);
    await clock.advance(499);
    expect(breaker.state).toBe('closed');
    await clock.advance(1);
    for (const end of await ends) {
      expect(end).toMatchObject({ status: 'rejected', reason: expect.any(CallTimeoutError) });
    }
    expect(signals[0]!.reason).toMatchObject({ name: 'TimeoutError', code: 'CALL_TIMED_OUT' });
    expect(breaker.state).toBe('open');
    expect(breaker.counts.failed).toBe(2);
  });

  edge('call that ends after it was given up', async () => {
    const { breaker, clock } = startBreaker({ failuresInRow: 2, timeoutMs: 500 });
    const settle: (() => void)[] = [];
    const ends = Promise.allSettled([
      breaker.execute(() => new Promise<void>((resolve) => settle.push(resolve))),
      breaker.execute(() => new Promise<void>((_, reject) => settle.push(() => reject(new Error('late'))))),
    ]);
    await clock.advance(500);
    await ends;
    for (const now of settle) now();
    await clock.advance(0);
    expect(breaker.counts).toMatchObject({ failed: 2, succeeded: 0, late: 0 });
  });

  edge('time limit of one call', async () => {
    const { breaker, clock } = startBreaker({ failuresInRow: 1, timeoutMs: 500 });
    const patient = breaker.execute(hanging, { timeoutMs: 2_000 }).catch((error: unknown) => error);
    await clock.advance(1_999);
    expect(breaker.state).toBe('closed');
    await clock.advance(1);
    expect(await patient).toBeInstanceOf(CallTimeoutError);
    expect(breaker.state).toBe('open');
    await expect(breaker.execute(hanging, { timeoutMs: Number.NaN })).rejects.toThrow(/timeoutMs/);
  });

  edge('probe that takes longer than `timeoutMs`', async () => {
    const { breaker, clock, trip } = startBreaker({ failuresInRow: 1, timeoutMs: 100 });
    trip();
    await clock.advance(1_000);
    const probe = breaker.execute(hanging).catch(() => {});
    expect(breaker.state).toBe('halfOpen');
    await clock.advance(100);
    await probe;
    expect(breaker.state).toBe('open');
  });

  edge('time-out by the signal of the caller', async () => {
    const { breaker } = startBreaker({ failuresInRow: 2 });
    for (const [reason, error] of [
      [new DOMException('too slow', 'TimeoutError'), new DOMException('aborted', 'AbortError')],
      [new CallTimeoutError('outer', 5), new TypeError('socket closed')],
    ]) {
      const abort = new AbortController();
      const call = breaker.execute(
        () => {
          abort.abort(reason);
          throw error;
        },
        { signal: abort.signal },
      );
      await expect(call).rejects.toBe(error);
    }
    expect(breaker.counts).toMatchObject({ failed: 2, ignored: 0 });
    expect(breaker.state).toBe('open');
  });

  edge('call that its caller cancels', async () => {
    const { breaker, clock } = startBreaker({ failuresInRow: 1, timeoutMs: 500 });
    const abort = new AbortController();
    const call = breaker.execute(
      (signal) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('closed')))),
      { signal: abort.signal },
    );
    abort.abort();
    await expect(call).rejects.toThrow('closed');
    expect(breaker.counts).toMatchObject({ failed: 0, ignored: 1 });
    expect(clock.timersPending).toBe(0);
  });

  edge('signal that many calls share', async () => {
    const { breaker, clock } = startBreaker({ timeoutMs: 500 });
    const { signal } = new AbortController();
    const settle: (() => void)[] = [];
    const calls = Array.from({ length: 100 }, () =>
      breaker.execute(() => new Promise<void>((resolve) => settle.push(resolve)), { signal }),
    );
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    for (const now of settle) now();
    await Promise.all(calls);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    expect(clock.timersPending).toBe(0);
    for (const of of [AbortSignal.timeout(60_000), AbortSignal.any([signal, AbortSignal.timeout(60_000)])]) {
      for (let call = 0; call < 20; call++) await breaker.execute(() => call, { signal: of });
      expect(getEventListeners(of, 'abort')).toHaveLength(0);
    }
    // Calls that nobody can cancel share one that keeps no listeners.
    let never: AbortSignal | undefined;
    const { breaker: plain } = startBreaker();
    for (let call = 0; call < 20; call++) {
      await plain.execute((own) => {
        never = own;
        own.addEventListener('abort', () => {});
      });
    }
    expect(never?.aborted).toBe(false);
    expect(getEventListeners(never!, 'abort')).toHaveLength(0);
  });
});

describe('breaker, with functions of the user that fail', () => {
  const bad = new Error('a bad callback');
  const throwing = () => {
    throw bad;
  };
  const rejecting = () => Promise.reject(bad) as never;

  edge('`classify` that throws, or answers what is no answer', async () => {
    for (const classify of [throwing, rejecting, () => 'fatal' as FailureClass, () => undefined as never]) {
      const { breaker, events } = startBreaker({ failuresInRow: 1 }, { classify });
      await expect(breaker.execute(failing)).rejects.toThrow('down');
      expect(breaker.state).toBe('open');
      expect(breaker.counts.failed).toBe(1);
      expect(events).toContainEqual(expect.objectContaining({ type: 'error', in: 'callback' }));
    }
    const { breaker, events } = startBreaker({}, { classify: () => 'fatal' as FailureClass });
    await expect(breaker.execute(failing)).rejects.toThrow('down');
    expect(events).toMatchObject([
      { error: { message: expect.stringMatching(/answered "fatal"; expected/) } },
    ]);
  });

  edge('`onThrottled` that throws or rejects', async () => {
    for (const onThrottled of [throwing, rejecting]) {
      const { breaker, events, clock } = startBreaker({ failuresInRow: 1 }, { onThrottled });
      await expect(breaker.execute(throttled)).rejects.toEqual({ status: 429 });
      await clock.advance(0);
      expect(breaker.counts).toMatchObject({ throttled: 1, failed: 0 });
      expect(events).toEqual([{ type: 'error', breaker: 'test', in: 'callback', error: bad }]);
    }
  });

  edge('callback that fails in another thread', async () => {
    const { breaker, clock } = startBreaker({ failuresInRow: 1 });
    const errors: unknown[] = [];
    const onCallbackError = (error: unknown) => {
      errors.push(error);
      throw error;
    };
    const told = openBreaker(breaker.handle(), { clock, onThrottled: throwing, onCallbackError });
    await expect(told.execute(throttled)).rejects.toEqual({ status: 429 });
    expect(errors).toEqual([bad]);

    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const untold = openBreaker(breaker.handle(), { clock, onThrottled: throwing });
    for (let call = 0; call < 5; call++) await untold.execute(throttled).catch(() => {});
    expect(warn.mock.calls).toEqual([
      ['A callback of breaker "test" failed: a bad callback', 'BreakerCallbackWarning'],
    ]);
    warn.mockRestore();
    expect(breaker.counts).toMatchObject({ throttled: 6, failed: 0 });
  });

  edge('listener that throws or rejects', async () => {
    for (const listener of [throwing, rejecting]) {
      const { breaker, clock, events, trip } = startBreaker({ failuresInRow: 1 });
      breaker.subscribe(listener);
      trip();
      await clock.advance(0);
      expect(breaker.state).toBe('open');
      expect(events.map(({ type }) => type)).toEqual(['opened', 'error']);
      expect(events[1]).toMatchObject({ in: 'listener', error: bad });
    }
  });
});

describe('breaker, and more threads than it has counters for', () => {
  edge('more threads than counters', () => {
    const { breaker, other } = startBreaker();
    const clients = Array.from({ length: 40 }, (_, id) => other(id + 1));
    for (let round = 0; round < 3; round++) for (const client of clients) client.permit().succeed();
    expect(breaker.counts.succeeded).toBe(120);
  });

  edge('counter that becomes free', () => {
    const { breaker, other } = startBreaker({ timeWindow: { failureRate: 1 } });
    const first = other(1);
    for (let id = 2; id < STRIPES - 1; id++) other(id);
    const late = other(99);
    const succeed = (times: number) => {
      for (let i = 0; i < times; i++) late.permit().succeed();
    };
    const shared = () => new Int32Array(breaker.handle().memory)[STRIPES_CELL + COUNT_CELL.succeeded]!;
    succeed(3_000);
    expect(shared()).toBe(3_000);
    first.close();
    succeed(3_000);
    expect(shared()).toBeLessThan(4_100);
    expect(breaker.counts.succeeded).toBe(6_000);
    expect(breaker.status().gauges?.timeWindow?.volume).toBe(6_000);
    // And it goes back like any other.
    late.close();
    const taken = shared();
    other(100).permit().succeed();
    expect(shared()).toBe(taken);
  });

  edge('thread that opens the breaker for each of its jobs', () => {
    const { breaker, other } = startBreaker();
    for (let job = 0; job < 100; job++) {
      const client = other(1 + (job % 20));
      const inFlight = client.permit();
      client.permit().succeed();
      client.close();
      inFlight.fail();
    }
    expect(breaker.counts).toMatchObject({ succeeded: 100, failed: 100, late: 0 });
    // Only what was in flight had to be counted in the place that all share.
    const words = new Int32Array(breaker.handle().memory);
    const shared = (cell: number) => words[STRIPES_CELL + cell];
    expect([shared(COUNT_CELL.succeeded), shared(COUNT_CELL.failed)]).toEqual([0, 100]);
  });
});

describe('breaker, without its owner', () => {
  edge('wait for a breaker that lets nothing through any more', async () => {
    const { breaker, other } = startBreaker({ whenBroken: 'fail-closed' });
    breaker.hold();
    const waits = [breaker.whenCallable(), other(5).whenCallable()];
    const ends = Promise.allSettled(waits);
    breaker.close();
    for (const end of await ends) {
      expect(end).toMatchObject({
        status: 'rejected',
        reason: { code: 'BREAKER_OPEN', retryable: false, refusal: { reason: 'ownerClosed' } },
      });
    }
    expect(openError(other(6)).message).toMatch(/will let no call through any more/);
    await expect(other(6).whenCallable()).rejects.toMatchObject({ code: 'BREAKER_OPEN' });

    const open = startBreaker({ failuresInRow: 1, whenBroken: 'fail-open' });
    open.trip();
    const callable = open.other(5).whenCallable();
    open.breaker.close();
    await callable;
  });
});
