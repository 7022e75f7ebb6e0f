import { describe, expect, it } from 'vitest';
import type { CheckpointStore } from '../../src/checkpoints/checkpoint-store.js';
import { claimUnlessEnded } from '../../src/checkpoints/claim-run.js';
import { MemoryCheckpointStore } from '../../src/checkpoints/memory-checkpoint-store.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import type { Checkpoint } from '../../src/wire/checkpoint.js';
import type { ResolvedSpec } from '../../src/wire/resolved-spec.js';
import { checkpointOf, owner } from './checkpoint-of.js';

const spec = { name: 'job' } as ResolvedSpec; // of what has ended, nothing else of it is looked at
const published: Partial<Checkpoint> = { ended: { how: 'completed', isPublished: true } };

/** A store with the last checkpoint of its first start, whose epoch is 1. */
async function storeAfter(rest: Partial<Checkpoint>) {
  const store = new MemoryCheckpointStore();
  const fence = await store.claim('job', owner('a'));
  const run = { id: 'r', epoch: fence.epoch, owner: fence.owner };
  await store.save('job', fence, checkpointOf(5, { run, ...rest }));
  return store;
}

const next = (store: CheckpointStore, followsEpoch: number | undefined) =>
  claimUnlessEnded(
    spec,
    { store, key: undefined, checkpointEveryMs: undefined, checkpoint: undefined, log: silentLogger },
    followsEpoch,
  );

const epochIn = async (store: CheckpointStore) => (await store.list())[0]?.fence.epoch;

describe('a start that follows one that is gone without a report', () => {
  it('has nothing to do if that one has published its last rows, and claims nothing', async () => {
    const store = await storeAfter(published);
    expect(await next(store, 1)).toEqual({ ended: await store.load('job') });
    expect(await epochIn(store)).toBe(1);
  });

  it('has nothing to do if somebody else went on with the run and has completed it', async () => {
    const store = new MemoryCheckpointStore();
    await store.claim('job', owner('a'));
    const fence = await store.claim('job', owner('b'));
    const run = { id: 'r', epoch: fence.epoch, owner: fence.owner };
    await store.save('job', fence, checkpointOf(5, { run, ...published }));
    expect(await next(store, 1)).toHaveProperty('ended');
  });

  it('has nothing to do if the run is completed while the start claims it', async () => {
    const store = new MemoryCheckpointStore();
    await store.claim('job', owner('a'));
    const late: CheckpointStore = {
      load: (key) => store.load(key),
      save: (...args) => store.save(...args),
      list: () => store.list(),
      remove: (key) => store.remove(key),
      async claim(key, of) {
        const last = await store.claim(key, owner('b'));
        const run = { id: 'r', epoch: last.epoch, owner: last.owner };
        await store.save(key, last, checkpointOf(6, { run, ...published }));
        return store.claim(key, of);
      },
    };
    expect(await next(late, 1)).toHaveProperty('ended');
  });

  it('begins a new run after one that had completed before the other began', async () => {
    const store = await storeAfter(published);
    expect(await next(store, 2)).toMatchObject({ run: { epoch: 2 } });
  });
});

describe('a start that follows none', () => {
  it('begins a new run, whatever has completed', async () => {
    const store = await storeAfter(published);
    expect(await next(store, undefined)).toMatchObject({ run: { epoch: 2 } });
  });
});
