import { describe, expect, it, onTestFinished } from 'vitest';
import { Batch } from '../../src/columns/batch.js';
import { DictionarySet } from '../../src/columns/dictionary.js';
import { PipelineError } from '../../src/core/errors.js';
import { InvariantError } from '../../src/core/invariant.js';
import type { PlainData } from '../../src/core/plain-data.js';
import { ProviderError } from '../../src/core/provider-error.js';
import type { Source } from '../../src/engine/source.js';
import { createGate } from '../../src/providers/create-gate.js';
import { GatedSource } from '../../src/providers/gated-source.js';
import {
  ResilienceCoordinator,
  type ResilienceCoordinatorOptions,
} from '../../src/resilience/resilience-coordinator.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import type { SourceGateSettings } from '../../src/wire/resolved-spec.js';
import { SimulatedClock } from '../support/simulated-clock.js';

const SCHEMA = { kind: 'custom', columns: [{ name: 'value', type: 'float64' }] } as const;
const BREAKER = { failuresInRow: 2, openMs: 1_000, openFactor: 1, openJitter: 0 };
const down = () => new PipelineError('SOURCE_FAILED', 'the provider is down', { retryable: true });
const throttled = (more: object = { headers: { 'retry-after': '3' } }) =>
  Object.assign(new Error('too many requests'), { status: 429, ...more });

/** Gives 1, 2, 3, … one row a batch; a read fails with what was put there for it, and gives no row. */
class ScriptedSource implements Source {
  readonly schema = SCHEMA;
  readonly capabilities = { delivery: 'replayable', bounded: false } as const;
  /** Of the next reads, in order. */
  readonly failures: unknown[] = [];
  /** Instants of the reads, ms. */
  readonly readsAt: number[] = [];
  isAsync = false;
  /** A read is under way until it is called. */
  settle: (() => void) | undefined;
  isHeld = false;
  isStopped = false;
  #value = 0;
  readonly #clock: SimulatedClock;

  constructor(clock: SimulatedClock) {
    this.#clock = clock;
  }

