import { getEventListeners } from 'node:events';
import { setTimeout as pass } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { BreakerOpenError, InvalidOptionsError, PipelineError } from '../../../src/core/errors.js';
import { ProviderError } from '../../../src/core/provider-error.js';
import type { ThrottledCall } from '../../../src/resilience/breaker/breaker-calls.js';
import type { BreakerHandle } from '../../../src/resilience/breaker/breaker-handle.js';
import type { BreakerOptions } from '../../../src/resilience/breaker/breaker-options.js';
import { classifyError } from '../../../src/resilience/breaker/classify.js';
import { createBreaker } from '../../../src/resilience/breaker/create-breaker.js';
import { openBreaker } from '../../../src/resilience/breaker/open-breaker.js';
import { STRIPE_CELLS, STRIPES, STRIPES_CELL } from '../../../src/shared-memory/breaker-memory.js';
import { startBreaker } from './breaker-fixtures.js';

const abortError = Object.assign(new Error('aborted'), { name: 'AbortError' });
const failing = () => Promise.reject(new Error('down'));

describe('execute', () => {
  it.each([
    ['a promise', () => Promise.resolve(7)],
    ['a value', () => 7],
    // biome-ignore lint/suspicious/noThenProperty: what is tested
    ['a thenable', () => ({ then: (take: (value: number) => void) => take(7) }) as PromiseLike<number>],
  ])('gives what the function gives: %s', async (_, call) => {
    const { breaker } = startBreaker();
    expect(await breaker.execute(call)).toBe(7);
    expect(breaker.counts.succeeded).toBe(1);
  });

  it('rejects with what the function throws, at once or later, and counts it', async () => {
    const { breaker } = startBreaker({ failuresInRow: 2 });
    const error = new Error('down');
    const now = () => {
      throw error;
    };
    await expect(breaker.execute(now)).rejects.toBe(error);
    await expect(breaker.execute(() => Promise.reject(error))).rejects.toBe(error);
    expect(breaker.state).toBe('open');
    let called = false;
    const call = breaker.execute(() => {
      called = true;
    });
    await expect(call).rejects.toBeInstanceOf(BreakerOpenError);
    expect(called).toBe(false);
  });

  it('ends a probe', async () => {
    const { breaker, clock, trip } = startBreaker({ failuresInRow: 1, probes: 1 });
    trip();
    await clock.advance(1_000);
    await expect(breaker.execute(() => Promise.reject(abortError))).rejects.toBe(abortError);
    expect(breaker.state).toBe('halfOpen');
    expect(await breaker.execute(() => 1)).toBe(1);
    expect(breaker.state).toBe('closed');
  });

  it('does not begin, and counts nothing, once its signal is aborted', async () => {
    const { breaker } = startBreaker();
    const reason = new Error('enough');
    const call = breaker.execute(() => expect.unreachable(), { signal: AbortSignal.abort(reason) });
    await expect(call).rejects.toBe(reason);
    expect(Object.values(breaker.counts).every((count) => count === 0)).toBe(true);
  });

  it('ignores a failure after its signal was aborted, whatever the error', async () => {
    const { breaker } = startBreaker({ failuresInRow: 1 });
    const abort = new AbortController();
    const call = breaker.execute(
      async (signal) => {
        expect(signal).toBe(abort.signal);
        abort.abort();
        throw new TypeError('socket closed');
      },
      { signal: abort.signal },
    );
    await expect(call).rejects.toBeInstanceOf(TypeError);
    expect(breaker.state).toBe('closed');
    expect(breaker.counts).toMatchObject({ ignored: 1, failed: 0 });
  });

  it('leaves no listener on the signal', async () => {
    const { breaker } = startBreaker();
    const { signal } = new AbortController();
    for (let i = 0; i < 100; i++) await breaker.execute(() => i, { signal });
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('counts a call as a failure whose error the classifier cannot take', async () => {
    const classify = () => {
      throw new Error('a bad classifier');
    };
    const { breaker } = startBreaker({ failuresInRow: 1 }, { classify });
    await expect(breaker.execute(failing)).rejects.toThrow('down');
    expect(breaker.state).toBe('open');
  });

  it.each([400, 401, 403, 404, 501])('stays closed however often the status is %i', async (status) => {
    const { breaker } = startBreaker({ failuresInRow: 5 });
    const refused = () => Promise.reject(Object.assign(new Error('no'), { status }));
    for (let call = 0; call < 20; call++) await expect(breaker.execute(refused)).rejects.toThrow('no');
    expect(breaker.state).toBe('closed');
    expect(breaker.counts).toMatchObject({ ignored: 20, failed: 0 });
  });

  it('takes a RuntimeError of status 429 for throttled, with what it asks for', async () => {
    const calls: ThrottledCall[] = [];
    const { breaker } = startBreaker({ failuresInRow: 1 }, { onThrottled: (call) => calls.push(call) });
    const error = Object.assign(new PipelineError('SOURCE_FAILED', 'slow down'), {
      status: 429,
      retryAfterMs: 250,
    });
    await expect(breaker.execute(() => Promise.reject(error))).rejects.toBe(error);
    expect(calls).toEqual([{ retryAfterMs: 250, error }]);
    expect(breaker.state).toBe('closed');
  });

  it('tells of a throttled call and does not open for it', async () => {
    const calls: ThrottledCall[] = [];
    const { breaker } = startBreaker({ failuresInRow: 1 }, { onThrottled: (call) => calls.push(call) });
    const error = { status: 429, headers: new Headers({ 'retry-after': '3' }) };
    await expect(breaker.execute(() => Promise.reject(error))).rejects.toBe(error);
    expect(calls).toEqual([{ retryAfterMs: 3_000, error }]);
    expect(breaker.state).toBe('closed');
    expect(breaker.counts).toMatchObject({ throttled: 1, failed: 0 });
  });
});

describe('the default classifier', () => {
  it.each([
    [abortError, 'ignored'],
    [new DOMException('x', 'AbortError'), 'ignored'],
    [new DOMException('x', 'TimeoutError'), 'failure'],
    [new PipelineError('OPTIONS_INVALID', 'bad input'), 'ignored'],
    [new PipelineError('SOURCE_FAILED', 'down'), 'failure'],
    [new TypeError('fetch failed'), 'failure'],
    [{ status: 429 }, 'throttled'],
    [{ statusCode: 429 }, 'throttled'],
    [{ response: { status: 429 } }, 'throttled'],
    [{ status: 503 }, 'failure'],
    [{ status: 401 }, 'ignored'],
    [{ status: 404 }, 'ignored'],
    [Object.assign(new PipelineError('SOURCE_FAILED', 'slow down'), { status: 429 }), 'throttled'],
    [new ProviderError('throttled', 'slow down'), 'throttled'],
    [new ProviderError('entitlement', 'not subscribed'), 'ignored'],
    [new ProviderError('protocol', 'no JSON'), 'failure'],
    [new PipelineError('LATE_ROW', 'late'), 'ignored'],
    [new TypeError('fetch failed', { cause: abortError }), 'ignored'],
    ['a text', 'failure'],
    [undefined, 'failure'],
    [null, 'failure'],
  ])('takes %o for %s', (error, kind) => {
    expect(classifyError(error)).toBe(kind);
  });

  it('does not count the refusal of another breaker', async () => {
    const inner = startBreaker({ name: 'inner', failuresInRow: 1 });
    const outer = startBreaker({ name: 'outer', failuresInRow: 1 });
    inner.trip();
    const call = outer.breaker.execute(() => inner.breaker.execute(() => 1));
    await expect(call).rejects.toMatchObject({ refusal: { breaker: 'inner' } });
    expect(outer.breaker.state).toBe('closed');
  });
});

describe('a call with wrong arguments', () => {
  it('is refused, and no failure of the provider', async () => {
    const { breaker } = startBreaker({ failuresInRow: 1 });
    await expect(breaker.execute(undefined as never)).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
    await expect(breaker.execute(() => 7, null as never)).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
    await expect(breaker.execute(() => 7, { timeoutMs: 0 })).rejects.toThrow(
      'timeoutMs: expected 1 or more, found 0',
    );
    expect([breaker.state, breaker.counts.failed]).toEqual(['closed', 0]);
  });
});

describe('whenCallable', () => {
  it('waits for the open time, and for no longer than the signal', async () => {
    const { breaker, clock, trip } = startBreaker({ failuresInRow: 1 });
    await breaker.whenCallable();
    trip();
    let isCallable = false;
    void breaker.whenCallable().then(() => {
      isCallable = true;
    });
    await clock.advance(999);
    expect(isCallable).toBe(false);
    await clock.advance(1);
    expect(isCallable).toBe(true);
    breaker.hold();
    const abort = new AbortController();
    const waits = Array.from({ length: 8 }, () => breaker.whenCallable(abort.signal));
    abort.abort();
    await Promise.all(waits);
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0);
    expect(clock.timersPending).toBe(0);
  });

  it('hears of a release, in another thread too', async () => {
    const { breaker, other } = startBreaker();
    const release = breaker.hold();
    const waits = [breaker.whenCallable(), other(5).whenCallable()];
    await pass(0);
    release();
    await Promise.all(waits);
    expect(breaker.refusal()).toBeUndefined();
  });
});

describe('the options of a breaker', () => {
  it('are five failures in a row if nothing is said', () => {
    const breaker = createBreaker({ name: 'plain' });
    expect(breaker.settings).toMatchObject({ failuresInRow: 5, openMs: 5_000, probes: 1 });
    breaker.close();
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['no name', { name: '' }, /name: expected a text of 1 to 200 characters/],
    ['a rate of 0', { countWindow: { failureRate: 0 } }, /countWindow.failureRate: expected a rate above 0/],
    [
      'a window that can open on nothing',
      { timeWindow: {} },
      /expected "failureRate", "slowCallRate" or both/,
    ],
    [
      'a volume above the size',
      { countWindow: { size: 5, minimumVolume: 6, failureRate: 1 } },
      /minimumVolume/,
    ],
    ['slow calls without a duration', { timeWindow: { slowCallRate: 1 } }, /slowCallMs: expected a duration/],
    ['a cap below the open time', { openMs: 10, openMsMax: 5 }, /openMsMax: expected no less than "openMs"/],
    ['an unknown option', { openms: 10 }, /openms: there is no such option/],
  ])('are refused: %s', (_, options, message) => {
    const create = () => createBreaker({ name: 'x', ...options } as BreakerOptions);
    expect(create).toThrow(InvalidOptionsError);
    expect(create).toThrow(message);
  });

  it('come with the handle, which is refused if it is none', () => {
    const { breaker } = startBreaker();
    const handle = breaker.handle();
    expect(openBreaker(structuredClone(handle)).name).toBe('test');
    expect(() => openBreaker({ ...handle, protocol: 1 as 3 })).toThrow(/found protocol 1, not 3/);
    expect(() => openBreaker({ ...handle, memory: new SharedArrayBuffer(8) })).toThrow(/found 8/);
    const garbage = new SharedArrayBuffer(handle.memory.byteLength);
    for (const byte of [0xff, 0x7e, 0x40]) {
      new Uint8Array(garbage).fill(byte);
      expect(() => openBreaker({ ...handle, memory: garbage })).toThrow(/found memory without its options/);
    }
  });

  it.each<[string, (handle: BreakerHandle) => unknown]>([
    ['nothing', () => undefined],
    ['null', () => null],
    ['a text', () => 'breaker'],
    ['a handle of another kind', (handle) => ({ ...handle, kind: 'tickloom.rate' })],
    ['a handle without a protocol', ({ protocol: _protocol, ...rest }) => rest],
    ['a handle without a name', ({ name: _name, ...rest }) => rest],
    ['a handle without memory', ({ memory: _memory, ...rest }) => rest],
    ['a handle of memory that is not shared', (handle) => ({ ...handle, memory: new ArrayBuffer(8_192) })],
  ])('do not come with %s, which is no handle', (_, change) => {
    const { breaker } = startBreaker();
    expect(() => openBreaker(change(breaker.handle()) as BreakerHandle)).toThrow(
      expect.objectContaining({ code: 'HANDLE_INVALID' }),
    );
  });
});

describe('the counts of calls', () => {
  it('lose none when there are more threads than places, and go beyond 32 bits', () => {
    const { breaker, other } = startBreaker();
    const clients = Array.from({ length: 40 }, (_, id) => other(id + 1));
    for (let round = 0; round < 3; round++) for (const client of clients) client.permit().succeed();
    expect(breaker.counts.succeeded).toBe(120);
    const words = new Int32Array(breaker.handle().memory);
    // As after 2³² − 1 calls in each place.
    for (let stripe = 0; stripe < STRIPES; stripe++) {
      words.set([-1, 1], STRIPES_CELL + stripe * STRIPE_CELLS);
    }
    expect(breaker.counts.succeeded).toBe(STRIPES * (2 ** 32 - 1));
    for (const client of clients) client.permit().succeed();
    expect(breaker.counts.succeeded).toBe(STRIPES * (2 ** 32 - 1) + 40);
  });

  it('are kept when the place of a dead thread is given to another', () => {
    const { breaker, other } = startBreaker();
    for (let id = 1; id < 100; id++) {
      other(id).permit().succeed();
      breaker.reclaim(id);
    }
    expect(breaker.counts.succeeded).toBe(99);
    const words = new Int32Array(breaker.handle().memory);
    expect(words[STRIPES_CELL]).toBe(0); // nobody had to share
  });
});
