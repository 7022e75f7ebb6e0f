import { readdirSync, renameSync } from 'node:fs';
import * as nodeFs from 'node:fs/promises';
import { afterAll, describe, expect, it } from 'vitest';
import type { Schema } from '../../../../src/columns/schema.js';
import type { Source } from '../../../../src/engine/source.js';
import { DESCRIPTORS_MAX, Descriptors } from '../../../../src/formats/lent-descriptors.js';
import { readSizes } from '../../../../src/stages/sources/replay/read-sizes.js';
import { tried } from '../../../support/deep.js';
import { scratchFolder } from '../../../support/recorded-data.js';
import { drainRows, openReplay, type ReplayInput, replay } from '../../../support/replayed.js';
import { TIMED_ROWS, timedCsv, timedGzip } from '../../../support/timed-files.js';

/** Many times as many as there are descriptors. */
const MANY = tried(200, 3_000, 3_000);

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const descriptors = (): number => readdirSync('/proc/self/fd').length;

/** Looks at the open descriptors at every turn of the loop while something runs. */
async function mostDescriptors<T>(run: () => Promise<T>): Promise<{ result: T; most: number }> {
  const before = descriptors();
  let most = 0;
  let isRunning = true;
  const watch = () => {
    most = Math.max(most, descriptors() - before);
    if (isRunning) setImmediate(watch);
  };
  setImmediate(watch);
  try {
    return { result: await run(), most };
  } finally {
    isRunning = false;
  }
}

/** Files of the same name with a number that all begin at the same instant, rows of all in turns. */
function writeFiles(name: string, files: number, rows: number, packed: boolean): string {
  for (let file = 0; file < files; file++) {
    const of = Array.from({ length: rows }, (_, i) => ({ ms: i * 10, id: i * files + file }));
    const number = String(file).padStart(5, '0');
    SCRATCH.write(`${name}-${number}.csv`, packed ? timedGzip(of) : timedCsv(of));
  }
  return `${SCRATCH.folder}/${name}-*.csv`;
}

/** Reads to the end; the rows must come by their numbers. */
async function countInOrder(source: Source): Promise<number> {
  let next = 0;
  for (let batch = await source.read(); batch; batch = await source.read()) {
    const ids = batch.float64('price');
    for (let row = 0; row < batch.length; row++) if (ids[row] !== next++) throw new Error(`row ${next}`);
    batch.release();
  }
  return next;
}

describe('a replay of very many files that begin at once', () => {
  it(`merges ${MANY} packed ones with at most 64 descriptors`, async () => {
    // More rows than are decoded ahead: none is at its end before the merge comes to it.
    const path = writeFiles('open', MANY, 100, true);
    const before = descriptors();
    const { source } = await openReplay({ path, ...TIMED_ROWS }, { batchRows: 64 });
    const { result: rows, most } = await mostDescriptors(() => countInOrder(source));
    expect(rows).toBe(MANY * 100);
    expect(source.statistics!()).toEqual({ filesDone: MANY, filesTotal: MANY, filesOpen: 0 });
    expect(most).toBeGreaterThan(50);
    expect(most).toBeLessThanOrEqual(DESCRIPTORS_MAX + 1); // one is the folder that is looked at
    await source.close?.();
    expect(descriptors()).toBeLessThanOrEqual(before); // others may have been closed meanwhile
  });

  it.each([
    ['plain', false],
    ['packed', true],
  ] as const)('reads on in those that have no descriptor of their own (%s)', async (_, packed) => {
    // Chunks of 256 KiB: each file is read in some.
    const files = 72;
    const rows = 30_000;
    const name = `lent-${packed}`;
    const path = writeFiles(name, files, rows, packed);
    const before = descriptors();
    const { source } = await openReplay({ path, ...TIMED_ROWS }, { batchRows: 8_192 });
    const { result, most } = await mostDescriptors(() => countInOrder(source));
    expect(result).toBe(files * rows);
    expect(most).toBeLessThanOrEqual(DESCRIPTORS_MAX + 1);
    await source.close?.();
    expect(descriptors()).toBeLessThanOrEqual(before); // others may have been closed meanwhile
  });

  it('fails when one of them is replaced in the meantime', async () => {
    const path = writeFiles('swap', 72, 30_000, false);
    const { source } = await openReplay({ path, ...TIMED_ROWS }, { batchRows: 8_192 });
    (await source.read())!.release();
    const last = path.replace('*', '00071');
    SCRATCH.write('other.txt', timedCsv([{ ms: 0, id: 0 }]));
    renameSync(`${SCRATCH.folder}/other.txt`, last);
    const { error } = await drainRows(source);
    expect(error).toMatchObject({
      code: 'INPUT_UNREADABLE',
      message: expect.stringMatching(
        /swap-00071\.csv: expected the file of \d+ bytes .*, found another file; leave input/,
      ),
    });
  });

  it('stops while they are peeked, opened or read, and frees everything', async () => {
    const path = writeFiles('stop', 400, 30, true);
    const before = descriptors();
    for (const turns of [1, 5, 40, 150, 400, 900]) {
      const { source } = await openReplay({ path, ...TIMED_ROWS }, { batchRows: 64 });
      const reading = drainRows(source);
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
      source.stop();
      const { error } = await reading;
      expect(error).toBeUndefined();
      expect(descriptors()).toBeLessThanOrEqual(before); // others may have been closed meanwhile
    }
  });

  it('frees everything after a failure', async () => {
    const input: ReplayInput = { path: writeFiles('fail', 80, 5, true), ...TIMED_ROWS };
    const before = descriptors();
    const missing = await replay({ ...input, columns: { ...TIMED_ROWS.columns, price: 'none' } });
    expect(missing.error).toMatchObject({ code: 'INPUT_CORRUPT' });
    SCRATCH.write('fail-00040.csv', timedGzip([{ ms: 5, id: 1 }]).subarray(0, 30));
    const broken = await replay(input);
    expect(broken.error).toMatchObject({ code: 'INPUT_CORRUPT' });
    expect(descriptors()).toBeLessThanOrEqual(before); // others may have been closed meanwhile
  });
});

