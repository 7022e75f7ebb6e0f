import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { BadRow } from '../../src/core/errors.js';
import { DeadLetterFile, type DeadLetterOptions } from '../../src/pipeline/dead-letter-file.js';
import { stopOnReject } from '../../src/pipeline/rejects.js';
import { scratchFolder } from '../support/recorded-data.js';

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

async function opened(options: DeadLetterOptions): Promise<DeadLetterFile> {
  const file = new DeadLetterFile(options);
  await file.open();
  return file;
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
    expect(linesOf(path)).toEqual(rows);
    file.add(bad(9));
    await file.close();
    expect(linesOf(path)).toEqual([...rows, bad(9)]);
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

  it('replaces the file of an earlier run, and goes on behind it only when told to', async () => {
    const path = join(SCRATCH.folder, 'again.jsonl');
    for (const append of [false, true, false]) {
      const file = await opened({ path, maxRows: 2, append });
      file.add(bad(1));
      await file.close();
      expect(linesOf(path)).toHaveLength(append ? 2 : 1);
    }
  });

  it('holds back no more than a bound, flushed or not', async () => {
    const path = join(SCRATCH.folder, 'many.jsonl');
    const file = await opened({ path, maxRows: 1_000_000 });
    const raw = 'é'.repeat(1_000);
    for (let line = 1; line <= 2_000; line++) file.add(bad(line, { raw }));
    expect(readFileSync(path).length).toBeGreaterThan(1_000_000);
    await file.close();
    expect(linesOf(path)).toEqual(Array.from({ length: 2_000 }, (_, i) => bad(i + 1, { raw })));
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
    expect(linesOf(path)).toEqual([1, 1, 2, 2, 3, 3].map((line) => bad(line)));
  });

  it.runIf(existsSync('/dev/full'))('says so when the disk is full', async () => {
    const file = await opened({ path: '/dev/full', maxRows: 10, append: true });
    file.add(bad(1));
    await expect(file.flush()).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
      message: expect.stringContaining('ENOSPC'),
    });
    await file.close();
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
