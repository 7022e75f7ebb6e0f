import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createPipeline, type JobReport } from '../../dist/src/index.js';
import { discard, endless, rows, startRuntime, until } from './threads-support.js';

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-bounds-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const linesIn = (directory: string): string[] =>
  existsSync(directory)
    ? readdirSync(directory)
        .filter((name) => !name.startsWith('.'))
        .sort()
        .flatMap((name) => readFileSync(join(directory, name), 'utf8').split('\n'))
        .filter((line) => line !== '')
    : [];

const specIn = (folder: string) =>
  ({
    name: 'sliced',
    delivery: 'exactly-once',
    source: rows(50_000),
    operators: [{ use: 'bars', every: '2s', price: 'bid' }],
    sink: { use: 'jsonl', path: join(folder, 'out') },
  }) as const;

async function undisturbed(): Promise<string[]> {
  const folder = temporaryFolder();
  await createPipeline({ ...specIn(folder), delivery: 'best-effort' }).run();
  return linesIn(join(folder, 'out'));
}

describe('jobs with bounds', () => {
  it('end completed at their rows, their duration or their instant', async () => {
    const runtime = await startRuntime();
    const reports = await Promise.all([
      runtime.submit({ name: 'rows', source: endless, sink: discard }, { maxRows: 12_345 }),
      runtime.submit({ name: 'duration', source: endless, sink: discard }, { maxDuration: '50ms' }),
      runtime.submit(
        { name: 'until', source: endless, sink: discard },
        { until: new Date(Date.now() + 3_000).toISOString() },
      ),
    ]).then((jobs) => Promise.all(jobs.map(({ outcome }) => outcome)));
    expect(reports.map(({ outcome, reason, bound }) => [outcome, reason, bound])).toEqual([
      ['completed', 'bounded', 'rows'],
      ['completed', 'bounded', 'duration'],
      ['completed', 'bounded', 'until'],
    ]);
    expect(reports[0]!.counters.rowsIn).toBe(12_345);
  });
});

describe('slices', () => {
  it('are in sum an undisturbed run, and then there is nothing left', async () => {
    const folder = temporaryFolder();
    const runtime = await startRuntime({ checkpoints: { path: join(folder, 'checkpoints') } });
    const slice = async (): Promise<JobReport> =>
      (await runtime.submit(specIn(folder), { slice: { rows: 17_000 } })).outcome;
    const reasons: string[] = [];
    for (let i = 0; i < 4; i++) reasons.push((await slice()).reason);
    expect(reasons).toEqual(['sliced', 'sliced', 'end of input', 'nothing left']);
    expect(linesIn(join(folder, 'out'))).toEqual(await undisturbed());
    expect(runtime.get('sliced').inspect().state).toBe('completed');
  });

  it('come by a schedule, each where the one before has ended', async () => {
    const folder = temporaryFolder();
    const runtime = await startRuntime({ checkpoints: { path: join(folder, 'checkpoints') } });
    const reasons: string[] = [];
    runtime.on((event) => {
      if (event.type === 'job.ended') reasons.push(event.report.reason);
    });
    const schedule = await runtime.schedule(
      specIn(folder),
      { use: 'interval', everyMs: 1_000 },
      { slice: { rows: 30_000 }, overlap: 'queue' },
    );
    await until(() => reasons.length >= 3);
    schedule.stop();
    expect(reasons.slice(0, 3)).toEqual(['sliced', 'end of input', 'nothing left']);
    expect(linesIn(join(folder, 'out'))).toEqual(await undisturbed());
  });

  it('and exactly-once are refused without checkpoints, before anything is opened', async () => {
    const folder = temporaryFolder();
    const runtime = await startRuntime();
    await expect(runtime.submit(specIn(folder))).rejects.toThrow('delivery: expected a checkpoint store');
    const plain = { name: 'plain', source: endless, sink: discard };
    await expect(runtime.submit(plain, { slice: { rows: 5 } })).rejects.toThrow(
      'submit.slice: expected a checkpoint store',
    );
    const schedule = { use: 'interval', everyMs: 1_000 } as const;
    await expect(runtime.schedule(plain, schedule, { slice: { rows: 5, duration: '1s' } })).rejects.toThrow(
      'submit.slice: expected either "rows" or "duration"',
    );
    await expect(runtime.submit(plain, { until: '2001-01-01T00:00:00Z' })).rejects.toThrow(
      'submit.until: expected an instant to come, found 2001-01-01T00:00:00.000Z',
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  it('of a job that reads a topic are refused, since rows between two of them would be lost', async () => {
    const folder = temporaryFolder();
    const runtime = await startRuntime({ checkpoints: { path: join(folder, 'checkpoints') } });
    const topic = { use: 'topic', topic: 'quotes' } as const;
    const columns = [{ name: 'time', type: 'timestamp' }] as const;
    const reader = {
      name: 'reader',
      source: {
        use: 'merge',
        sources: [
          { ...topic, columns },
          { ...topic, topic: 'others', columns },
        ],
      },
      sink: discard,
    } as const;
    const options = { slice: { rows: 5 } };
    await expect(runtime.submit(reader, options)).rejects.toThrow(
      'source.sources[0]: expected no topic in a job with a slice, found "quotes"',
    );
    const schedule = { use: 'interval', everyMs: 1_000 } as const;
    await expect(runtime.schedule(reader, schedule, options)).rejects.toThrow(
      'no topic in a job with a slice',
    );
    const producer = { name: 'producer', source: endless, sink: topic };
    const job = await runtime.submit(producer, options);
    expect(await job.outcome).toMatchObject({ outcome: 'completed', reason: 'sliced' });
  });
});
