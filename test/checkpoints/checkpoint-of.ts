import type { PlainData } from '../../src/core/plain-data.js';
import { RUN_COUNTERS } from '../../src/shared-memory/counters.js';
import type { Checkpoint, Owner } from '../../src/wire/checkpoint.js';

export const owner = (process: string): Owner => ({ host: 'here', process, thread: 0 });

/** A checkpoint that is told from others by what its source says. */
export function checkpointOf(source: PlainData, others: Partial<Checkpoint> = {}): Checkpoint {
  const counters = Object.fromEntries(RUN_COUNTERS.map((name) => [name, 0])) as Checkpoint['counters'];
  return {
    version: 1,
    job: 'job',
    run: { id: 'run', epoch: 1, owner: owner('a') },
    takenAtMs: 1_700_000_000_000,
    spec: { name: 'x' },
    states: { source, sink: null },
    counters,
    dictionaries: { symbol: ['A', 'B'] },
    ...others,
  };
}

export const sourceOf = (checkpoint: Checkpoint | undefined): PlainData | undefined =>
  checkpoint?.states.source;
