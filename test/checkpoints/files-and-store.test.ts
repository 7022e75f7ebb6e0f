import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import type { CheckpointStore } from '../../src/checkpoints/checkpoint-store.js';
import { MemoryCheckpointStore } from '../../src/checkpoints/memory-checkpoint-store.js';
import type { OpenSpec } from '../../src/plan/typed-spec.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import { scratchFolder } from '../support/recorded-data.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

/** A process that is killed as it asks for its n-th save, before or after it was accepted. */
function killedAtSave(store: CheckpointStore, nth: number, isAfter: boolean) {
  let saves = 0;
  let stop = () => {};
  const isKilled = new Promise<'killed'>((resolve) => {
    stop = () => resolve('killed');
  });
  const killed: CheckpointStore = {
    load: (key) => store.load(key),
    claim: (key, owner) => store.claim(key, owner),
    save: async (key, fence, checkpoint) => {
      if (++saves !== nth) return store.save(key, fence, checkpoint);
      if (isAfter) await store.save(key, fence, checkpoint);
      stop();
      // Not before the end of the test: its files are closed then.
      return new Promise((_, reject) => onTestFinished(() => reject(new Error('killed'))));
    },
    list: () => store.list(),
    remove: (key) => store.remove(key),
  };
  return { store: killed, isKilled };
}

function specOf(path: string): OpenSpec {
  return {
    name: 'kept',
    source: { use: 'synthetic', rows: 3_000, symbols: 3, rate: 12_000 },
    batchRows: 64,
    batcher: { maxRows: 50 },
    sink: { use: 'csv', path, ...(path.endsWith('.csv') ? {} : { rotate: { rows: 400 } }) },
  };
}

function rowsIn(path: string): string[] {
  const files = path.endsWith('.csv') ? [path] : readdirSync(path).map((name) => `${path}/${name}`);
  return files.flatMap((file) => readFileSync(file, 'utf8').trimEnd().split('\n').slice(1)).sort();
}

/** A checkpoint every few milliseconds of flow: it stands still meanwhile, however slow the disk is. */
async function run(path: string, store: CheckpointStore, isKilled?: Promise<'killed'>) {
  const pipeline = createPipeline(specOf(path), { store });
  const ended = pipeline.run();
  const takeCheckpoints = async () => {
    for (;;) {
      await pipeline.pause();
      await pipeline.checkpoint();
      await pipeline.resume();
      await setTimeout(3);
    }
  };
  takeCheckpoints().catch(() => undefined); // the run has ended
  onTestFinished(async () => {
    await pipeline.stop().catch(() => undefined);
    await ended.catch(() => undefined);
  });
  return isKilled ? Promise.race([ended, isKilled]) : ended;
}

describe.each(['parts', 'one.csv'])('a run into %s, with a store', (output) => {
  const at = (name: string) => `${SCRATCH.folder}/${name}-${output}`;

  it.each([2, 3, 5, 8])('loses and doubles nothing when it is killed at save %i', async (nth) => {
    await run(at(`whole-${nth}`), new MemoryCheckpointStore());
    for (const isAfter of [false, true]) {
      const store = new MemoryCheckpointStore();
      const path = at(`${nth}-${isAfter}`);
      const killed = killedAtSave(store, nth, isAfter);
      expect(await run(path, killed.store, killed.isKilled)).toBe('killed');
      expect(await run(path, store)).toMatchObject({ outcome: 'completed', rowsPending: 0 });
      expect(rowsIn(path)).toEqual(rowsIn(at(`whole-${nth}`)));
    }
  });

  it('shows nothing that no checkpoint has accepted', async () => {
    const path = at('unseen');
    const killed = killedAtSave(new MemoryCheckpointStore(), 1, false);
    expect(await run(path, killed.store, killed.isKilled)).toBe('killed');
    if (output === 'parts') expect(readdirSync(path)).toEqual([]);
    else expect(readdirSync(SCRATCH.folder)).not.toContain(`unseen-${output}`);
  });
});
