import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { encodeCheckpoint } from '../../src/checkpoints/checkpoint-codec.js';
import type { CheckpointStore } from '../../src/checkpoints/checkpoint-store.js';
import { claimRun } from '../../src/checkpoints/claim-run.js';
import { FileCheckpointStore } from '../../src/checkpoints/file-checkpoint-store.js';
import { MemoryCheckpointStore } from '../../src/checkpoints/memory-checkpoint-store.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import type { ResolvedSpec } from '../../src/wire/resolved-spec.js';
import { scratchFolder } from '../support/recorded-data.js';
import { checkpointOf, owner, sourceOf } from './checkpoint-of.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);
let folders = 0;
const newFolder = () => join(SCRATCH.folder, `made-${folders++}`, 'store');

const STORES: readonly (readonly [string, () => CheckpointStore])[] = [
  ['in memory', () => new MemoryCheckpointStore()],
  ['of plain files', () => new FileCheckpointStore(newFolder())],
];

/** Whatever JavaScript, or a cast, may hand in. */
const as = (data: unknown) => data as never;

const OWNERS: readonly (readonly [unknown, string])[] = [
  [undefined, 'owner: expected an object, found nothing'],
  ['here', 'owner: expected an object, found a text'],
  [{ process: 'a', thread: 0 }, 'owner.host: expected a text, found nothing'],
  [{ host: 'here', process: 7, thread: 0 }, 'owner.process: expected a text, found 7'],
  [{ host: 'here', process: 'a', thread: -1 }, 'owner.thread: expected a whole number, found -1'],
  [{ host: 'here', process: 'a', thread: 7n }, 'owner.thread: expected a whole number, found a bigint'],
];

const FENCES: readonly (readonly [unknown, string])[] = [
  [undefined, 'fence: expected an object, found nothing'],
  [{ owner: owner('a') }, 'fence.epoch: expected a whole number, found nothing'],
  [{ epoch: '1', owner: owner('a') }, 'fence.epoch: expected a whole number, found a text'],
  [{ epoch: 1 }, 'fence.owner: expected an object, found nothing'],
  [{ epoch: 1, owner: { ...owner('a'), host: null } }, 'fence.owner.host: expected a text, found null'],
  [{ epoch: 1, owner: owner('a'), keyId: '' }, 'fence.keyId: expected a text that is not empty'],
];

const CHECKPOINTS: readonly (readonly [unknown, string])[] = [
  [undefined, 'expected an object, found nothing'],
  [{ ...checkpointOf(2), version: 2 }, 'version: expected 1'],
  [checkpointOf(2, { run: as({ id: 'run', epoch: 1 }) }), 'run.owner: expected an object, found nothing'],
  [checkpointOf(2, { states: {} }), 'states.source: expected a state, found nothing'],
  [checkpointOf(2, { counters: as({}) }), 'counters.'],
  [checkpointOf(2, { dictionaries: as(null) }), 'dictionaries: expected an object, found null'],
  [checkpointOf(2, { dictionaries: as({ symbol: 'A' }) }), 'dictionaries.symbol: expected a list of texts'],
  [
    checkpointOf(2, { dictionaries: as({ symbol: ['A', null] }) }),
    'dictionaries.symbol: expected a list of texts',
  ],
  [
    checkpointOf(2, { dictionaries: as({ symbol: [...Array<string>(100_000).fill('A'), 7] }) }),
    'dictionaries.symbol: expected a list of texts',
  ],
];

/** For titles, since not all of the data can be shown. */
const byWhat = (cases: readonly (readonly [unknown, string])[]) =>
  cases.map(([malformed, said]) => [said, malformed] as const);

const KEYS: readonly unknown[] = [undefined, null, 7, '', ['a'], '\ud800'];

const optionsInvalid = (said: string) =>
  expect.objectContaining({ code: 'OPTIONS_INVALID', message: expect.stringContaining(said) });
const checkpointInvalid = (said: string) =>
  expect.objectContaining({ code: 'CHECKPOINT_INVALID', message: expect.stringContaining(said) });

