import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { CheckpointStore } from '../../src/checkpoints/checkpoint-store.js';
import { FileCheckpointStore } from '../../src/checkpoints/file-checkpoint-store.js';
import { folderOfKey } from '../../src/checkpoints/key-folder.js';
import { MemoryCheckpointStore } from '../../src/checkpoints/memory-checkpoint-store.js';
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

describe.each(STORES)('a store %s', (_name, newStore) => {
  it('has nothing of a key that nobody has claimed, or has only claimed', async () => {
    const store = newStore();
    expect(await store.load('job')).toBeUndefined();
    expect(await store.list()).toEqual([]);
    await store.claim('job', owner('a'));
    expect(await store.load('job')).toBeUndefined();
  });

  it('gives each claim the next epoch, and the last checkpoint to whoever has it', async () => {
    const store = newStore();
    const first = await store.claim('job', owner('a'));
    expect(first).toMatchObject({ epoch: 1, owner: owner('a') });
    for (const at of [1, 2, 3, 4]) {
      await store.save('job', first, checkpointOf(at));
      expect(await store.load('job')).toEqual(checkpointOf(at));
    }
    expect(await store.claim('job', owner('b'))).toMatchObject({ epoch: 2, owner: owner('b') });
    expect(await store.load('job')).toEqual(checkpointOf(4));
    expect(await store.claim('job', owner('c'))).toMatchObject({ epoch: 3 });
    expect(sourceOf(await store.load('job'))).toBe(4);
  });

  it('refuses whoever had the key, and keeps what the new owner went on from', async () => {
    const store = newStore();
    const stale = await store.claim('job', owner('a'));
    await store.save('job', stale, checkpointOf(1));
    const fence = await store.claim('job', owner('b'));
    await expect(store.save('job', stale, checkpointOf(2))).rejects.toMatchObject({
      code: 'FENCED',
      message: expect.stringMatching(
        /of epoch 1 \(host here, process a, thread 0\).*found epoch 2 \(host here, process b/,
      ),
    });
    expect(sourceOf(await store.load('job'))).toBe(1);
    await store.save('job', fence, checkpointOf(3));
    await expect(store.save('job', stale, checkpointOf(4))).rejects.toMatchObject({ code: 'FENCED' });
    expect(sourceOf(await store.load('job'))).toBe(3);
  });

  it('refuses another owner of the same epoch, and anybody where nothing was claimed', async () => {
    const store = newStore();
    await expect(store.save('job', { epoch: 1, owner: owner('a') }, checkpointOf(1))).rejects.toMatchObject({
      code: 'FENCED',
    });
    const fence = await store.claim('job', owner('a'));
    for (const other of [owner('b'), { ...owner('a'), thread: 1 }, { ...owner('a'), host: 'there' }]) {
      await expect(store.save('job', { ...fence, owner: other }, checkpointOf(1))).rejects.toMatchObject({
        code: 'FENCED',
      });
    }
  });

  it('lets one of two claims at once have the key, the one with the higher epoch', async () => {
    for (let round = 0; round < 20; round++) {
      const store = newStore();
      const before = await store.claim('job', owner('before'));
      await store.save('job', before, checkpointOf(1));
      const names = ['a', 'b', 'c'];
      const fences = await Promise.all(names.map((name) => store.claim('job', owner(name))));
      expect(fences.map(({ epoch }) => epoch).sort()).toEqual([2, 3, 4]);
      const saves = await Promise.allSettled(
        fences.map((fence) => store.save('job', fence, checkpointOf(fence.epoch))),
      );
      expect(saves.map(({ status }) => status)).toEqual(
        fences.map(({ epoch }) => (epoch === 4 ? 'fulfilled' : 'rejected')),
      );
      expect(sourceOf(await store.load('job'))).toBe(4);
    }
  });

  it('gives all claims of a key the same id, and no other key that one, also after a remove', async () => {
    const store = newStore();
    const ids = new Set<string | undefined>();
    for (const process of ['a', 'b', 'c']) ids.add((await store.claim('job', owner(process))).keyId);
    const together = ['d', 'e', 'f'].map((process) => store.claim('job', owner(process)));
    for (const { keyId } of await Promise.all(together)) ids.add(keyId);
    await store.remove('job');
    ids.add((await store.claim('job', owner('g'))).keyId);
    expect([...ids]).toEqual([expect.stringMatching(/./)]);
    expect(await store.list()).toMatchObject([{ fence: { keyId: [...ids][0] } }]);
    const others = [await store.claim('other', owner('a')), await newStore().claim('job', owner('a'))];
    for (const { keyId } of others) expect(ids).not.toContain(keyId);
  });

  it('gives first claims that are made at once one id', async () => {
    const store = newStore();
    const claims = Array.from({ length: 8 }, (_, n) => store.claim('job', owner(`${n}`)));
    const ids = new Set((await Promise.all(claims)).map(({ keyId }) => keyId));
    expect(ids.size).toBe(1);
  });

  it('lists keys with their last claim, and forgets one that is removed without using its epochs again', async () => {
    const store = newStore();
    const first = await store.claim('b', owner('a'));
    await store.save('b', first, checkpointOf(1));
    await store.claim('a', owner('z'));
    expect(await store.list()).toMatchObject([
      { key: 'a', fence: { epoch: 1, owner: owner('z') } },
      { key: 'b', fence: { epoch: 1, owner: owner('a') } },
    ]);
    await store.remove('b');
    await store.remove('never there');
    expect((await store.list()).map(({ key }) => key)).toEqual(['a']);
    expect(await store.load('b')).toBeUndefined();
    await expect(store.save('b', first, checkpointOf(2))).rejects.toMatchObject({ code: 'FENCED' });
    const next = await store.claim('b', owner('a'));
    expect(next.epoch).toBeGreaterThan(first.epoch);
    expect(await store.load('b')).toBeUndefined();
    await store.save('b', next, checkpointOf(3));
    expect(sourceOf(await store.load('b'))).toBe(3);
  });

  it('keeps keys apart, whatever is in them', async () => {
    const keys = [
      'a',
      'A',
      'a/b',
      '../a',
      '..',
      '.',
      'a%2fb',
      'ä',
      'con',
      'x'.repeat(500),
      `${'x'.repeat(499)}y`,
      '\0',
    ];
    const store = newStore();
    for (const [i, key] of keys.entries())
      await store.save(key, await store.claim(key, owner('a')), checkpointOf(i));
    for (const [i, key] of keys.entries()) expect(sourceOf(await store.load(key))).toBe(i);
    expect((await store.list()).map(({ key }) => key)).toEqual([...keys].sort());
  });

  it.each(['', 'x'.repeat(501), 'half \ud800'])('takes no key like %j', async (key) => {
    await expect(newStore().claim(key, owner('a'))).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringContaining('key: expected a key of 1 to 500 characters'),
    });
  });

  it('refuses a state that cannot be kept, with its path, and keeps the last one', async () => {
    const store = newStore();
    const fence = await store.claim('job', owner('a'));
    await store.save('job', fence, checkpointOf(1));
    const state = { open: [1, new Map()] } as never;
    await expect(store.save('job', fence, checkpointOf(state))).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
      message: expect.stringMatching(
        /^checkpoint\.states\.source\.open\[1\]: expected plain data.*found an object of Map/,
      ),
    });
    expect(sourceOf(await store.load('job'))).toBe(1);
  });

  it('gives back all strings of dictionaries, however many there are, to each owner in turn', async () => {
    const store = newStore();
    const symbol: string[] = [];
    for (const process of ['a', 'b', 'c']) {
      const fence = await store.claim('job', owner(process));
      for (let at = 0; at < 3; at++) {
        for (let i = 0; i < 10_000; i++) symbol.push(`${process}${at}.${i}`);
        const checkpoint = checkpointOf(at, { dictionaries: { symbol: [...symbol], venue: ['X'] } });
        await store.save('job', fence, checkpoint);
        expect(await store.load('job')).toEqual(checkpoint);
      }
    }
  });

  it('shares nothing with what it is given and gives', async () => {
    const store = newStore();
    const fence = await store.claim('job', owner('a'));
    const state = { rows: [1] };
    await store.save('job', fence, checkpointOf(state));
    state.rows.push(2);
    const loaded = await store.load('job');
    (sourceOf(loaded) as { rows: number[] }).rows.push(3);
    expect(sourceOf(await store.load('job'))).toEqual({ rows: [1] });
  });
});

