import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openFileBytes } from '../../src/formats/file-bytes.js';
import { temporaryDirectory } from '../stages/sinks/sink-rows.js';

const content = Buffer.from(Int32Array.from({ length: 1_500_000 }, (_, i) => i).buffer);

/** Reads a plain file. @returns The lengths of its chunks. */
async function chunksOf(readsAhead: boolean, msPerChunk: number): Promise<number[]> {
  const path = join(temporaryDirectory(), 'a.bin');
  writeFileSync(path, content);
  vi.useFakeTimers({ toFake: ['performance'] });
  const bytes = await openFileBytes(path, { readsAhead });
  const lengths: number[] = [];
  let at = 0;
  for (let chunk = await bytes.next(); chunk; chunk = await bytes.next()) {
    expect(content.subarray(at, at + chunk.length).equals(chunk)).toBe(true);
    at += chunk.length;
    lengths.push(chunk.length);
    vi.advanceTimersByTime(msPerChunk);
  }
  await bytes.close();
  expect(at).toBe(content.length);
  return lengths.slice(0, -1);
}

describe('the chunks of a plain file', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('grow to 256 kB while it is read fast', async () => {
    for (const readsAhead of [true, false]) {
      const lengths = await chunksOf(readsAhead, 10);
      expect([...new Set(lengths)]).toEqual([65_536, 131_072, 262_144]);
    }
  });

  it('stay small where each lasts long', async () => {
    for (const readsAhead of [true, false]) {
      expect(new Set(await chunksOf(readsAhead, 100))).toEqual(new Set([65_536]));
    }
  });
});
