import { getEventListeners } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { PipelineError } from '../../src/core/errors.js';
import { ProviderError } from '../../src/core/provider-error.js';
import { PROVIDER_ERRORS, type ProviderErrorKind } from '../../src/core/provider-error-table.js';
import type { CallOptions } from '../../src/engine/call-gate.js';
import { createGate } from '../../src/providers/create-gate.js';
import {
  ResilienceCoordinator,
  type ResilienceCoordinatorOptions,
} from '../../src/resilience/resilience-coordinator.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import type { SourceGateSettings } from '../../src/wire/resolved-spec.js';
import { SimulatedClock } from '../support/simulated-clock.js';

const X = { provider: 'x' };
const BREAKER = { failuresInRow: 2, openMs: 1_000, openFactor: 1, openJitter: 0 };
const down = () => Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
const throttled = (seconds: number) =>
  Object.assign(new Error('slow down'), { status: 429, headers: { 'retry-after': String(seconds) } });

function startGate(
  settings: Omit<ResilienceCoordinatorOptions, 'clock'> = {},
  of: SourceGateSettings = { budget: { ...X, cost: 1 }, breaker: 'x' },
) {
  const clock = new SimulatedClock();
  const resilience = new ResilienceCoordinator({
    clock,
    seed: 1,
    providers: { x: { permits: 1_000 } },
    breakers: { x: BREAKER },
    ...settings,
  });
  onTestFinished(() => {
    resilience.close();
    expect(clock.timersPending).toBe(0);
  });
  const gate = createGate(of, { use: 'feed', resilience, clock, log: silentLogger });
  const nowMs = () => Number(clock.now()) / 1e6;
  /** A call that fails with each of the errors in turn, then gives 7. */
  const start = (errors: unknown[], options?: CallOptions) => {
    const seen: { value?: number; error?: unknown; at: number[]; endedAt?: number } = { at: [] };
    gate
      .call(() => {
        seen.at.push(nowMs());
        if (errors.length > 0) throw errors.shift();
        return 7;
      }, options)
      .then(
        (value) => Object.assign(seen, { value, endedAt: nowMs() }),
        (error: unknown) => Object.assign(seen, { error, endedAt: nowMs() }),
      );
    return seen;
  };
  return { clock, resilience, gate, start };
}