describe('the folder of a key', () => {
  it('is one name in the folder of the store, another one for each key', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 500 });
    fc.assert(
      fc.property(text, text, (a, b) => {
        const name = folderOfKey(a);
        expect(name).toMatch(/^[a-z0-9_%-]{1,200}$/);
        if (a !== b) expect(folderOfKey(b)).not.toBe(name);
      }),
    );
  });

  it('holds a claim and the last two checkpoints, however many there were', async () => {
    const folder = newFolder();
    const store = new FileCheckpointStore(folder);
    const first = await store.claim('job', owner('a'));
    for (let at = 0; at < 20; at++) await store.save('job', first, checkpointOf(at));
    expect(readdirSync(join(folder, 'job'))).toHaveLength(3);
    await store.claim('job', owner('b'));
    expect(readdirSync(join(folder, 'job'))).toHaveLength(2);
  });

  it('holds large dictionaries once, beside checkpoints that stay small', async () => {
    const folder = newFolder();
    const store = new FileCheckpointStore(folder);
    const fence = await store.claim('job', owner('a'));
    const symbol = Array.from({ length: 100_000 }, (_, i) => `SYM${i}`);
    for (let at = 0; at < 20; at++) {
      symbol.push(`new ${at}`);
      await store.save('job', fence, checkpointOf(at, { dictionaries: { symbol: [...symbol] } }));
    }
    const sizes = readdirSync(join(folder, 'job')).map((name) => statSync(join(folder, 'job', name)).size);
    expect(sizes).toHaveLength(4);
    const [log, ...others] = sizes.sort((a, b) => b - a);
    expect(log).toBeGreaterThan(1_000_000);
    expect(Math.max(...others)).toBeLessThan(2_000);
  });
});