  read(): Promise<Batch | null> | Batch | null {
    this.readsAt.push(Number(this.#clock.now()) / 1e6);
    if (this.isHeld) return this.#heldRead();
    return this.isAsync ? Promise.resolve().then(() => this.#next()) : this.#next();
  }

  async #heldRead(): Promise<Batch | null> {
    await new Promise<void>((resolve) => {
      this.settle = resolve;
    });
    return this.#next();
  }

  #next(): Batch | null {
    if (this.failures.length > 0) throw this.failures.shift();
    if (this.isStopped) return null;
    const batch = new Batch(SCHEMA, 1, new DictionarySet());
    batch.float64('value')[0] = ++this.#value;
    batch.length = 1;
    return batch;
  }

  stop(): void {
    this.isStopped = true;
    this.settle?.();
  }

  position(): PlainData {
    return this.#value;
  }

  resume(position: PlainData): void {
    this.#value = position as number;
  }
}

function gated(
  gate: Partial<SourceGateSettings>,
  settings: Omit<ResilienceCoordinatorOptions, 'clock'> = {},
) {
  const clock = new SimulatedClock();
  const resilience = new ResilienceCoordinator({ ...settings, clock, seed: 1 });
  onTestFinished(() => resilience.close());
  const inner = new ScriptedSource(clock);
  const source = new GatedSource(
    inner,
    createGate(gate, { use: 'feed', resilience, clock, log: silentLogger }),
  );
  return { clock, resilience, inner, source };
}

const behindBreaker = (more = {}) => gated({ breaker: 'x' }, { breakers: { x: { ...BREAKER, ...more } } });
const BUDGET = { provider: 'x', cost: 1 };
const behindBudget = (budget: object = { permits: 10, burst: 1 }) =>
  gated({ budget: BUDGET }, { providers: { x: budget } });

const rowOf = (batch: Batch | null) => (batch === null ? null : batch.float64('value')[0]);

/** What became of a read, to be looked at as time passes. */
function watch(reading: Promise<Batch | null> | Batch | null) {
  const seen: { value?: number | null | undefined; error?: unknown } = {};
  Promise.resolve(reading).then(
    (batch) => {
      seen.value = rowOf(batch);
    },
    (error) => {
      seen.error = error;
    },
  );
  return seen;
}

describe('a read behind a budget', () => {
  it('is read no faster than the budget allows', async () => {
    const { clock, inner, source } = behindBudget();
    for (let row = 1; row <= 4; row++) {
      const read = watch(source.read());
      await clock.advance(100);
      expect(read.value).toBe(row);
    }
    expect(inner.readsAt).toEqual([0, 100, 200, 300]);
    expect(source.statistics?.()).toMatchObject({ budgetWaits: 0, readsRetried: 0 });
    await clock.advance(100);
    source.read();
    const late = watch(source.read());
    await clock.advance(99);
    expect(late).toEqual({});
    await clock.advance(1);
    expect(late.value).toBe(6);
    expect(source.statistics?.()).toMatchObject({ budgetWaits: 1, budgetWaitedMs: 100 });
  });

  it('spends the cost of a read', () => {
    const { resilience, source } = gated(
      { budget: { provider: 'x', cost: 3 } },
      { providers: { x: { permits: 10 } } },
    );
    source.read();
    expect(resilience.rates.status({ provider: 'x' })).toMatchObject({ left: 7, permits: 3 });
  });

  it('frees its place in flight when a read succeeds and when it fails, at once or later', async () => {
    const { resilience, inner, source } = behindBudget({ permits: 1_000, inFlight: 1 });
    const inFlight = () => resilience.rates.status({ provider: 'x' }).inFlight;
    inner.isHeld = true;
    const held = source.read();
    expect(inFlight()).toBe(1);
    inner.settle!();
    await held;
    expect(inFlight()).toBe(0);

    inner.failures.push(down());
    const failing = source.read();
    expect(inFlight()).toBe(1);
    inner.settle!();
    await expect(failing).rejects.toMatchObject({ code: 'SOURCE_FAILED' });
    expect(inFlight()).toBe(0);

    inner.isHeld = false;
    inner.failures.push(down());
    await expect(source.read()).rejects.toMatchObject({ code: 'SOURCE_FAILED' });
    expect(inFlight()).toBe(0);
    expect(rowOf((await source.read()) as Batch)).toBe(2);
  });

  it('fails with what could succeed later, too, as there is no breaker to say when', async () => {
    const { clock, inner, source } = behindBudget();
    inner.failures.push(down());
    await expect(source.read()).rejects.toMatchObject({ retryable: true });
    expect(inner.readsAt).toHaveLength(1);
    expect(clock.timersPending).toBe(0);
  });

  it.each([
    ['its endpoint, where it has one', { provider: 'x', endpoint: 'e' }, { e: 3_000, x: 0 }],
    ['its provider otherwise', { provider: 'x' }, { e: 0, x: 3_000 }],
  ])('that is throttled cools down %s, and is read again after it', async (_what, ref, cooldowns) => {
    const { clock, resilience, inner, source } = gated(
      { budget: { ...ref, cost: 1 } },
      { providers: { x: { permits: 10, endpoints: { e: { permits: 10 } } } } },
    );
    inner.failures.push(throttled());
    const read = watch(source.read());
    await clock.advance(0);
    expect(resilience.rates.status({ provider: 'x', endpoint: 'e' }).cooldownMs).toBe(cooldowns.e);
    expect(resilience.rates.status({ provider: 'x' }).cooldownMs).toBe(cooldowns.x);
    await clock.advance(2_999);
    expect(read).toEqual({});
    await clock.advance(101); // the first permit after it
    expect(read.value).toBe(1);
    expect(source.statistics?.()).toMatchObject({ readsRetried: 1 });
    expect(clock.timersPending).toBe(0);
  });

  it('ends at once when it is stopped while it waits', async () => {
    const { clock, inner, source } = behindBudget({ permits: 1, per: '1h' });
    source.read();
    const read = watch(source.read());
    await clock.advance(1);
    source.stop();
    await clock.advance(0);
    expect(read.value).toBeNull();
    expect(inner.readsAt).toHaveLength(1);
    expect(clock.timersPending).toBe(0);
  });
});

describe('a failed read behind a breaker', () => {
  it('is not read while that is open, then by a probe, and loses and doubles no row', async () => {
    const { clock, resilience, inner, source } = behindBreaker();
    expect(rowOf(source.read() as Batch)).toBe(1);
    inner.failures.push(down(), down(), down());
    const read = watch(source.read());
    await clock.advance(500);
    expect(resilience.breaker('x').state).toBe('open');
    expect(inner.readsAt).toEqual([0, 0, 10]);
    expect(source.health?.()).toEqual({
      status: 'degraded',
      reason: 'paused: the breaker "x" is open',
    });

    await clock.advance(509); // 1,009: nothing yet
    expect(inner.readsAt).toHaveLength(3);
    await clock.advance(1_001); // the probe at 1,010 fails, the one at 2,010 does not
    expect(inner.readsAt).toEqual([0, 0, 10, 1_010, 2_010]);
    expect(read.value).toBe(2);
    expect(resilience.breaker('x').state).toBe('closed');
    expect(rowOf(source.read() as Batch)).toBe(3);
    expect(source.health?.()).toEqual({ status: 'ok' });
    expect(source.statistics?.()).toMatchObject({
      breakerPauses: 2,
      breakerPausedMs: 2_000,
      readsRetried: 3,
    });
  });

  it('gives a batch without a promise while all is well', () => {
    const { source } = gated(
      { breaker: 'x', budget: BUDGET },
      { breakers: { x: BREAKER }, providers: { x: { permits: 10 } } },
    );
    expect(source.read()).toBeInstanceOf(Batch);
  });

  it('is read later and later while it fails and the breaker does not open', async () => {
    const { clock, inner, source } = behindBreaker({ failuresInRow: 1_000 });
    inner.isAsync = true;
    inner.failures.push(...Array.from({ length: 9 }, down));
    const read = watch(source.read());
    await clock.advance(10_000);
    expect(inner.readsAt).toEqual([0, 10, 30, 70, 150, 310, 630, 1_270, 2_270, 3_270]);
    expect(read.value).toBe(1);
    expect(clock.timersPending).toBe(0);
  });

  it.each([
    ['an error that no retry mends', new PipelineError('INPUT_CORRUPT', 'cut off')],
    ['a bug', new TypeError('x is not a function')],
    ['a broken invariant', new InvariantError('a batch holds its rows')],
    ['a cancellation that nobody asked for', new DOMException('aborted', 'AbortError')],
  ])('fails at once with %s', async (_what, error) => {
    const { clock, inner, source } = behindBreaker();
    inner.failures.push(error);
    await expect(source.read()).rejects.toBe(error);
    expect(inner.readsAt).toHaveLength(1);
    expect(clock.timersPending).toBe(0);
  });

  it('is read again after a fetch that found no network, though that is a TypeError', async () => {
    const { clock, inner, source } = behindBreaker();
    inner.failures.push(new TypeError('fetch failed', { cause: new Error('ECONNREFUSED') }));
    const read = watch(source.read());
    await clock.advance(10);
    expect(read.value).toBe(1);
  });

  it.each([Number.NaN, Number.NEGATIVE_INFINITY, -1])(
    'is read again after an outage whose pause cannot be read (%d)',
    async (retryAfterMs) => {
      const { clock, inner, source } = behindBreaker();
      inner.failures.push(new ProviderError('unavailable', 'down', { retryAfterMs }));
      const read = watch(source.read());
      await clock.advance(10);
      expect(read.value).toBe(1);
    },
  );

  it.each([
    ['the time that its provider asks for', throttled(), 3_000],
    ['a second where that asks for none', throttled({}), 1_000],
    ['not nothing where that asks for nothing', throttled({ retryAfterMs: 0 }), 10],
    ['a day where that asks for ever', throttled({ retryAfterMs: Number.POSITIVE_INFINITY }), 86_400_000],
  ])('waits, when throttled and without a budget, %s', async (_what, error, ms) => {
    const { clock, resilience, inner, source } = behindBreaker({ failuresInRow: 1 });
    inner.failures.push(error);
    const read = watch(source.read());
    await clock.advance(ms - 1);
    expect(read).toEqual({});
    expect(source.health?.()).toEqual({
      status: 'degraded',
      reason: `paused: the provider asked for ${ms} ms`,
    });
    await clock.advance(1);
    expect(read.value).toBe(1);
    expect(resilience.breaker('x').state).toBe('closed');
    expect(resilience.breaker('x').counts.failed).toBe(0);
  });

  it.each([
    ['open', [down(), down()]],
    ['closed, and a failed read waits', [down()]],
    ['closed, and a throttled read waits', [throttled()]],
  ])('ends at once when it is stopped while that is %s', async (_what, failures) => {
    const { clock, resilience, inner, source } = behindBreaker();
    inner.failures.push(...failures);
    const read = watch(source.read());
    await clock.advance(15 * (failures.length - 1));
    source.stop();
    await clock.advance(0);
    expect(read.value).toBeNull();
    expect(inner.readsAt).toHaveLength(failures.length);
    resilience.close();
    expect(clock.timersPending).toBe(0);
  });

  it('ends when the stop cuts a read off', async () => {
    const { inner, source } = behindBreaker();
    inner.isHeld = true;
    inner.failures.push(new DOMException('aborted', 'AbortError'));
    const read = source.read();
    source.stop();
    expect(await read).toBeNull();
  });

  it('takes no probe for a read whose budget was removed', async () => {
    const { clock, resilience, inner, source } = gated(
      { breaker: 'x', budget: BUDGET },
      { breakers: { x: BREAKER }, providers: { x: { permits: 1_000 } } },
    );
    resilience.breaker('x').permit().fail();
    resilience.breaker('x').permit().fail();
    await clock.advance(1_000);
    resilience.rates.remove({ provider: 'x' });
    await expect((async () => source.read())()).rejects.toMatchObject({ code: 'SCOPE_UNKNOWN' });
    expect(inner.readsAt).toEqual([]);
    expect(resilience.breaker('x').refusal()).toBeUndefined();
  });

  it('tells and takes the position of the source itself', () => {
    const { inner, source } = behindBreaker();
    source.resume(41);
    expect(rowOf(source.read() as Batch)).toBe(42);
    expect(source.position()).toBe(42);
    expect(source.schema).toBe(inner.schema);
    expect(source.capabilities).toBe(inner.capabilities);
  });
});