describe('a call behind a gate', () => {
  it('gives what the function gives, for the permits that it names', async () => {
    const { clock, resilience, start } = startGate();
    const call = start([], { cost: 30 });
    await clock.advance(0);
    expect(call.value).toBe(7);
    expect(resilience.rates.status(X)).toMatchObject({ granted: 1, permits: 30 });
    expect(resilience.breaker('x').counts.succeeded).toBe(1);
  });

  it('takes the cost of a read where it names none', async () => {
    const { clock, resilience, start } = startGate({}, { budget: { ...X, cost: 3 } });
    start([]);
    await clock.advance(0);
    expect(resilience.rates.status(X).permits).toBe(3);
  });

  it.each(Object.keys(PROVIDER_ERRORS) as ProviderErrorKind[])(
    'does to budget and breaker what the table says of its error: %s',
    async (kind) => {
      const { clock, resilience, gate, start } = startGate();
      const { budget, breaker, callAgain } = PROVIDER_ERRORS[kind];
      const call = start([new ProviderError(kind, 'no', { retryAfterMs: 500 })]);
      await clock.advance(0);
      expect(resilience.rates.status(X).cooldownMs).toBe(budget === 'cooldown' ? 500 : 0);
      expect(resilience.breaker('x').counts).toMatchObject(
        breaker === 'failure' ? { failed: 1, ignored: 0 } : { failed: 0, ignored: 1 },
      );
      await clock.advance(1_000);
      if (callAgain) expect(call).toMatchObject({ value: 7, at: [0, 500] });
      else expect(call).toMatchObject({ error: { kind }, at: [0], endedAt: 0 });
      expect(gate.statistics().readsRetried).toBe(Number(callAgain));
    },
  );

  it('shares budget and breaker with the reads of the same source', async () => {
    const { clock, resilience, gate, start } = startGate();
    gate.read(() => 1);
    start([down(), down()]);
    await clock.advance(10);
    expect(resilience.breaker('x').state).toBe('open');
    const read = gate.read(() => 1);
    expect(read).toBeInstanceOf(Promise);
    expect(gate.pausedBy).toBe('the breaker "x" is open');
    await clock.advance(1_000);
    expect(await read).toBe(1);
    expect(gate.pausedBy).toBeUndefined();
  });

  it('runs beside others, each with a place in flight of its own', async () => {
    const { clock, resilience, gate } = startGate({ providers: { x: { permits: 1_000, inFlight: 2 } } });
    const settle: (() => void)[] = [];
    const held = () => new Promise<null>((resolve) => settle.push(() => resolve(null)));
    const calls = [gate.call(held), gate.read(held), gate.call(held)];
    await clock.advance(0);
    expect(settle).toHaveLength(2);
    expect(resilience.rates.status(X).inFlight).toBe(2);
    settle[0]!();
    await clock.advance(2);
    expect(settle).toHaveLength(3);
    for (const of of settle) of();
    await Promise.all(calls);
    expect(resilience.rates.status(X).inFlight).toBe(0);
  });

  it.each([
    ['meets a bug', () => Promise.reject(new TypeError('a bug'))],
    ['is refused', () => Promise.reject(new ProviderError('not-found', 'no'))],
    ['throws what cannot be looked at', () => Promise.reject(hostile())],
  ])('gives back its place in flight when it %s', async (_what, call) => {
    const { resilience, gate } = startGate({ providers: { x: { permits: 1_000, inFlight: 1 } } });
    await expect(gate.call(call)).rejects.toBeDefined();
    expect(() => gate.read(() => 1)).not.toThrow();
    expect(resilience.rates.status(X).inFlight).toBe(0);
  });

  it('is not made again after an outage where no breaker says when that is over', async () => {
    const { clock, start } = startGate({}, { budget: { ...X, cost: 1 } });
    const call = start([down()]);
    await clock.advance(0);
    expect(call).toMatchObject({ error: { code: 'PROVIDER_DISCONNECTED', retryable: true }, at: [0] });
  });

  it.each([
    [
      'counts as a failure if it timed out',
      new DOMException('too slow', 'TimeoutError'),
      { failed: 1, ignored: 0 },
    ],
    [
      'counts for nothing if it was cancelled',
      new DOMException('enough', 'AbortError'),
      { failed: 0, ignored: 1 },
    ],
  ])('%s by the signal of its caller', async (_what, reason, counts) => {
    const { resilience, gate } = startGate();
    const abort = new AbortController();
    const call = gate.call(
      (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(down()))),
      { signal: abort.signal },
    );
    await new Promise((resolve) => setImmediate(resolve));
    abort.abort(reason);
    await expect(call).rejects.toBe(reason);
    expect(resilience.breaker('x').counts).toMatchObject(counts);
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0);
  });

  it('ends with an error once its breaker will let nothing through any more', async () => {
    const { resilience, gate } = startGate({ breakers: { x: { ...BREAKER, whenBroken: 'fail-closed' } } });
    resilience.breaker('x').hold();
    const read = Promise.resolve(gate.read(() => 1));
    const ends = Promise.allSettled([read, gate.call(() => 1)]);
    resilience.breaker('x').close();
    for (const end of await ends) {
      expect(end).toMatchObject({ reason: { code: 'BREAKER_OPEN', retryable: false } });
    }
  });

  it('waits for what an outage asks for, and counts it', async () => {
    const { clock, resilience, start } = startGate();
    const busy = Object.assign(new Error('maintenance'), { status: 503, headers: { 'retry-after': '5' } });
    const call = start([busy]);
    await clock.advance(5_000);
    expect(call).toMatchObject({ value: 7, at: [0, 5_000] });
    expect(resilience.breaker('x').counts.failed).toBe(1);
    expect(resilience.rates.status(X).cooldownMs).toBe(0);
  });

  it('cools the budget of its provider down for everybody, though it spends from none itself', async () => {
    const { clock, resilience, gate, start } = startGate({}, { breaker: 'x' });
    const call = start([throttled(3)]);
    await clock.advance(0);
    expect(resilience.rates.status(X).cooldownMs).toBe(3_000);
    expect(gate.pausedBy).toBe('the provider asked for 3000 ms');
    await clock.advance(3_000);
    expect(call).toMatchObject({ value: 7, at: [0, 3_000] });
  });
});