describe.each(STORES)('a store %s', (_name, newStore) => {
  it.each(byWhat(OWNERS))('refuses a claim, and leaves the key as it was: %s', async (said, malformed) => {
    const store = newStore();
    await expect(store.claim('job', as(malformed))).rejects.toEqual(optionsInvalid(said));
    expect(await store.list()).toEqual([]);
    const fence = await store.claim('job', owner('a'));
    expect(fence.epoch).toBe(1);
    await store.save('job', fence, checkpointOf(1));
    await expect(store.claim('job', as(malformed))).rejects.toEqual(optionsInvalid(said));
    expect(sourceOf(await store.load('job'))).toBe(1);
    await store.save('job', fence, checkpointOf(2));
    expect(await store.list()).toEqual([{ key: 'job', fence }]);
  });

  it('keeps of an owner what it knows, and nothing else', async () => {
    const store = newStore();
    const more = { ...owner('a'), note: 7n };
    const fence = { epoch: 1, owner: owner('a'), keyId: expect.any(String) };
    expect(await store.claim('job', as(more))).toEqual(fence);
    expect(await store.list()).toEqual([{ key: 'job', fence }]);
  });

  it.each(byWhat(FENCES))('refuses a save: %s', async (said, malformed) => {
    const store = newStore();
    await store.claim('job', owner('a'));
    await expect(store.save('job', as(malformed), checkpointOf(1))).rejects.toEqual(optionsInvalid(said));
    expect(await store.load('job')).toBeUndefined();
  });

  it.each(byWhat(CHECKPOINTS))(
    'refuses a checkpoint that no start could read, and keeps the last one: %s',
    async (said, malformed) => {
      const store = newStore();
      const fence = await store.claim('job', owner('a'));
      await store.save('job', fence, checkpointOf(1));
      await expect(store.save('job', fence, as(malformed))).rejects.toEqual(checkpointInvalid(said));
      expect(sourceOf(await store.load('job'))).toBe(1);
      await store.save('job', fence, checkpointOf(3));
      expect(sourceOf(await store.load('job'))).toBe(3);
    },
  );

  it.each(KEYS.map((key) => [key]))('refuses the key %j wherever it is given one', async (key) => {
    const store = newStore();
    const fence = { epoch: 1, owner: owner('a') };
    const said = 'key: expected a key of 1 to 500 characters, found ';
    await expect(store.load(as(key))).rejects.toEqual(optionsInvalid(said));
    await expect(store.claim(as(key), owner('a'))).rejects.toEqual(optionsInvalid(said));
    await expect(store.save(as(key), fence, checkpointOf(1))).rejects.toEqual(optionsInvalid(said));
    await expect(store.remove(as(key))).rejects.toEqual(optionsInvalid(said));
  });
});

it('writes nothing for a claim or a save that is refused', async () => {
  const folder = newFolder();
  const store = new FileCheckpointStore(folder);
  await expect(store.claim('job', as({}))).rejects.toEqual(optionsInvalid('owner.host'));
  await expect(store.save('job', as({}), checkpointOf(1))).rejects.toEqual(optionsInvalid('fence.epoch'));
  expect(existsSync(folder)).toBe(false);
});

it.each([undefined, '', 7, new URL('file:///tmp')])('is not made of the folder %s', (folder) => {
  expect(() => new FileCheckpointStore(as(folder))).toThrow(
    optionsInvalid('folder: expected a path, found '),
  );
});

it.each(byWhat(CHECKPOINTS))('encodes no checkpoint that it could not decode: %s', (said, malformed) => {
  expect(() => encodeCheckpoint(as(malformed))).toThrow(checkpointInvalid(said));
});

describe('a start with a store of a user', () => {
  const spec = { name: 'job' } as ResolvedSpec; // nothing else of it is read before the fence
  const start = (store: unknown) =>
    claimRun(spec, {
      store: as(store),
      key: undefined,
      checkpointEveryMs: undefined,
      checkpoint: undefined,
      log: silentLogger,
    });

  it.each([7, {}, { load: async () => undefined }])('refuses %j, which is no store', async (store) => {
    await expect(start(store)).rejects.toEqual(optionsInvalid('store: expected a checkpoint store'));
  });

  it.each(byWhat(FENCES))('refuses a fence under which it could not go on later: %s', async (said, fence) => {
    const store = { load: async () => undefined, claim: async () => fence, save: async () => undefined };
    await expect(start(store)).rejects.toEqual(
      expect.objectContaining({ code: 'CHECKPOINT_FAILED', message: expect.stringContaining(said) }),
    );
  });
});
