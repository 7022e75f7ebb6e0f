import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CheckpointStore, Fence } from '../../src/checkpoints/checkpoint-store.js';
import { RuntimeError } from '../../src/core/errors.js';
import type { Checkpoint } from '../../src/wire/checkpoint.js';
import { errno, MemoryDisk, type Watch } from '../support/memory-file-system.js';
import { checkpointOf, owner } from './checkpoint-of.js';
import { Crash, storeOn } from './store-rig.js';

describe('a store of files', () => {
  it('gives exactly what was accepted last, after any saves, claims, errors and crashes', async () => {
    const step = fc.record({
      act: fc.constantFrom('save', 'save', 'save', 'save', 'claim', 'other claim'),
      strings: fc.array(fc.string({ unit: 'binary', maxLength: 6 }), { maxLength: 6 }),
      fault: fc.constantFrom('none', 'none', 'error', 'dead', 'power cut, all lost', 'power cut, half lost'),
      at: fc.integer({ min: 0, max: 24 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        let disk = new MemoryDisk();
        let left = Number.POSITIVE_INFINITY;
        let fault = 'none';
        const watch: Watch = (_operation, path, when) => {
          if (when === 'after' || left-- > 0) return;
          if (fault !== 'error') throw new Crash();
          if (left === -1) throw errno('EIO', path);
        };
        let store: CheckpointStore = storeOn(disk, watch);
        let fence: Fence | undefined;
        let strings: string[] = [];
        let accepted: Checkpoint | undefined;
        /** Those that may be found as well: their saves failed, which says nothing. */
        let perhaps: Checkpoint[] = [];
        let source = 0;

        const restart = async () => {
          store = storeOn(disk, watch);
          left = Number.POSITIVE_INFINITY;
          fence = undefined;
        };
        const claim = async () => {
          fence = await store.claim('job', owner(String(source++)));
          const found = await store.load('job');
          expect([accepted, ...perhaps]).toContainEqual(found);
          [accepted, perhaps] = [found, []];
          strings = [...(found?.dictionaries.symbol ?? [])];
        };
        for (const { act, strings: more, fault: kind, at } of steps) {
          [fault, left] = [kind, kind === 'none' ? Number.POSITIVE_INFINITY : at];
          let isDone = false;
          try {
            if (act === 'other claim') store = storeOn(disk, watch);
            if (act !== 'save' || !fence) await claim();
            else {
              strings = [...strings, ...more];
              const checkpoint = checkpointOf(source++, { dictionaries: { symbol: strings } });
              perhaps.push(checkpoint);
              await store.save('job', fence, checkpoint);
              [accepted, perhaps] = [checkpoint, []];
            }
            isDone = true;
          } catch (error) {
            const isOurs = error instanceof RuntimeError && error.code === 'CHECKPOINT_FAILED';
            if (!isOurs) throw error;
          }
          // A claim that failed may have the key: whoever goes on claims it.
          if (!isDone && act !== 'save') fence = undefined;
          if (kind.startsWith('power')) disk = disk.afterPowerCut(kind.endsWith('all lost'));
          if (kind !== 'none' && kind !== 'error') await restart();
          left = Number.POSITIVE_INFINITY;
          expect([accepted, ...perhaps]).toContainEqual(await storeOn(disk).load('job'));
        }
        // What nothing names goes.
        await restart();
        await claim();
        for (let save = 0; save < 2; save++)
          await store.save('job', fence!, checkpointOf(save, { dictionaries: { symbol: strings } }));
        const others = disk.names('/store/job').filter((name) => !name.endsWith('.tmp'));
        const logs = others.filter((name) => name.endsWith('.strings'));
        expect(others).toHaveLength(logs.length + 3);
        expect(logs.length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 80 },
    );
  });
});
