import { rmSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { uncheckedSpec } from '../../dist/src/index.js';
import { scratchFolder } from '../support/recorded-data.js';
import { TOKYO } from '../support/tokyo-calendar.js';
import { discard, startRuntime } from './threads-support.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

describe('a job whose spec names a calendar by its file', () => {
  it('has it in its thread as it was when the spec was checked', async () => {
    const calendar = SCRATCH.write('tokyo.yaml', TOKYO);
    const runtime = await startRuntime({ maxThreads: 1 });
    // From an hour before the open to an hour after it.
    const source = {
      use: 'synthetic',
      kind: 'trade',
      symbols: 1,
      interval: '1s',
      start: '2024-11-28T23:00:00Z',
    };
    const spec = {
      source: { ...source, rows: 7_200 },
      operators: [{ use: 'sessions', calendar }],
      sink: discard,
    };
    const first = await runtime.submit(uncheckedSpec({ name: 'first', ...spec }));
    const second = await runtime.submit(uncheckedSpec({ name: 'second', ...spec })); // waits for the thread
    rmSync(calendar);
    for (const job of [first, second]) {
      const { outcome, counters } = await job.outcome;
      expect([outcome, counters.rowsIn, counters.rowsOut]).toEqual(['completed', 7_200, 3_600]);
    }
  });
});
