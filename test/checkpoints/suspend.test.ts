import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { MemoryCheckpointStore } from '../../src/checkpoints/memory-checkpoint-store.js';
import type { OpenSpec } from '../../src/plan/typed-spec.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import { TransactionalTable } from '../support/transactional-table.js';

/** Bars that stay open over all suspensions, and rows that the batcher holds. */
const SPEC: OpenSpec = {
  name: 'suspended',
  source: { use: 'synthetic', rows: 3_000, symbols: 5, rate: 6_000 },
  operators: [
    { use: 'derive', columns: { mid: '(bid + ask) / 2' } },
    { use: 'bars', every: '40ms', price: 'mid', lateness: '50ms' },
  ],
  batchRows: 64,
  batcher: { maxRows: 30 },
};

describe('a suspended run', () => {
  it('gives what an undisturbed one gives, once it is gone on with', async () => {
    const whole = new TransactionalTable();
    await createPipeline(SPEC, { sink: whole.sink(), store: new MemoryCheckpointStore() }).run();
    const table = new TransactionalTable();
    const store = new MemoryCheckpointStore();
    const reasons: string[] = [];
    for (let start = 0; start < 100 && reasons.at(-1) !== 'end of input'; start++) {
      const pipeline = createPipeline(SPEC, { sink: table.sink(), store });
      const run = pipeline.run();
      await setTimeout(35);
      await pipeline.suspend();
      const report = await run;
      reasons.push(report.reason);
      expect(report.outcome).toBe(report.reason === 'suspended' ? 'stopped' : 'completed');
    }
    expect(reasons.filter((reason) => reason === 'suspended').length).toBeGreaterThan(1);
    expect(reasons.at(-1)).toBe('end of input');
    expect(table.visible).toEqual(whole.visible);
  });

  it('holds what its operators hold, and is not taken for one that has ended', async () => {
    const table = new TransactionalTable();
    const store = new MemoryCheckpointStore();
    const spec: OpenSpec = { ...SPEC, operators: [{ use: 'bars', every: '1h', price: 'bid' }] };
    const pipeline = createPipeline(spec, { sink: table.sink(), store });
    const run = pipeline.run();
    await setTimeout(40);
    await pipeline.suspend();
    await pipeline.drain(); // too late
    const { reason, counters } = await run;
    expect(reason).toBe('suspended');
    expect(counters.rowsIn).toBeGreaterThan(0);
    expect(table.visible).toEqual([]);
    expect((await store.load('suspended'))?.ended).toBeUndefined();
  });

  it('is stopped, if that is asked for, too', async () => {
    const pipeline = createPipeline(SPEC, {
      sink: new TransactionalTable().sink(),
      store: new MemoryCheckpointStore(),
    });
    const run = pipeline.run();
    await setTimeout(20);
    await pipeline.suspend();
    await pipeline.stop();
    expect((await run).reason).toBe('stopped');
  });

  it('drains without a store', async () => {
    const table = new TransactionalTable();
    const pipeline = createPipeline(SPEC, { sink: table.sink() });
    const run = pipeline.run();
    await setTimeout(40);
    await pipeline.suspend();
    const { reason, rowsPending } = await run;
    expect([reason, rowsPending]).toEqual(['drained', 0]);
    expect(table.visible.length).toBeGreaterThan(0);
  });
});