describe('what a provider refuses', () => {
  it.each([400, 401, 403, 404, 501])('opens no breaker, however often it says %i', async (status) => {
    const { resilience, gate } = startGate();
    const refused = () => Promise.reject(Object.assign(new Error('no'), { status }));
    for (let call = 0; call < 5; call++) await expect(gate.call(refused)).rejects.toMatchObject({ status });
    expect(resilience.breaker('x').state).toBe('closed');
    expect(gate.statistics().readsRetried).toBe(0);
  });

  it('gives a probe back, and decides nothing', async () => {
    const { clock, resilience, start } = startGate();
    resilience.breaker('x').permit().fail();
    resilience.breaker('x').permit().fail();
    await clock.advance(1_000);
    const call = start([Object.assign(new Error('no'), { status: 404 })]);
    await clock.advance(0);
    expect(call.error).toMatchObject({ code: 'PROVIDER_NOT_FOUND' });
    expect(resilience.breaker('x').state).toBe('halfOpen');
    expect(resilience.breaker('x').refusal()).toBeUndefined();
  });

  it('says who refused it, without the credentials in it', async () => {
    const { gate } = startGate();
    const error = Object.assign(new Error('unknown key: https://x.io?apiKey=PLANTED'), { status: 401 });
    await expect(gate.call(() => Promise.reject(error))).rejects.toThrow(
      'Provider "x" did not accept the credentials (status 401): unknown key: https://x.io?apiKey=[redacted]',
    );
  });
});

describe('a RuntimeError of status 429', () => {
  it('is throttled: it cools the budget down and is no failure', async () => {
    const { clock, resilience, start } = startGate();
    const error = new PipelineError('SOURCE_FAILED', 'slow down', { retryable: true });
    const call = start([Object.assign(error, { status: 429, retryAfterMs: 250 })]);
    await clock.advance(0);
    expect(resilience.rates.status(X).cooldownMs).toBe(250);
    expect(resilience.breaker('x').counts.failed).toBe(0);
    await clock.advance(250);
    expect(call).toMatchObject({ value: 7, at: [0, 250] });
  });
});

describe('a deadline', () => {
  it('ends the wait for an open breaker, at once where it is known to be open for longer', async () => {
    const { clock, resilience, start } = startGate();
    resilience.breaker('x').permit().fail();
    resilience.breaker('x').permit().fail();
    const short = start([], { deadlineMs: 999 });
    const enough = start([], { deadlineMs: 1_000 });
    await clock.advance(0);
    expect(short).toMatchObject({ error: { code: 'BREAKER_OPEN' }, endedAt: 0, at: [] });
    await clock.advance(1_000);
    expect(enough).toMatchObject({ value: 7, at: [1_000] });
  });

  it('ends the wait for a breaker that is held by hand', async () => {
    const { clock, resilience, start } = startGate();
    const release = resilience.breaker('x').hold();
    const call = start([], { deadlineMs: 300 });
    await clock.advance(300);
    expect(call).toMatchObject({ error: { refusal: { state: 'heldOpen' } }, endedAt: 300 });
    release();
  });

  it('ends the wait for the budget', async () => {
    const { clock, gate, start } = startGate({ providers: { x: { permits: 1, per: '1h' } } });
    gate.read(() => 1);
    const call = start([], { deadlineMs: 300 });
    await clock.advance(0);
    expect(call).toMatchObject({ error: { code: 'ACQUIRE_TIMED_OUT' }, endedAt: 0, at: [] });
  });

  it('ends tries with the last error, once the next could not begin in time', async () => {
    const { clock, start } = startGate({ breakers: { x: { ...BREAKER, failuresInRow: 100 } } });
    const call = start(Array.from({ length: 9 }, down), { deadlineMs: 100 });
    await clock.advance(1_000);
    expect(call).toMatchObject({
      error: { code: 'PROVIDER_DISCONNECTED' },
      at: [0, 10, 30, 70],
      endedAt: 70,
    });
  });

  it('ends tries with the last error where the breaker has opened', async () => {
    const { clock, start } = startGate();
    const call = start([down(), down()], { deadlineMs: 500 });
    await clock.advance(1_000);
    expect(call).toMatchObject({ error: { code: 'PROVIDER_DISCONNECTED' }, at: [0, 10], endedAt: 10 });
  });

  it('that a cooldown goes beyond ends the call at once, with what the provider asked for', async () => {
    const { clock, resilience, start } = startGate();
    const call = start([throttled(60)], { deadlineMs: 500 });
    await clock.advance(0);
    expect(call).toMatchObject({ error: { kind: 'throttled', retryAfterMs: 60_000 }, endedAt: 0 });
    expect(resilience.rates.status(X).cooldownMs).toBe(60_000); // the others are to know all the same
  });

  it('that is no number is an error', async () => {
    const { gate } = startGate();
    await expect(gate.call(() => 1, { deadlineMs: Number.NaN })).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
    });
  });
});

