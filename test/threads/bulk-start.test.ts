import { describe, expect, it } from 'vitest';
import { discard, rows, startRuntime } from './threads-support.js';

describe('a burst of submits', () => {
  it('runs every job, on no more threads than there may be, whatever the order of submits', async () => {
    const runtime = await startRuntime({ maxThreads: 8 });
    const specs = Array.from({ length: 60 }, (_, i) => ({
      name: `job${i}`,
      source: rows(100),
      sink: discard,
    }));
    const jobs = await Promise.all(specs.map((spec) => runtime.submit(spec)));
    const reports = await Promise.all(jobs.map(({ outcome }) => outcome));
    expect(reports.map(({ outcome, counters }) => [outcome, counters.rowsIn])).toEqual(
      specs.map(() => ['completed', 100]),
    );
    expect(runtime.list().map(({ name }) => name)).toEqual(specs.map(({ name }) => name));
  });
});
