import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createPipeline, type RuntimeEvent } from '../../dist/src/index.js';
import { discard, moduleOperator, startRuntime, until } from './threads-support.js';

const ticks = { use: 'synthetic', symbols: 5, rate: 5_000 } as const;
/** Rows that the consumer has before one of the jobs dies, and after that. */
const ROWS = 2_000;
const atOnce = { backOff: '1ms', backOffMax: '1ms' } as const;

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-groups-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Ends its thread once, when a file is there. */
const dying = (file: string) =>
  moduleOperator(
    `emit(batch);
     if (!existsSync(${JSON.stringify(file)})) return;
     rmSync(${JSON.stringify(file)});
     process.exit(3);`,
    { top: `import { existsSync, rmSync } from 'node:fs';` },
  );

const linesIn = (directory: string): string[] =>
  readdirSync(directory)
    .sort()
    .flatMap((name) => readFileSync(join(directory, name), 'utf8').split('\n'))
    .filter((line) => line !== '');

/** The first lines of a run that nobody disturbs. */
async function undisturbed(rows: number): Promise<string[]> {
  const path = join(temporaryFolder(), 'out');
  const source = { ...ticks, rate: undefined, rows };
  await createPipeline({ name: 'x', source, sink: { use: 'jsonl', path, rotate: { rows: 100_000 } } }).run();
  return linesIn(path);
}

describe('a group of one for all, with the producer of a topic and its consumer', () => {
  it('restarts all three when one of them dies, and the consumer has each row once', async () => {
    const folder = temporaryFolder();
    const out = join(folder, 'out');
    const file = join(folder, 'die');
    const runtime = await startRuntime({
      checkpoints: { path: join(folder, 'checkpoints'), every: '20ms' },
      groups: { feeds: { strategy: 'one-for-all' } },
    });
    const events: RuntimeEvent[] = [];
    runtime.on((event) => events.push(event));
    const options = { group: 'feeds', restart: atOnce };
    const producer = await runtime.submit(
      { name: 'producer', source: ticks, sink: { use: 'topic', topic: 'ticks' } },
      options,
    );
    const consumer = await runtime.submit(
      {
        name: 'consumer',
        source: { use: 'topic', topic: 'ticks', overflow: 'block' },
        sink: { use: 'jsonl', path: out, rotate: { rows: 100_000 } },
      },
      options,
    );
    const other = await runtime.submit(
      { name: 'other', source: ticks, operators: [dying(file)], sink: discard },
      options,
    );
    const jobs = [producer, consumer, other];
    const areRunning = () => jobs.every((job) => job.inspect().state === 'running');
    await until(() => areRunning() && consumer.inspect().counters.rowsIn > ROWS);

    writeFileSync(file, '');
    await until(() => jobs.every((job) => job.inspect().runs.length === 2) && areRunning());
    expect(existsSync(file)).toBe(false);
    expect(producer.inspect().runs[0]).toMatchObject({ outcome: 'stopped' });
    expect(consumer.inspect().runs[0]).toMatchObject({ outcome: 'stopped' });
    expect(other.inspect().runs[0]).toMatchObject({ outcome: 'failed', error: { code: 'THREAD_EXITED' } });
    const rowsBefore = consumer.inspect().counters.rowsIn;
    await until(() => consumer.inspect().counters.rowsIn > rowsBefore + ROWS);

    const reports = await runtime.group('feeds').drain({ deadlineMs: 60_000 });
    expect(reports.map(({ name, outcome, reason }) => [name, outcome, reason])).toEqual([
      ['producer', 'completed', 'drained'],
      ['consumer', 'completed', 'end of input'],
      ['other', 'completed', 'drained'],
    ]);
    const steps = events.flatMap((event) =>
      event.type === 'job.state' ? [`${event.name} ${event.state}`] : [],
    );
    expect(steps.filter((step) => step.endsWith(' restarting'))).toEqual([
      'producer restarting',
      'consumer restarting',
    ]);
    expect(events.filter(({ type }) => type === 'group.restarting')).toMatchObject([
      { name: 'feeds', cause: { job: 'other' }, restarts: 1 },
    ]);
    const lines = linesIn(out);
    expect(lines.length).toBe(reports[0]!.counters.rowsOut);
    expect(lines).toEqual(await undisturbed(lines.length));
  }, 120_000);
});