describe('a cancelled call', () => {
  it('is not begun once its signal is aborted', async () => {
    const { resilience, gate } = startGate();
    const reason = new Error('enough');
    const call = gate.call(() => expect.unreachable(), { signal: AbortSignal.abort(reason) });
    await expect(call).rejects.toBe(reason);
    expect(resilience.rates.status(X).granted).toBe(0);
  });

  it.each([
    ['the breaker', [down(), down()]],
    ['the budget', [throttled(60)]],
    ['another try', [down()]],
  ])('ends with the reason while it waits for %s', async (_what, errors) => {
    const { clock, start } = startGate();
    const abort = new AbortController();
    const call = start(errors, { signal: abort.signal });
    await clock.advance(errors.length > 1 ? 15 : 5);
    const reason = new Error('enough');
    abort.abort(reason);
    await clock.advance(0);
    expect(call.error).toBe(reason);
  });

  it.each([
    ['a refusal', Object.assign(new Error('aborted'), { status: 401 })],
    ['a socket that closed', down()],
    ['a time-out', new DOMException('late', 'TimeoutError')],
    ['anything', new Error('closed')],
  ])('that was under way is no failure, whatever it throws (%s)', async (_what, thrown) => {
    const { clock, resilience, gate } = startGate();
    const abort = new AbortController();
    const call = gate.call(
      (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(thrown));
        }),
      { signal: abort.signal },
    );
    await clock.advance(0);
    const reason = new Error('enough');
    abort.abort(reason);
    await expect(call).rejects.toBe(reason);
    expect(resilience.breaker('x').counts).toMatchObject({ failed: 0, ignored: 1 });
  });

  it('ends with the source: what waits, and the signal of what is under way', async () => {
    const { clock, gate, start } = startGate();
    let seen: AbortSignal | undefined;
    const running = gate.call((signal) => {
      seen = signal;
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    });
    const waiting = start([throttled(60)]);
    await clock.advance(0);
    gate.stop();
    await expect(running).rejects.toMatchObject({ name: 'AbortError' });
    await clock.advance(0);
    expect(seen?.aborted).toBe(true);
    expect(waiting.error).toMatchObject({ name: 'AbortError' });
    await expect(gate.call(() => expect.unreachable())).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('leaves no listener on its signal, and never more than one', async () => {
    const { clock, gate } = startGate();
    const { signal } = new AbortController();
    const calls = Array.from({ length: 50 }, () => gate.call(async () => 1, { signal }));
    await clock.advance(0);
    expect(getEventListeners(signal, 'abort').length).toBeLessThanOrEqual(1);
    await Promise.all(calls);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

/** Throws wherever one looks. */
function hostile(): unknown {
  return new Proxy(
    {},
    {
      get() {
        throw new Error('hands off');
      },
    },
  );
}

describe('a gate without a budget and a breaker', () => {
  it('makes a call again once the pause is over that the provider asked for, and no other', async () => {
    const { clock, start } = startGate({}, {});
    const throttled = start([new ProviderError('throttled', 'slow down', { retryAfterMs: 500 })]);
    const away = start([new ProviderError('unavailable', 'away')]);
    await clock.advance(499);
    expect(throttled.value).toBeUndefined();
    expect(away.error).toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
    await clock.advance(1);
    expect(throttled.value).toBe(7);
  });

  it('ends a call in progress when the source is stopped', async () => {
    const { clock, gate } = startGate({}, {});
    const call = gate.call(
      (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    );
    const early = gate.call(() => 7);
    await clock.advance(0);
    const late = gate.call(() => 7);
    gate.stop();
    await expect(call).rejects.toMatchObject({ name: 'AbortError' });
    await expect(late).rejects.toMatchObject({ name: 'AbortError' });
    expect(await early).toBe(7);
  });
});

describe('what a provider reports as used', () => {
  it('counts in its budget, and never less than what was granted', async () => {
    const { gate, resilience, start, clock } = startGate(
      { providers: { x: { permits: 100, per: '1m' } } },
      { budget: { ...X, cost: 1 } },
    );
    gate.observeUsed({ used: 90 });
    expect(resilience.rates.status(X).left).toBe(10);
    gate.observeUsed({ used: 5 });
    expect(resilience.rates.status(X).left).toBe(10);
    start([], { cost: 10 });
    await clock.advance(0);
    expect(resilience.rates.status(X).left).toBe(0);
  });

  it('is nothing without a budget', () => {
    const { gate } = startGate({}, { breaker: 'x' });
    expect(() => gate.observeUsed({ used: 90 })).not.toThrow();
  });
});
