import { describe, expect, it, onTestFinished } from 'vitest';
import { BatchPool } from '../../src/columns/batch-pool.js';
import type { Schema } from '../../src/columns/schema.js';
import type { CallGate } from '../../src/engine/call-gate.js';
import type { SourceFactory } from '../../src/engine/factories.js';
import { ResilienceCoordinator } from '../../src/resilience/resilience-coordinator.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import { callbackSink } from '../../src/stages/sinks/callback.js';
import { SimulatedClock } from '../support/simulated-clock.js';

const SCHEMA: Schema = { kind: 'custom', columns: [{ name: 'page', type: 'float64' }] };
const FEED = { provider: 'feed' };
const down = () => Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });

/** Logs in as it opens, then gives three pages of one row. Calls fail with what stands there for them, in order. */
function pagedSource(failures: unknown[]) {
  const calls: string[] = [];
  const factory: SourceFactory<unknown> = {
    plan: () => SCHEMA,
    create(_options, { gate, dictionaries }) {
      const pool = new BatchPool(SCHEMA, 1, dictionaries);
      let page = 0;
      const fetch = (gate: CallGate, what: string) =>
        gate.call(async () => {
          calls.push(what);
          const failure = failures.shift();
          if (failure !== undefined) throw failure;
          return what;
        });
      return {
        schema: SCHEMA,
        capabilities: { delivery: 'replayable', bounded: true },
        gatesItsCalls: true,
        async open() {
          await fetch(gate, 'login');
        },
        async read() {
          if (page === 3) return null;
          await fetch(gate, `page ${page + 1}`);
          page++;
          const batch = pool.acquire();
          batch.float64('page')[0] = page;
          batch.length = 1;
          return batch;
        },
        stop() {},
        position: () => page,
        resume() {},
      };
    },
  };
  return { factory, calls };
}

async function runPaged(failures: unknown[], source: object, endAtMs?: number) {
  const clock = new SimulatedClock();
  const resilience = new ResilienceCoordinator({
    clock,
    seed: 1,
    providers: { feed: { permits: 100, inFlight: 1 } },
    breakers: { feed: { failuresInRow: 2, openMs: 1_000, openJitter: 0 } },
  });
  onTestFinished(() => resilience.close());
  const pages: number[] = [];
  const sink = callbackSink((batch) => {
    pages.push(...batch.float64('page').subarray(0, batch.length));
  });
  const { factory, calls } = pagedSource(failures);
  const spec = { name: 'paged', source, operators: [] };
  const pipeline = createPipeline(spec, { clock, resilience, sink, source: factory });
  await pipeline.build(); // loads code, in no virtual time
  const running = pipeline.run();
  for (let step = 0; step < 40; step++) {
    if (step * 100 === endAtMs) await pipeline.drain();
    await clock.advance(100);
  }
  return { report: await running, calls, pages, resilience };
}

describe('calls of a source that are no reads', () => {
  it('spend from the budget of the spec, one by one, and its reads from none', async () => {
    const { report, calls, pages, resilience } = await runPaged([], { budget: FEED, breaker: 'feed' });
    expect(report.outcome).toBe('completed');
    expect(calls).toEqual(['login', 'page 1', 'page 2', 'page 3']);
    expect(pages).toEqual([1, 2, 3]);
    expect(resilience.rates.status(FEED)).toMatchObject({ granted: 4, inFlight: 0 });
    expect(resilience.breaker('feed').counts.succeeded).toBe(4);
  });

  it('open the breaker, wait while it is open, and go on: no page lost or doubled', async () => {
    const { report, calls, pages } = await runPaged([down(), down()], { breaker: 'feed' });
    expect(report.outcome).toBe('completed');
    expect(calls).toEqual(['login', 'login', 'login', 'page 1', 'page 2', 'page 3']);
    expect(pages).toEqual([1, 2, 3]);
    expect(report.stages[0]!.statistics).toMatchObject({ breakerPauses: 1, breakerPausedMs: 1_000 });
  });

  it.each([
    ['as the source opens', [down(), down()]],
    ['as it reads', [undefined, down(), down()]],
  ])('end with a drain while the breaker is open: %s', async (_when, failures) => {
    const { report, calls } = await runPaged([...failures], { breaker: 'feed' }, 500);
    expect(report).toMatchObject({ outcome: 'completed', reason: 'drained', rowsPending: 0 });
    expect(calls).toHaveLength(failures.length);
  });

  it('end the run at once with what the provider refuses', async () => {
    const refused = Object.assign(new Error('no such symbol'), { status: 404 });
    const { report, calls } = await runPaged([refused], { budget: FEED, breaker: 'feed' });
    expect(report).toMatchObject({
      outcome: 'failed',
      error: { code: 'PROVIDER_NOT_FOUND', retryable: false },
    });
    expect(calls).toEqual(['login']);
  });

  it('are just made where the spec names no budget and no breaker', async () => {
    const { report, calls, resilience } = await runPaged([], {});
    expect(report.outcome).toBe('completed');
    expect(calls).toHaveLength(4);
    expect(resilience.rates.status(FEED).granted).toBe(0);
  });
});
