import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../src/core/invariant.js';
import { temporaryDirectory, ticks } from '../stages/sinks/sink-rows.js';
import { makeRun } from '../support/file-runs.js';

describe('an output that was not opened', () => {
  it.each(['out', 'out.jsonl'])('takes a write for a bug of ours (%s)', async (name) => {
    const run = makeRun(join(temporaryDirectory(), name));
    const writing = run.write(ticks(1)).then(() => run.flush());
    await expect(writing).rejects.toThrow(InvariantError);
  });
});
