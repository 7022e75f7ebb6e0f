import { expect } from 'vitest';
import type { CheckpointStore, Fence } from '../../src/checkpoints/checkpoint-store.js';
import { FileCheckpointStore } from '../../src/checkpoints/file-checkpoint-store.js';
import type { RuntimeError } from '../../src/core/errors.js';
import type { PlainData } from '../../src/core/plain-data.js';
import type { Checkpoint } from '../../src/wire/checkpoint.js';
import { type MemoryDisk, memoryFileSystem, type Watch } from '../support/memory-file-system.js';
import { checkpointOf, owner, sourceOf } from './checkpoint-of.js';

/** A store in which a handful of strings is too much for a checkpoint itself. */
export const storeOn = (disk: MemoryDisk, watch?: Watch): CheckpointStore =>
  new FileCheckpointStore('/store', {
    fs: memoryFileSystem(disk, watch),
    stringsLimits: { inlineMax: 20, inlinePerByte: 0 },
  });

export type Making = (source: PlainData) => Checkpoint;

/** With more strings the larger the source is: three of them for each one that a number counts. */
export const growing: Making = (source) => {
  const size = typeof source === 'number' ? source * 3 : JSON.stringify(source).length;
  return checkpointOf(source, {
    dictionaries: { symbol: Array.from({ length: size }, (_, i) => `S${i}`), venue: ['X'] },
  });
};

/** Both kinds, for `describe.each`. */
export const MADE: readonly (readonly [string, Making])[] = [
  ['of checkpoints with few strings', checkpointOf],
  ['of checkpoints whose strings grow', growing],
];

/** What the checkpoint that counts says of its source. All of the rest must be as it was made. */
export async function lastIn(store: CheckpointStore, make: Making): Promise<PlainData | undefined> {
  const found = await store.load('job');
  if (found) expect(found).toEqual(make(sourceOf(found)!));
  return sourceOf(found);
}

/** Checkpoints 1, 2, 3 … of one owner. `accepted` is the last whose save settled well, `tried` the last one begun. */
export async function saveThrough(
  store: CheckpointStore,
  make: Making,
  saves: number,
  seen = { accepted: 0, tried: 0 },
): Promise<Fence> {
  const fence = await store.claim('job', owner('a'));
  for (let at = seen.accepted + 1; at <= saves; at++) {
    seen.tried = at;
    await store.save('job', fence, make(at));
    seen.accepted = at;
  }
  return fence;
}

/** How many operations it takes. */
export async function operationsOf(work: (watch: Watch) => Promise<unknown>): Promise<number> {
  let operations = 0;
  await work((_operation, _path, when) => {
    if (when === 'before') operations++;
  });
  return operations;
}

export class Crash extends Error {}

export const codeOf = (act: Promise<unknown>): Promise<string> =>
  act.then(
    () => 'none',
    (error: RuntimeError) => error.code,
  );

/** A process that is stopped at an operation, until it goes on. */
export function stopAt(at: number, side: 'before' | 'after') {
  let goOn = () => {};
  const gate = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  let arrive = () => {};
  const isThere = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  let operations = -1;
  const watch: Watch = (_operation, _path, when) => {
    if (when === 'before') operations++;
    if (when !== side || operations !== at) return;
    arrive();
    return gate;
  };
  return { watch, isThere, goOn: () => goOn() };
}
