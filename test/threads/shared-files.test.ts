import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { PipelineSpec, SourceSpec } from '../../dist/src/index.js';
import { resolveSpec } from '../../dist/src/index.js';
import { tried } from '../support/deep.js';
import { discard, endless, rows, startRuntime } from './threads-support.js';

/** `npm run test:rounds`: a round takes a tenth of a second, and a busy machine takes several times as long. */
const ROUNDS = Number(process.env.TICKLOOM_ROUNDS ?? tried(2, 5, 10));
const TIME_LIMIT = 120_000 + ROUNDS * 5_000;

function makeFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return (name: string) => join(folder, name);
}

const replay = (path: string): SourceSpec => ({
  use: 'replay',
  path,
  kind: 'custom',
  columns: { price: { from: 'price', type: 'float64' } },
});

describe('the jobs of a runtime', () => {
  it('do not write to one file: exactly one of ten that are submitted at once goes through', async () => {
    const at = makeFolder();
    const runtime = await startRuntime({ maxThreads: 1 });
    const sink = { use: 'csv', path: at('out.csv') } as const;
    const submitted = await Promise.allSettled(
      Array.from({ length: 10 }, (_, i) => runtime.submit({ name: `job${i}`, source: rows(10), sink })),
    );
    const taken = submitted.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(taken).toHaveLength(1);
    for (const one of submitted) {
      if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'SPEC_INVALID' });
    }
    expect(await taken[0]!.outcome).toMatchObject({ outcome: 'completed' });
  });

  it.each([2, 3, 10])(
    'have all their rows in a directory to which %i of them add at once',
    async (count) => {
      const at = makeFolder();
      const runtime = await startRuntime({ maxThreads: count });
      const sink = { use: 'csv', path: at('out'), ifExists: 'append', rotate: { rows: 40 } } as const;
      for (let round = 1; round <= ROUNDS; round++) {
        const jobs = await Promise.all(
          Array.from({ length: count }, (_, i) =>
            runtime.submit({ name: `job${i}`, source: rows(100), sink }),
          ),
        );
        for (const { outcome } of jobs) expect(await outcome).toMatchObject({ outcome: 'completed' });
        const parts = readdirSync(at('out'));
        expect(parts).toHaveLength(3 * count * round);
        const lines = parts.flatMap((name) =>
          readFileSync(join(at('out'), name), 'utf8')
            .trimEnd()
            .split('\n')
            .slice(1),
        );
        expect(lines).toHaveLength(100 * count * round);
      }
    },
    TIME_LIMIT,
  );

  it('may use the file of one that has ended, and are refused by a live one whichever way they come', async () => {
    const at = makeFolder();
    const runtime = await startRuntime();
    const sink = { use: 'csv', path: at('out.csv'), ifExists: 'replace' } as const;
    const first = await runtime.submit({ name: 'first', source: endless, sink });
    const reader = { name: 'reader', source: replay(at('*.csv')), sink: discard };
    const who = /source\.path: .*sink\.path of job "first" \(job-1, \w+\)/;
    await expect(runtime.submit(reader)).rejects.toThrow(who);
    await expect(runtime.submitResolved(await resolveSpec(reader))).rejects.toThrow(who);
    await first.drain();
    const second = await runtime.submit({ name: 'second', source: rows(10), sink });
    expect(await second.outcome).toMatchObject({ outcome: 'completed' });
  });

  it('leave an input as it is that is named for the dead letters', async () => {
    const at = makeFolder();
    const runtime = await startRuntime();
    writeFileSync(at('in.csv'), 'price\n1\nx\n');
    const spec = {
      name: 'a',
      source: replay(at('in.csv')),
      sink: discard,
      deadLetter: { path: at('in.csv') },
    };
    await expect(runtime.submit(spec)).rejects.toThrow(
      /deadLetter\.path: expected a path that nothing reads/,
    );
    expect(readFileSync(at('in.csv'), 'utf8')).toBe('price\n1\nx\n');
  });

  it('add their dead letters to those of earlier ones, each with its run and ordinal', async () => {
    const at = makeFolder();
    const runtime = await startRuntime();
    writeFileSync(at('in.csv'), 'price\nx\n1\ny\n');
    const spec = {
      name: 'a',
      source: replay(at('in.csv')),
      sink: discard,
      deadLetter: { path: at('bad.jsonl') },
    };
    for (let run = 0; run < 3; run++) {
      const job = await runtime.submit(spec);
      expect(await job.outcome).toMatchObject({ outcome: 'completed', counters: { rowsRejected: 2 } });
    }
    const letters = readFileSync(at('bad.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(letters.map(({ ordinal, line }) => [ordinal, line])).toEqual(
      [1, 2, 3].flatMap(() => [
        [1, 2],
        [2, 4],
      ]),
    );
    expect(new Set(letters.map(({ run }) => run)).size).toBe(3);
  });

  it('are not started by a spec that is refused', async () => {
    const at = makeFolder();
    const runtime = await startRuntime();
    writeFileSync(at('notes.txt'), 'not ours\n');
    const spec: PipelineSpec = {
      name: 'a',
      source: rows(1),
      sink: { use: 'csv', path: at('x.csv') },
      deadLetter: { path: at('notes.txt') },
    };
    await expect(runtime.submit(spec)).rejects.toMatchObject({ code: 'SPEC_INVALID' });
    expect(runtime.list()).toEqual([]);
    expect([existsSync(at('x.csv')), readFileSync(at('notes.txt'), 'utf8')]).toEqual([false, 'not ours\n']);
  });
});
