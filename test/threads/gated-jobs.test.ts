import { describe, expect, it } from 'vitest';
import {
  STRIPE_CELLS,
  STRIPE_OWNER_CELL,
  STRIPES,
  STRIPES_CELL,
} from '../../src/shared-memory/breaker-memory.js';
import { discard, endless, moduleOperator, startRuntime, until } from './threads-support.js';

const IBKR = { provider: 'ibkr' };

describe('jobs in threads of their own', () => {
  it('share the budget of one provider', async () => {
    const began = process.hrtime.bigint();
    const runtime = await startRuntime({
      maxThreads: 2,
      budgets: { providers: { ibkr: { permits: 200, burst: 20 } } },
    });
    const source = { ...endless, budget: IBKR };
    const jobs = await Promise.all(
      ['one', 'two'].map((name) => runtime.submit({ name, source, batchRows: 1, sink: discard })),
    );
    const reads = () => jobs.map((job) => job.inspect().counters.rowsIn);
    await until(() => Math.min(...reads()) >= 30);
    const status = runtime.resilience!.rates.status(IBKR);
    const seconds = Number(process.hrtime.bigint() - began) / 1e9;
    expect(status.permits).toBeGreaterThanOrEqual(60); // both spent from it
    expect(status.permits).toBeLessThanOrEqual(20 + 200 * seconds);
    const reports = await Promise.all(jobs.map((job) => job.drain()));
    expect(reports).toMatchObject([{ outcome: 'completed' }, { outcome: 'completed' }]);
    // A row a read, and the reads that a drain may have cut off.
    const rows = reports.reduce((sum, { counters }) => sum + counters.rowsIn, 0);
    const { permits } = runtime.resilience!.rates.status(IBKR);
    expect(permits).toBeGreaterThanOrEqual(rows);
    expect(permits).toBeLessThanOrEqual(rows + 2);
  });

  it('spend from the budget of a source inside a stage, and keep to its breaker', async () => {
    const runtime = await startRuntime({
      budgets: { providers: { ibkr: { permits: 100_000 } } },
      breakers: { ibkr: {} },
    });
    const quotes = { use: 'synthetic', rows: 1_000, seed: 2, budget: IBKR, breaker: 'ibkr' } as const;
    const job = await runtime.submit({
      name: 'joined',
      source: { use: 'synthetic', kind: 'trade', rows: 500, seed: 1 },
      operators: [{ use: 'asof', with: quotes, take: ['bid'] }],
      batchRows: 100,
      sink: discard,
    });
    expect(await job.outcome).toMatchObject({ outcome: 'completed', counters: { rowsOut: 500 } });
    expect(runtime.resilience!.rates.status(IBKR).permits).toBeGreaterThanOrEqual(5);
    expect(runtime.resilience!.breaker('ibkr').counts.succeeded).toBeGreaterThanOrEqual(5);
  });

  it('pause while a breaker is held open by hand, and go on once it is released', async () => {
    const runtime = await startRuntime({ breakers: { ibkr: {} } });
    const breaker = runtime.resilience!.breaker('ibkr');
    const job = await runtime.submit({
      name: 'held',
      source: { ...endless, rate: 10_000, breaker: 'ibkr' },
      sink: discard,
    });
    const rowsIn = () => job.inspect().counters.rowsIn;
    await until(() => rowsIn() > 0);

    const release = breaker.hold();
    const source = async () => (await job.describe())[0]!;
    for (let last = performance.now() + 60_000; (await source()).health.status !== 'degraded'; ) {
      if (performance.now() > last) throw new Error('never paused');
    }
    const whilePaused = rowsIn();
    for (let look = 0; look < 20; look++) await source(); // each has been to the thread and back
    expect(rowsIn()).toBe(whilePaused);
    expect(job.inspect().state).toBe('running');

    release();
    await until(() => rowsIn() > whilePaused);
    expect((await source()).statistics.breakerPauses).toBeGreaterThanOrEqual(1);
    expect(await job.drain()).toMatchObject({ outcome: 'completed', rowsPending: 0 });
  });

  it('give back what they count with, when they end and when their thread dies', async () => {
    const runtime = await startRuntime({ maxThreads: 2, breakers: { ibkr: {} } });
    const handle = runtime.resilience!.breaker('ibkr').handle();
    const words = new Int32Array(handle.memory);
    const owners = () =>
      Array.from(
        { length: STRIPES - 1 },
        (_, at) => words[STRIPES_CELL + (at + 1) * STRIPE_CELLS + STRIPE_OWNER_CELL]!,
      ).filter((owner) => owner !== 0);
    const source = { use: 'synthetic', rows: 40, breaker: 'ibkr' } as const;
    let reads = 0;
    for (let round = 0; round < 10; round++) {
      const jobs = await Promise.all(
        ['one', 'two'].map((name) =>
          runtime.submit({ name: `${name}-${round}`, source, batchRows: 10, sink: discard }),
        ),
      );
      for (const { counters } of await Promise.all(jobs.map((job) => job.outcome)))
        reads += counters.rowsIn / 10;
    }
    expect(owners()).toEqual([1]); // of this thread, whose id is 0
    expect(runtime.resilience!.breaker('ibkr').counts.succeeded).toBeGreaterThanOrEqual(reads);
    expect(words[STRIPES_CELL]).toBe(0); // nobody had to share

    // A thread with code of the user's is ended, not asked.
    const killed = await runtime.submit({
      name: 'killed',
      source: { ...endless, breaker: 'ibkr' },
      operators: [moduleOperator('emit(batch)')],
      sink: discard,
    });
    await until(() => killed.inspect().counters.rowsIn > 0);
    expect(owners()).toHaveLength(2);
    await killed.stop();
    await until(() => owners().length === 1);
  });

  it('end at once when they are drained while the breaker is open', async () => {
    const runtime = await startRuntime({ breakers: { ibkr: {} } });
    runtime.resilience!.breaker('ibkr').hold();
    const job = await runtime.submit({
      name: 'drained',
      source: { ...endless, breaker: 'ibkr' },
      sink: discard,
    });
    await until(() => job.inspect().state === 'running');
    expect(await job.drain({ deadlineMs: 5_000 })).toMatchObject({
      outcome: 'completed',
      counters: { rowsIn: 0 },
    });
  });

  it('have the changes of their breaker among the events of the runtime, which end with it', async () => {
    const runtime = await startRuntime({ breakers: { ibkr: {} } });
    const events = runtime.events();
    runtime.resilience!.breaker('ibkr').hold();
    const job = await runtime.submit({
      name: 'told',
      source: { ...endless, breaker: 'ibkr' },
      sink: discard,
    });
    const own = job.events();
    await runtime.close();
    const told: string[] = [];
    for await (const event of events)
      told.push(event.type === 'breaker.state' ? event.change.type : event.type);
    expect([told[0], told.at(-1)]).toEqual(['heldOpen', 'job.ended']);
    const ofJob: string[] = [];
    for await (const event of own) ofJob.push(event.type);
    expect(ofJob.at(-1)).toBe('job.ended');
  });

  it('give back their place in flight when they are stopped hard in the midst of a read', async () => {
    const runtime = await startRuntime({
      budgets: { providers: { ibkr: { permits: 1_000, inFlight: 1 } } },
    });
    const source = { ...endless, rate: 0.001, budget: IBKR }; // its second row comes in a quarter of an hour
    const inFlight = () => runtime.resilience!.rates.status(IBKR).inFlight;
    // A thread with code of the user's is ended, not asked.
    const first = await runtime.submit({
      name: 'first',
      source,
      operators: [moduleOperator('emit(batch)')],
      sink: discard,
    });
    await until(() => first.inspect().counters.rowsIn === 1 && inFlight() === 1);
    await first.stop();
    await until(() => inFlight() === 0);

    const next = await runtime.submit({ name: 'next', source, sink: discard });
    await until(() => next.inspect().counters.rowsIn === 1);
    await next.stop();
  });
});
