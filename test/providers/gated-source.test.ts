import { afterEach, describe, expect, it } from 'vitest';
import type { Batch } from '../../src/columns/batch.js';
import { PipelineError } from '../../src/core/errors.js';
import type { Source } from '../../src/engine/source.js';
import { createGate } from '../../src/providers/create-gate.js';
import { GatedSource } from '../../src/providers/gated-source.js';
import {
  ResilienceCoordinator,
  type ResilienceCoordinatorOptions,
} from '../../src/resilience/resilience-coordinator.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import { callbackSink } from '../../src/stages/sinks/callback.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import type { SourceGateSettings } from '../../src/wire/resolved-spec.js';
import { SimulatedClock } from '../support/simulated-clock.js';

const FEED = { permits: 10, per: '1s', burst: 2 } as const;
const down = () => new PipelineError('SOURCE_FAILED', 'the feed is down', { retryable: true });
const throttled = (headers: Record<string, string>) =>
  Object.assign(new Error('429'), { status: 429, headers });

/** A source of empty batches; each read does what the script says next, and then there is nothing more. */
class ScriptedSource implements Source {
  readonly schema = { kind: 'custom', columns: [] } as unknown as Source['schema'];
  readonly capabilities = { delivery: 'replayable', bounded: true } as const;
  /** Instants of the reads, ms. */
  readonly readsAt: number[] = [];
  readonly #script: (Error | 'batch')[];
  readonly #clock: SimulatedClock;
  isStopped = false;
  isClosed = false;

  constructor(clock: SimulatedClock, script: readonly (Error | 'batch')[]) {
    this.#clock = clock;
    this.#script = [...script];
  }