describe('what a file is read with', () => {
  const schema: Schema = {
    kind: 'custom',
    columns: [...'abcdef'].map((name) => ({ name, type: 'float64' })),
  };

  it('shrinks with the number of files that are open, down to a floor', () => {
    expect(readSizes(1, 8_192, schema)).toEqual({ chunkBytes: 262_144, rows: 8_192 });
    expect(readSizes(100, 8_192, schema)).toEqual({ chunkBytes: 262_144, rows: 4_096 });
    expect(readSizes(3_000, 8_192, schema)).toEqual({ chunkBytes: 8_192, rows: 128 });
    expect(readSizes(100_000, 8_192, schema)).toEqual({ chunkBytes: 8_192, rows: 64 });
    expect(readSizes(100_000, 7, schema)).toEqual({ chunkBytes: 262_144 / 32, rows: 7 });
  });
});

describe('descriptors', () => {
  it('are never more than 64, whoever reads at the same time, and are given back', async () => {
    let open = 0;
    let most = 0;
    const fs = {
      async open(...args: Parameters<typeof nodeFs.open>) {
        most = Math.max(most, ++open);
        const handle = await nodeFs.open(...args);
        const close = handle.close.bind(handle);
        handle.close = async () => {
          open--;
          await close();
        };
        return handle;
      },
    };
    const path = SCRATCH.write('one.txt', 'abcdef');
    const pool = new Descriptors(fs);
    const files = await Promise.all(Array.from({ length: 200 }, () => pool.open(path)));
    const read = (file: (typeof files)[number]) => file.read(Buffer.alloc(3), 1);
    expect(await Promise.all(files.map(read))).toEqual(files.map(() => 3));
    expect(most).toBeLessThanOrEqual(DESCRIPTORS_MAX);
    expect(files.filter(({ hasDescriptor }) => hasDescriptor)).toHaveLength(56);

    // A file takes one for good once somebody else is done.
    await files[0]!.close();
    expect(files[199]!.hasDescriptor).toBe(false);
    await read(files[199]!);
    expect(files[199]!.hasDescriptor).toBe(true);
    await Promise.all(files.map((file) => file.close()));
    expect(open).toBe(0);
    expect(await files[3]!.read(Buffer.alloc(3), 0)).toBe(0);
  });

  it('are given back when a file cannot be opened, or is none', async () => {
    const pool = new Descriptors();
    for (let i = 0; i < 100; i++) {
      await expect(pool.open(`${SCRATCH.folder}/none`)).rejects.toMatchObject({ code: 'ENOENT' });
      await expect(pool.open(SCRATCH.folder)).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' });
    }
    const file = await pool.open(SCRATCH.write('there.txt', 'x'));
    expect(file.hasDescriptor).toBe(true);
    await file.close();
  });
});
