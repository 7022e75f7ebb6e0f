import { existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import * as nodeFs from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { BadRow } from '../../../src/core/errors.js';
import { DeadLetterFile, type DeadLetterOptions } from '../../../src/engine/dead-letters/dead-letter-file.js';
import { stopOnReject } from '../../../src/engine/rejects.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { CrashingFileSystem } from '../../support/crashing-file-system.js';
import { scratchFolder } from '../../support/recorded-data.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const bad = (line: number, more: Partial<BadRow> = {}): BadRow => ({
  file: 'ticks.csv',
  line,
  expected: 'a decimal number',
  found: '"x"',
  ...more,
});
const linesOf = (path: string): unknown[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

/** Lines without the run and the number in it. */
const rowsOf = (path: string): unknown[] =>
  linesOf(path).map((line) => {
    const { run: _run, ordinal: _ordinal, ...row } = line as Record<string, unknown>;
    return row;
  });
const numbersOf = (path: string) =>
  linesOf(path).map((line) => {
    const { run, ordinal } = line as { run: string; ordinal: number };
    return [run, ordinal];
  });

describe('dead letters in a new folder', () => {
  it('survive a power cut once they were synced', async () => {
    const disk = new CrashingFileSystem();
    const path = join(SCRATCH.folder, 'unsynced', 'folder', 'dead.jsonl');
    const file = new DeadLetterFile({ path, maxRows: 10 }, disk.fs);
    await file.open();
    file.add(bad(2));
    await file.sync();
    await disk.cutPower();
    expect(rowsOf(path)).toEqual([bad(2)]);
  });

  it('say once that a power cut may lose them, where the file system cannot sync folders', async () => {
    const fs = {
      ...nodeFs,
      open: async (...args: Parameters<typeof nodeFs.open>) => {
        const handle = await nodeFs.open(...args);
        if (args[1] !== 'r') return handle;
        const unsupported = Object.assign(new Error('EINVAL'), { code: 'EINVAL' });
        return Object.assign(handle, { sync: () => Promise.reject(unsupported) });
      },
    };
    const warnings: unknown[] = [];
    const log = { ...silentLogger, warn: (...line: unknown[]) => warnings.push(line) };
    const path = join(SCRATCH.folder, 'unsupported', 'dead.jsonl');
    const file = new DeadLetterFile({ path, maxRows: 10, log }, fs);
    await file.open();
    file.add(bad(2));
    await file.close();
    expect(warnings).toEqual([
      [
        { directory: SCRATCH.folder },
        'this file system cannot sync directories: a power cut may lose dead letters',
      ],
    ]);
    expect(rowsOf(path)).toEqual([bad(2)]);
  });
});

async function opened(options: DeadLetterOptions): Promise<DeadLetterFile> {
  const file = new DeadLetterFile(options);
  await file.open();
  return file;
}

/** Its next writes take so many bytes at most, or fail. */
function failingFileSystem() {
  const failing = {
    next: [] as (number | string)[],
    onWrite: () => {},
    fs: {
      ...nodeFs,
      open: async (...args: Parameters<typeof nodeFs.open>) => {
        const handle = await nodeFs.open(...args);
        const write = handle.write.bind(handle) as (...all: unknown[]) => Promise<{ bytesWritten: number }>;
        const scripted = async (bytes: Uint8Array, at: number) => {
          const step = failing.next.shift();
          if (typeof step === 'string') throw Object.assign(new Error(step), { code: step });
          const written = await write(bytes, at, step ?? bytes.length - at);
          failing.onWrite();
          return written;
        };
        handle.write = scripted as unknown as typeof handle.write;
        return handle;
      },
    },
  };
  return failing;
}

describe('a dead-letter file', () => {
  it('holds the rows in order, one JSON object a line, once it is flushed', async () => {
    const path = join(SCRATCH.folder, 'new', 'folder', 'dead.jsonl');
    const file = await opened({ path, maxRows: 10 });
    const rows = [bad(2, { field: 'bid', raw: '1,"a\nb",x' }), bad(7)];
    for (const row of rows) file.add(row);
    expect(file.keepsRows).toBe(true);
    expect(file.count).toBe(2);
    await file.flush();
    expect(rowsOf(path)).toEqual(rows);
    file.add(bad(9));
    await file.close();
    expect(rowsOf(path)).toEqual([...rows, bad(9)]);
    const { run } = file.position();
    expect(run).toMatch(/^[0-9a-f]{12}$/);
    expect(numbersOf(path)).toEqual([
      [run, 1],
      [run, 2],
      [run, 3],
    ]);
  });

  it('takes as many rows as it may and fails at the next one, which it names', async () => {
    const path = join(SCRATCH.folder, 'full.jsonl');
    const file = await opened({ path, maxRows: 2 });
    file.add(bad(1));
    file.add(bad(2));
    expect(() => file.add(bad(3, { field: 'ask' }))).toThrow(
      expect.objectContaining({
        code: 'REJECTS_EXHAUSTED',
        message: expect.stringMatching(
          /^ticks\.csv:3: expected at most 2 bad rows .* ask: expected a decimal number/,
        ),
      }),
    );
    await file.close();
    expect(file.count).toBe(2);
    expect(linesOf(path)).toHaveLength(2);
  });

  it('keeps what earlier runs wrote, and counts to its limit in each run anew', async () => {
    const path = join(SCRATCH.folder, 'again.jsonl');
    const runs: string[] = [];
    for (let i = 0; i < 3; i++) {
      const file = await opened({ path, maxRows: 2 });
      file.add(bad(1));
      file.add(bad(2));
      expect(() => file.add(bad(3))).toThrow(/at most 2 bad rows/);
      runs.push(file.position().run);
      await file.close();
    }
    expect(new Set(runs).size).toBe(3);
    expect(numbersOf(path)).toEqual(
      runs.flatMap((run) => [
        [run, 1],
        [run, 2],
      ]),
    );
  });

  it('numbers rows that come again after a crash as before, in whatever order, and does not write them twice', async () => {
    const path = join(SCRATCH.folder, 'resumed.jsonl');
    const file = await opened({ path, maxRows: 4 });
    file.add(bad(1));
    await file.sync();
    const at = file.position();
    for (const line of [2, 3]) file.add(bad(line));
    await file.flush(); // and is lost, with rows behind the checkpoint
    const second = await opened({ path, maxRows: 4 });
    await second.resume(at, true);
    expect(second.count).toBe(1);
    second.add(bad(3));
    await second.sync();
    const later = second.position(); // and is lost as well, while one is still to come
    const third = await opened({ path, maxRows: 4 });
    await third.resume(later, true);
    expect(third.count).toBe(2);
    for (const line of [4, 2]) third.add(bad(line));
    expect(() => third.add(bad(5))).toThrow(/at most 4 bad rows/);
    await third.close();
    for (const lost of [file, second]) await lost.close();
    const { run } = at;
    expect(numbersOf(path)).toEqual([1, 2, 3, 4].map((ordinal) => [run, ordinal]));
    expect(rowsOf(path)).toEqual([1, 2, 3, 4].map((line) => bad(line)));
  });

  it('writes rows that come again where the letter was lost or cut off, or the file is another one', async () => {
    const path = join(SCRATCH.folder, 'torn.jsonl');
    const file = await opened({ path, maxRows: 9 });
    file.add(bad(1));
    await file.sync();
    const at = file.position();
    for (const line of [2, 3]) file.add(bad(line));
    await file.close();
    writeFileSync(path, readFileSync(path).subarray(0, -10));
    const elsewhere = join(SCRATCH.folder, 'elsewhere.jsonl');
    for (const [to, lines] of [
      [path, [1, 2, 3]],
      [elsewhere, [2, 3]],
    ] as const) {
      const next = await opened({ path: to, maxRows: 9 });
      await next.resume(at, true);
      for (const line of [2, 3]) next.add(bad(line));
      await next.close();
      const whole = readFileSync(to, 'utf8').replace(/^.*[^}]\n/m, '');
      expect(whole.match(/"ordinal":\d/g)).toEqual(lines.map((ordinal) => `"ordinal":${ordinal}`));
      expect(whole.match(/"line":\d/g)).toEqual(lines.map((line) => `"line":${line}`));
    }
  });

  it('counts on under another run where rows do not come again', async () => {
    const path = join(SCRATCH.folder, 'live.jsonl');
    const file = await opened({ path, maxRows: 3 });
    file.add(bad(1));
    const at = file.position();
    file.add(bad(2));
    await file.close();
    const next = await opened({ path, maxRows: 3 });
    await next.resume(at, false);
    for (const line of [3, 4]) next.add(bad(line));
    expect(() => next.add(bad(5))).toThrow(/at most 3 bad rows/);
    await next.close();
    expect(numbersOf(path)).toEqual([
      [at.run, 1],
      [at.run, 2],
      [next.position().run, 2],
      [next.position().run, 3],
    ]);
    expect(next.position().run).not.toBe(at.run);
  });

  it.each([
    null,
    7,
    {},
    { run: '', ordinal: 1, bytes: 0 },
    { run: 'a', ordinal: -1, bytes: 0 },
    { run: 'a', ordinal: 1, bytes: 0, awaited: 3 },
  ])('does not go on from %o', async (position) => {
    const file = await opened({ path: join(SCRATCH.folder, 'odd.jsonl'), maxRows: 3 });
    await expect(file.resume(position, true)).rejects.toMatchObject({ code: 'CHECKPOINT_INVALID' });
    await file.close();
  });

  it('syncs what was written while a sync was under way with the next one', async () => {
    const path = join(SCRATCH.folder, 'synced.jsonl');
    let syncs = 0;
    let goOn = () => {};
    const isReleased = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const fs = {
      ...nodeFs,
      open: async (...args: Parameters<typeof nodeFs.open>) => {
        const handle = await nodeFs.open(...args);
        const sync = handle.sync.bind(handle);
        handle.sync = async () => {
          if (args[0] === path) syncs++; // and not its folder
          await sync();
          await isReleased;
        };
        return handle;
      },
    };
    const file = new DeadLetterFile({ path, maxRows: 9 }, fs);
    await file.open();
    file.add(bad(1));
    const first = file.sync();
    while (syncs === 0) await nodeFs.stat(path);
    file.add(bad(2));
    await file.flush();
    goOn();
    await first;
    await file.sync();
    expect(syncs).toBe(2);
    await file.sync();
    expect(syncs).toBe(2); // nothing new
    await file.close();
  });

  it('is left as it was by a run that rejects nothing', async () => {
    const path = SCRATCH.write('untouched.jsonl', '{"run":"0","ordinal":1,"file":"a","line":1,"exp');
    await (await opened({ path, maxRows: 1 })).close();
    expect(readFileSync(path, 'utf8')).toMatch(/"exp$/);
  });

  it('goes on behind lines that a crash cut off anywhere', async () => {
    const path = join(SCRATCH.folder, 'cut.jsonl');
    const letter = '{"run":"0123456789ab","ordinal":7,"file":"a.csv","line":1,"expected":"x","found":"y"}\n';
    const whole = letter.repeat(3);
    for (let length = 0; length <= whole.length; length++) {
      writeFileSync(path, whole.slice(0, length));
      for (let run = 0; run < 2; run++) {
        const file = await opened({ path, maxRows: 1 });
        file.add(bad(5));
        await file.close();
      }
      const lines = readFileSync(path, 'utf8').split('\n').slice(-3, -1);
      expect(lines.map((line) => JSON.parse(line))).toMatchObject([bad(5), bad(5)]);
    }
  });

  it('adds to one of an earlier release, without run and number', async () => {
    const old = `${JSON.stringify(bad(2))}\n`;
    const path = SCRATCH.write('old.jsonl', old);
    const file = await opened({ path, maxRows: 1 });
    file.add(bad(3));
    await file.close();
    expect(readFileSync(path, 'utf8').startsWith(old)).toBe(true);
    expect(linesOf(path)).toHaveLength(2);
  });

  it.each([
    ['a csv file', 'time,symbol\n1,A\n'],
    ['other JSON lines', '{"time":1,"symbol":"A"}\n'],
    ['JSON lines with a run of their own', '{"run":"a","ordinal":1}\n'],
    ['a text without a line end', 'x'],
    ['blank lines', '\n\n'],
    ['null', 'null\n'],
    ['dead letters with something else behind them', `${JSON.stringify(bad(2))}\nsomething\n`],
    ['a long line', `${'x'.repeat(200_000)}\n`],
  ])('refuses %s, and leaves it as it is', async (_, content) => {
    const path = SCRATCH.write('foreign', content);
    await expect(opened({ path, maxRows: 1 })).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
      retryable: false,
      message:
        `deadLetter.path: expected a new file, an empty file or a dead-letter file, found "${path}", which is ` +
        'another kind of file; nothing was written to it: choose another path, or move it away',
    });
    expect(readFileSync(path, 'utf8')).toBe(content);
  });

  it('follows a link to a file of dead letters, and none to a file that is not there', async () => {
    const { folder } = SCRATCH;
    const link = join(folder, 'link.jsonl');
    symlinkSync(join(folder, 'target.jsonl'), link);
    await expect(opened({ path: link, maxRows: 1 })).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
      message: expect.stringContaining('a link to a file that does not exist'),
    });
    expect(existsSync(join(folder, 'target.jsonl'))).toBe(false);
    SCRATCH.write('target.jsonl', '');
    const file = await opened({ path: link, maxRows: 1 });
    file.add(bad(1));
    await file.close();
    expect(linesOf(join(folder, 'target.jsonl'))).toHaveLength(1);
  });

  it('does not follow a link that takes the place of the file while it is opened', async () => {
    const { folder } = SCRATCH;
    const path = SCRATCH.write('swapped.jsonl', '');
    const victim = SCRATCH.write('victim.jsonl', '');
    const fs = {
      ...nodeFs,
      realpath: (async () => {
        rmSync(path);
        symlinkSync(victim, path);
        return join(folder, 'swapped.jsonl');
      }) as unknown as typeof nodeFs.realpath,
    };
    const file = new DeadLetterFile({ path, maxRows: 1 }, fs);
    await expect(file.open()).rejects.toMatchObject({ code: 'OUTPUT_FAILED' });
    await file.close();
    expect(readFileSync(victim, 'utf8')).toBe('');
  });

  it('holds back no more than a bound, flushed or not', async () => {
    const path = join(SCRATCH.folder, 'many.jsonl');
    const file = await opened({ path, maxRows: 1_000_000 });
    const raw = 'é'.repeat(1_000);
    for (let line = 1; line <= 2_000; line++) file.add(bad(line, { raw }));
    expect(readFileSync(path).length).toBeGreaterThan(1_000_000);
    await file.close();
    expect(rowsOf(path)).toEqual(Array.from({ length: 2_000 }, (_, i) => bad(i + 1, { raw })));
  });

  it('says before the first row that it cannot be written', async () => {
    const taken = SCRATCH.write('taken', '');
    await expect(opened({ path: join(taken, 'dead.jsonl'), maxRows: 1 })).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
      message: expect.stringMatching(
        /taken": a part of the path is a file|taken": there is a file of this name/,
      ),
    });
  });

  it.runIf(existsSync('/proc/self'))('says so where no directory can be made', async () => {
    await expect(opened({ path: '/proc/tickloom/dead.jsonl', maxRows: 1 })).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
      message: expect.stringContaining('no directory can be made there'),
    });
  });

  it('keeps whole lines when two runs write to one path', async () => {
    const path = join(SCRATCH.folder, 'shared.jsonl');
    const files = [await opened({ path, maxRows: 10 }), await opened({ path, maxRows: 10 })];
    for (let line = 1; line <= 3; line++) {
      for (const file of files) {
        file.add(bad(line));
        await file.flush();
      }
    }
    for (const file of files) await file.close();
    expect(rowsOf(path)).toEqual([1, 1, 2, 2, 3, 3].map((line) => bad(line)));
  });

  it('writes what a failed write has left with the next one, whole and under the same numbers', async () => {
    const path = join(SCRATCH.folder, 'again-later.jsonl');
    const failing = failingFileSystem();
    const file = new DeadLetterFile({ path, maxRows: 9 }, failing.fs);
    await file.open();
    file.add(bad(1));
    await file.flush();
    const at = file.position();
    file.add(bad(2));
    failing.next = [20, 'EIO']; // in the middle of a line
    await expect(file.flush()).rejects.toMatchObject({ code: 'OUTPUT_FAILED' });
    file.add(bad(3));
    failing.next = ['EIO'];
    await expect(file.sync()).rejects.toMatchObject({ code: 'OUTPUT_FAILED' });
    await file.close();
    expect(rowsOf(path)).toEqual([bad(1), bad(2), bad(3)]);
    expect(numbersOf(path)).toEqual([1, 2, 3].map((ordinal) => [at.run, ordinal]));
    expect(file.count).toBe(3);
    expect(file.position()).toEqual({ run: at.run, ordinal: 3, bytes: readFileSync(path).length });
  });

  it('tells of no letter that a failed write has not written as if it were there', async () => {
    const path = join(SCRATCH.folder, 'not-there.jsonl');
    const failing = failingFileSystem();
    const file = new DeadLetterFile({ path, maxRows: 9 }, failing.fs);
    await file.open();
    for (const line of [1, 2]) file.add(bad(line));
    failing.next = [50, 'EIO'];
    await expect(file.flush()).rejects.toMatchObject({ code: 'OUTPUT_FAILED' });
    expect(file.position().bytes).toBe(50);
    await file.close();
  });

  it('keeps whole lines where much is added while a write is under way', async () => {
    const path = join(SCRATCH.folder, 'under-way.jsonl');
    const failing = failingFileSystem();
    const file = new DeadLetterFile({ path, maxRows: 9_999 }, failing.fs);
    await file.open();
    file.add(bad(1));
    failing.next = [20]; // a short write: the rest of the line follows
    const flushed = file.flush();
    await new Promise<void>((resolve) => {
      failing.onWrite = resolve;
    });
    const raw = 'x'.repeat(1_000);
    for (let line = 2; line <= 2_000; line++) file.add(bad(line, { raw }));
    await flushed;
    await file.close();
    expect(rowsOf(path)).toEqual([bad(1), ...Array.from({ length: 1_999 }, (_, i) => bad(i + 2, { raw }))]);
  });

  it.runIf(existsSync('/dev/full'))('takes no row that it has no room for, where nothing waits', async () => {
    const file = await opened({ path: '/dev/full', maxRows: 9_999 });
    const raw = 'x'.repeat(1_000);
    const addAll = () => {
      for (let line = 1; line <= 5_000; line++) file.add(bad(line, { raw }));
    };
    expect(addAll).toThrow(expect.objectContaining({ code: 'OUTPUT_FAILED', retryable: true }));
    const { count } = file;
    expect(count).toBeGreaterThan(500);
    expect(() => file.add(bad(1))).toThrow(/ENOSPC/);
    expect([file.count, file.position().ordinal]).toEqual([count, count]);
    await expect(file.close()).rejects.toThrow(/ENOSPC/);
  });

  it.runIf(existsSync('/dev/full'))('waits for room in a flush, and not before one', async () => {
    const waits: number[] = [];
    const room = {
      writeAll: async (bytes: Uint8Array) => {
        waits.push(bytes.length);
      },
    };
    const file = await opened({ path: '/dev/full', maxRows: 9_999, room });
    const raw = 'x'.repeat(1_000);
    for (let line = 1; line <= 3_000; line++) file.add(bad(line, { raw }));
    expect(waits).toEqual([]);
    await file.flush();
    expect(waits).toHaveLength(1);
    expect(waits[0]).toBeGreaterThan(3_000_000);
    await file.close();
  });

  it.runIf(existsSync('/dev/full'))('says so when the disk is full', async () => {
    const file = await opened({ path: '/dev/full', maxRows: 10 });
    file.add(bad(1));
    const full = { code: 'OUTPUT_FAILED', message: expect.stringContaining('ENOSPC') };
    await expect(file.flush()).rejects.toMatchObject(full);
    await expect(file.close()).rejects.toMatchObject(full);
  });
});

describe('a job without a dead-letter file', () => {
  it('stops at the first bad row, which counts', () => {
    const rejects = stopOnReject();
    expect(rejects.keepsRows).toBe(false);
    expect(() => rejects.add(bad(5))).toThrow(expect.objectContaining({ code: 'ROW_INVALID', row: bad(5) }));
    expect(rejects.count).toBe(1);
  });
});