  read(): Batch | null {
    this.readsAt.push(Number(this.#clock.now()) / 1e6);
    const next = this.#script.shift();
    if (next instanceof Error) throw next;
    return next === undefined ? null : ({ length: 0 } as Batch);
  }

  stop(): void {
    this.isStopped = true;
  }

  close(): void {
    this.isClosed = true;
  }

  position() {
    return { at: this.readsAt.length };
  }

  resume(): void {}
}

const made: ResilienceCoordinator[] = [];
afterEach(() => {
  for (const resilience of made.splice(0)) resilience.close();
});

function gated(
  script: readonly (Error | 'batch')[],
  options: ResilienceCoordinatorOptions,
  gate: SourceGateSettings,
) {
  const clock = new SimulatedClock();
  const resilience = new ResilienceCoordinator({ clock, seed: 1, ...options });
  made.push(resilience);
  const bare = new ScriptedSource(clock, script);
  const source = new GatedSource(
    bare,
    createGate(gate, { use: 'feed', resilience, clock, log: silentLogger }),
  );
  return { clock, resilience, bare, source };
}

/** Reads to the end of the data. */
async function readAll(source: Source): Promise<number> {
  let batches = 0;
  while ((await source.read()) !== null) batches++;
  return batches;
}

describe('a source behind a budget', () => {
  it('reads at once while there are permits, then at their rate', async () => {
    const { clock, bare, source } = gated(
      Array(4).fill('batch'),
      { providers: { feed: FEED } },
      { budget: { provider: 'feed', cost: 1 } },
    );
    const all = readAll(source);
    await clock.advance(1_000);
    expect(await all).toBe(4);
    expect(bare.readsAt).toEqual([0, 0, 100, 200, 300]);
    expect(source.statistics()).toMatchObject({ budgetWaits: 3, budgetWaitedMs: 300 });
    expect(clock.timersPending).toBe(0);
  });

  it('answers without a promise while nothing has to be waited for', () => {
    const { source } = gated(
      ['batch', 'batch'],
      { providers: { feed: FEED }, breakers: { feed: {} } },
      { budget: { provider: 'feed', cost: 1 }, breaker: 'feed' },
    );
    expect(source.read()).not.toBeInstanceOf(Promise);
  });

  it('frees its place in flight after each read, failed ones too', async () => {
    const { clock, resilience, source } = gated(
      ['batch', down(), 'batch'],
      { providers: { feed: { inFlight: 1 } }, breakers: { feed: { failuresInRow: 3 } } },
      { budget: { provider: 'feed', cost: 1 }, breaker: 'feed' },
    );
    const all = readAll(source);
    await clock.advance(100);
    expect(await all).toBe(2);
    expect(resilience.rates.status({ provider: 'feed' }).inFlight).toBe(0);
  });

  it('ends at once when it is stopped while it waits, and leaves nobody waiting', async () => {
    const { clock, resilience, bare, source } = gated(
      ['batch'],
      { providers: { feed: { permits: 1, per: '1h' } } },
      { budget: { provider: 'feed', cost: 1 } },
    );
    expect(await source.read()).not.toBeNull();
    const waiting = source.read();
    await clock.advance(10);
    source.stop();
    expect(await waiting).toBeNull();
    expect(bare.isStopped).toBe(true);
    expect(resilience.rates.status({ provider: 'feed' })).toMatchObject({ aborted: 1, granted: 1 });
    expect(clock.timersPending).toBe(0);
  });

  it('gives what it still holds once it was stopped, whatever is left of the budget', async () => {
    const clock = new SimulatedClock();
    const resilience = new ResilienceCoordinator({
      clock,
      providers: { feed: { permits: 1, per: '1h' } },
    });
    made.push(resilience);
    const gate = createGate(
      { budget: { provider: 'feed', cost: 1 } },
      { use: 'feed', resilience, clock, log: silentLogger },
    );
    const bare = Object.assign(new ScriptedSource(clock, ['batch', 'batch', 'batch']), { holdsRows: true });
    const source = new GatedSource(bare, gate);
    expect(await source.read()).not.toBeNull();
    const waiting = source.read();
    await clock.advance(10);
    source.stop();
    expect(await waiting).not.toBeNull();
    expect(await readAll(source)).toBe(1);
    expect(clock.timersPending).toBe(0);
  });

  it('is not read again once it has ended, though a stop came meanwhile', async () => {
    const clock = new SimulatedClock();
    const resilience = new ResilienceCoordinator({ clock, providers: { feed: FEED } });
    made.push(resilience);
    const gate = createGate(
      { budget: { provider: 'feed', cost: 1 } },
      { use: 'feed', resilience, clock, log: silentLogger },
    );
    let reads = 0;
    let end = () => {};
    const bare = Object.assign(new ScriptedSource(clock, []), {
      holdsRows: true,
      read: () => {
        reads++;
        return new Promise<null>((resolve) => {
          end = () => resolve(null);
        });
      },
    });
    const source = new GatedSource(bare, gate);
    const reading = source.read();
    source.stop();
    end();
    expect([await reading, reads]).toEqual([null, 1]);
  });

  it('hands on that its stop failed', async () => {
    const { source, bare } = gated(
      [],
      { providers: { feed: FEED } },
      { budget: { provider: 'feed', cost: 1 } },
    );
    bare.stop = () => Promise.reject(new Error('not now'));
    await expect(source.stop()).rejects.toThrow('not now');
  });
});

describe('a source behind a breaker', () => {
  const options = { breakers: { feed: { failuresInRow: 2, openMs: 1_000, openJitter: 0 } } };

  it('is not read while the breaker is open, and goes on with a probe: no batch lost or doubled', async () => {
    const { clock, resilience, bare, source } = gated(['batch', down(), down(), 'batch', 'batch'], options, {
      breaker: 'feed',
    });
    const all = readAll(source);
    await clock.advance(1_009);
    expect(bare.readsAt).toEqual([0, 0, 10]);
    expect(resilience.breaker('feed').state).toBe('open');
    expect(source.health()).toEqual({
      status: 'degraded',
      reason: expect.stringContaining('"feed" is open'),
    });
    await clock.advance(1);
    expect(await all).toBe(3);
    expect(bare.readsAt).toEqual([0, 0, 10, 1_010, 1_010, 1_010]);
    expect(resilience.breaker('feed').state).toBe('closed');
    expect(source.health()).toEqual({ status: 'ok' });
    expect(source.statistics()).toMatchObject({ breakerPauses: 1, breakerPausedMs: 1_000, readsRetried: 2 });
    expect(clock.timersPending).toBe(0);
  });

  it('waits longer each time that the probe fails', async () => {
    const { clock, bare, source } = gated([down(), down(), down(), down()], options, { breaker: 'feed' });
    const all = readAll(source);
    await clock.advance(20_000);
    expect(await all).toBe(0);
    expect(bare.readsAt).toEqual([0, 10, 1_010, 3_010, 7_010]);
  });

  it('fails at once with what no retry would help', async () => {
    for (const error of [
      new PipelineError('INPUT_CORRUPT', 'broken'),
      new TypeError('undefined is not a function'),
    ]) {
      const { source } = gated([error], options, { breaker: 'feed' });
      await expect(readAll(source)).rejects.toBe(error);
    }
  });

  it('takes what a client throws for an outage', async () => {
    const { clock, source } = gated([new Error('ECONNRESET'), 'batch'], options, { breaker: 'feed' });
    const all = readAll(source);
    await clock.advance(10);
    expect(await all).toBe(1);
  });

  it('ends at once when it is stopped while the breaker is open', async () => {
    const { clock, bare, source } = gated([down(), down()], options, { breaker: 'feed' });
    const all = readAll(source);
    await clock.advance(10);
    source.stop();
    expect(await all).toBe(0);
    expect(bare.readsAt).toHaveLength(2);
  });

  it('is paused by hand, and released', async () => {
    const { clock, resilience, bare, source } = gated(['batch'], options, { breaker: 'feed' });
    const release = resilience.breaker('feed').hold();
    const all = readAll(source);
    await clock.advance(60_000);
    expect(bare.readsAt).toEqual([]);
    release();
    await clock.advance(0);
    expect(await all).toBe(1);
  });

  it('spends no permits of its budget while it is open', async () => {
    const { clock, resilience, source } = gated(
      [down(), down()],
      { ...options, providers: { feed: { permits: 1_000, per: '1s' } } },
      { breaker: 'feed', budget: { provider: 'feed', cost: 1 } },
    );
    const all = readAll(source);
    await clock.advance(1_009);
    expect(resilience.rates.status({ provider: 'feed' }).granted).toBe(2);
    await clock.advance(1);
    expect(await all).toBe(0);
    expect(resilience.rates.status({ provider: 'feed' }).granted).toBe(3);
  });
});

describe('a throttled read', () => {
  it('cools the endpoint down for as long as the provider asks, and is no failure to the breaker', async () => {
    const { clock, resilience, bare, source } = gated(
      [throttled({ 'retry-after': '3' }), 'batch'],
      {
        providers: { feed: { ...FEED, endpoints: { history: FEED } } },
        breakers: { feed: { failuresInRow: 1 } },
      },
      { budget: { provider: 'feed', endpoint: 'history', cost: 1 }, breaker: 'feed' },
    );
    const all = readAll(source);
    await clock.advance(2_999);
    expect(bare.readsAt).toEqual([0]);
    expect(resilience.rates.status({ provider: 'feed', endpoint: 'history' }).cooldownMs).toBeCloseTo(1);
    expect(resilience.rates.status({ provider: 'feed' }).cooldownMs).toBe(0);
    await clock.advance(2_000);
    expect(await all).toBe(1);
    expect(bare.readsAt[1]).toBe(3_000);
    expect(resilience.breaker('feed').state).toBe('closed');
  });

  it('waits until a date, too', async () => {
    const { clock, bare, source } = gated(
      [throttled({ 'retry-after': new Date(1_700_000_005_000).toUTCString() }), 'batch'],
      { providers: { feed: FEED } },
      { budget: { provider: 'feed', cost: 1 } },
    );
    const all = readAll(source);
    await clock.advance(10_000);
    expect(await all).toBe(1);
    expect(bare.readsAt[1]).toBe(5_000);
  });

  it('waits without a budget, too, and a second where the provider does not say', async () => {
    const { clock, bare, source } = gated(
      [throttled({}), 'batch'],
      { breakers: { feed: {} } },
      { breaker: 'feed' },
    );
    const all = readAll(source);
    await clock.advance(5_000);
    expect(await all).toBe(1);
    expect(bare.readsAt.slice(0, 2)).toEqual([0, 1_000]);
    expect(clock.timersPending).toBe(0);
  });
});

describe('a gated source', () => {
  it('hands on where it stands, and its end', async () => {
    const { bare, source } = gated(['batch'], { breakers: { feed: {} } }, { breaker: 'feed' });
    await source.read();
    expect(source.position()).toEqual({ at: 1 });
    await source.close();
    expect(bare.isClosed).toBe(true);
  });
});

describe('a spec with a budget and a breaker', () => {
  const spec = {
    name: 'gated',
    batchRows: 100,
    source: {
      use: 'synthetic',
      rows: 1_000,
      faults: { errorAtRow: 401, errorReads: 3 },
      budget: { provider: 'feed', tenant: 'desk' },
      breaker: 'feed',
    },
  };
  const settings = {
    providers: { feed: { permits: 100, per: '1s', burst: 5 } },
    tenants: { desk: { weight: 2 } },
    breakers: { feed: { failuresInRow: 2, openMs: 1_000, openJitter: 0 } },
  };

  it('sees its intake pause over an outage, and delivers every row once', async () => {
    const clock = new SimulatedClock();
    const resilience = new ResilienceCoordinator({ clock, seed: 1, ...settings });
    made.push(resilience);
    let rows = 0;
    const sink = callbackSink((batch) => {
      rows += batch.length;
    });
    const pipeline = createPipeline(spec, { clock, resilience, sink });
    await pipeline.build(); // loads code, in no virtual time
    const running = pipeline.run();
    // In steps: the pipeline takes turns of the event loop, which take no virtual time.
    for (let step = 0; step < 40; step++) await clock.advance(250);
    const report = await running;
    expect(report).toMatchObject({ outcome: 'completed', counters: { rowsIn: 1_000, rowsOut: 1_000 } });
    expect(rows).toBe(1_000);
    const source = report.stages.find(({ stage }) => stage === 'source')!;
    expect(source.statistics).toMatchObject({ breakerPauses: 2, breakerPausedMs: 3_000, readsRetried: 3 });
  });

  it('is refused where it names what is not declared, with all of it', async () => {
    const resilience = new ResilienceCoordinator(settings);
    made.push(resilience);
    const wrong = {
      ...spec,
      source: { ...spec.source, budget: { provider: 'feed', tenant: 'dsk' }, breaker: 'fed' },
    };
    const sink = callbackSink(() => {});
    await expect(createPipeline(wrong, { resilience, sink }).run()).rejects.toThrow(
      /source\.budget: .*tenant:dsk.*did you mean[\s\S]*source\.breaker: .*did you mean "feed"/,
    );
    await expect(createPipeline(spec, { sink }).run()).rejects.toThrow(/source\.budget: no budgets/);
  });

  it('is refused with a read that costs more than the budget ever gives at once', async () => {
    const resilience = new ResilienceCoordinator(settings);
    made.push(resilience);
    const dear = { ...spec, source: { ...spec.source, budget: { provider: 'feed', cost: 6 } } };
    await expect(createPipeline(dear, { resilience, sink: callbackSink(() => {}) }).run()).rejects.toThrow(
      /source\.budget: expected a cost of at most 5/,
    );
  });
});
