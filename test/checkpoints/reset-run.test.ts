import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import type { CheckpointStore } from '../../src/checkpoints/checkpoint-store.js';
import { MemoryCheckpointStore } from '../../src/checkpoints/memory-checkpoint-store.js';
import { planReset } from '../../src/checkpoints/reset-run.js';
import { PipelineError } from '../../src/core/errors.js';
import type { OpenSpec } from '../../src/plan/typed-spec.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import { type Checkpoint, readCheckpoint } from '../../src/wire/checkpoint.js';
import { scratchFolder } from '../support/recorded-data.js';
import { TransactionalTable } from '../support/transactional-table.js';
import { checkpointOf, owner } from './checkpoint-of.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);
let folders = 0;
const newFolder = (): string => {
  const path = `${SCRATCH.folder}/${folders++}`;
  mkdirSync(path);
  return path;
};

const specOf = (sink: OpenSpec['sink'] | undefined, others: Partial<OpenSpec> = {}): OpenSpec => ({
  name: 'kept',
  source: { use: 'synthetic', rows: 3_000, symbols: 3, rate: 12_000 },
  batchRows: 64,
  batcher: { maxRows: 50 },
  ...(sink && { sink }),
  ...others,
});

const rowsIn = (path: string): string[] => {
  const files = path.endsWith('.csv') ? [path] : readdirSync(path).map((name) => `${path}/${name}`);
  return files.flatMap((file) => readFileSync(file, 'utf8').trimEnd().split('\n').slice(1)).sort();
};

/** Runs until a checkpoint with this many rows was accepted, and stops there. */
async function runUntil(rows: number, spec: OpenSpec, store: CheckpointStore): Promise<void> {
  const pipeline = createPipeline(spec, { store });
  const ended = pipeline.run();
  while ((await pipeline.checkpoint()).counters.rowsOut < rows) await setTimeout(1);
  await pipeline.stop();
  await ended;
}

/** Resets the run of a key, as `tickloom checkpoints reset` does. */
async function reset(store: CheckpointStore, key = 'kept'): Promise<void> {
  const plan = planReset((await store.load(key))!, 1_700_000_000_000);
  if (!('checkpoint' in plan)) throw new Error(plan.problems.join('\n'));
  const fence = await store.claim(key, owner('reset'));
  await store.save(key, fence, plan.checkpoint);
}

async function wholeRun(
  sink: (path: string) => NonNullable<OpenSpec['sink']>,
  name: string,
): Promise<string> {
  const path = `${newFolder()}/${name}`;
  await createPipeline(specOf(sink(path)), { store: new MemoryCheckpointStore() }).run();
  return path;
}

describe('a run that was reset', () => {
  const csv = (path: string) => ({
    use: 'csv' as const,
    path,
    ...(!path.endsWith('.csv') && { rotate: { rows: 400 } }),
  });

  it.each(['out', 'out.csv'])('begins anew and takes back what %s has of it', async (name) => {
    const whole = await wholeRun(csv, name);
    const path = `${newFolder()}/${name}`;
    const store = new MemoryCheckpointStore();
    await runUntil(1_000, specOf(csv(path)), store);
    const { run } = (await store.load('kept'))!;
    await reset(store);
    expect(await createPipeline(specOf(csv(path)), { store }).run()).toMatchObject({
      outcome: 'completed',
      counters: { rowsIn: 3_000, rowsOut: 3_000 },
    });
    expect(rowsIn(path)).toEqual(rowsIn(whole));
    expect((await store.load('kept'))?.run.id).toBe(run.id);
  });

  it('takes back the parts of a run that had completed', async () => {
    const path = `${newFolder()}/out`;
    const store = new MemoryCheckpointStore();
    await createPipeline(specOf(csv(path)), { store }).run();
    const before = readdirSync(path);
    await reset(store);
    expect(readdirSync(path)).toEqual(before); // not before the next start
    await createPipeline(specOf(csv(path)), { store }).run();
    const after = readdirSync(path);
    expect(after).toHaveLength(before.length);
    expect(after.filter((part) => before.includes(part))).toEqual([]);
    expect(rowsIn(path)).toHaveLength(3_000);
  });

  it.each([
    ['published', { rotate: { rows: 400 } }, 1_000],
    ['not published yet', {}, 200],
  ])(
    'is refused where nothing of it is, and takes back parts that are %s where it was',
    async (_what, more, rows) => {
      const place = newFolder();
      const spec = specOf({ use: 'csv', path: `${place}/at/out`, ...more });
      const store = new MemoryCheckpointStore();
      await runUntil(rows, spec, store);
      await reset(store);
      await reset(store); // once more, before any start
      renameSync(`${place}/at`, `${place}/elsewhere`);
      expect(await createPipeline(spec, { store }).run()).toMatchObject({
        outcome: 'failed',
        error: {
          code: 'CHECKPOINT_INVALID',
          message: expect.stringMatching(/was reset.* parts .*"tickloom checkpoints reset --keep"/),
        },
      });
      rmSync(`${place}/at`, { recursive: true, force: true });
      renameSync(`${place}/elsewhere`, `${place}/at`);
      expect(await createPipeline(spec, { store }).run()).toMatchObject({ outcome: 'completed' });
      expect(rowsIn(`${place}/at/out`)).toHaveLength(3_000);
      expect(readdirSync(`${place}/at/.out.tickloom`)).toEqual(['columns.json', 'runs']); // no folder of the run
    },
  );

  it('may be started again where it has taken back all, and ended before its first checkpoint', async () => {
    const path = `${newFolder()}/out`;
    const store = new MemoryCheckpointStore();
    await createPipeline(specOf(csv(path)), { store }).run();
    await reset(store);
    const failing = Object.assign(Object.create(store) as CheckpointStore, {
      load: (key: string) => store.load(key),
      claim: (key: string, of: Parameters<CheckpointStore['claim']>[1]) => store.claim(key, of),
      save: async () => {
        throw new PipelineError('FENCED', 'claimed in between');
      },
    });
    await createPipeline(specOf(csv(path)), { store: failing })
      .run()
      .catch(() => undefined);
    expect((await store.load('kept'))?.isReset).toBe(true);
    await createPipeline(specOf(csv(path)), { store }).run();
    expect(rowsIn(path)).toHaveLength(3_000);
  });

  it('may be cut short, gone on with and reset again', async () => {
    const whole = await wholeRun(csv, 'out');
    const path = `${newFolder()}/out`;
    const store = new MemoryCheckpointStore();
    await runUntil(1_000, specOf(csv(path)), store);
    await reset(store);
    const unsaved = createPipeline(specOf(csv(path)), { store, checkpointEveryMs: 60_000 });
    const stopped = unsaved.run();
    await unsaved.pause(); // once it has taken over
    await unsaved.stop();
    await stopped;
    expect((await store.load('kept'))?.isReset).toBe(true); // no checkpoint came after it
    await reset(store);
    await runUntil(1_500, specOf(csv(path)), store);
    await createPipeline(specOf(csv(path)), { store }).run();
    expect(rowsIn(path)).toEqual(rowsIn(whole));
  });

  it('leaves the parts of other runs where they are', async () => {
    const path = `${newFolder()}/out`;
    const spec = specOf({ ...csv(path), ifExists: 'append' });
    await createPipeline(spec, { store: new MemoryCheckpointStore() }).run();
    const others = readdirSync(path);
    const store = new MemoryCheckpointStore();
    await runUntil(1_000, spec, store);
    await reset(store);
    await createPipeline(spec, { store }).run();
    expect(readdirSync(path)).toEqual(expect.arrayContaining(others));
    expect(rowsIn(path)).toHaveLength(6_000);
  });

  it('does so in each branch of a sink, with its operators', async () => {
    const tee = (path: string) =>
      ({
        use: 'tee',
        branches: [
          { use: 'csv', name: 'ticks', path: `${path}/ticks`, rotate: { rows: 400 } },
          {
            use: 'csv',
            path: `${path}/bars`,
            operators: [{ use: 'bars', every: '10ms', price: 'bid' }],
            batcher: { maxRows: 5 },
            rotate: { rows: 7 },
          },
        ],
      }) as const;
    const whole = await wholeRun(tee, 'tee');
    const path = `${newFolder()}/tee`;
    const store = new MemoryCheckpointStore();
    await runUntil(1_500, specOf(tee(path)), store);
    await reset(store);
    await createPipeline(specOf(tee(path)), { store }).run();
    for (const branch of ['ticks', 'bars']) {
      expect(rowsIn(`${path}/${branch}`)).toEqual(rowsIn(`${whole}/${branch}`));
    }
  });

  it('may have another source and other operators, and not another sink', async () => {
    const path = `${newFolder()}/out`;
    const store = new MemoryCheckpointStore();
    await runUntil(500, specOf(csv(path)), store);
    const changed: Partial<OpenSpec> = {
      source: { use: 'synthetic', rows: 100, symbols: 2 },
      operators: [{ use: 'filter', where: 'bid > 0' }],
    };
    await expect(createPipeline(specOf(csv(path), changed), { store }).run()).rejects.toThrow(
      'source.rows, source.symbols differ',
    );
    await reset(store);
    await expect(createPipeline(specOf(csv(`${path}-2`), changed), { store }).run()).rejects.toThrow(
      'sink.path differs',
    );
    await createPipeline(specOf(csv(path), changed), { store }).run();
    expect(rowsIn(path)).toHaveLength(100);
  });

  it('writes each dead letter once', async () => {
    const folder = newFolder();
    const lines = Array.from(
      { length: 900 },
      (_, i) => `${1_700_000_000_000 + i},A,${i % 100 === 5 ? '?' : i}`,
    );
    writeFileSync(`${folder}/in.csv`, `time,symbol,price\n${lines.join('\n')}\n`);
    const spec = specOf(csv(`${folder}/out`), {
      source: {
        use: 'replay',
        path: `${folder}/in.csv`,
        kind: 'trade',
        columns: { time: { from: 'time', unit: 'ms' }, symbol: 'symbol', price: 'price' },
        speed: 4,
      },
      deadLetter: { path: `${folder}/dead.jsonl` },
    });
    const store = new MemoryCheckpointStore();
    await runUntil(400, spec, store);
    await reset(store);
    await createPipeline(spec, { store }).run();
    const letters = readFileSync(`${folder}/dead.jsonl`, 'utf8').trimEnd().split('\n');
    expect(letters.map((letter) => JSON.parse(letter).ordinal)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(rowsIn(`${folder}/out`)).toHaveLength(891);
  });
});

describe('a reset', () => {
  async function problemsOf(spec: OpenSpec, own = {}): Promise<readonly string[]> {
    const store = new MemoryCheckpointStore();
    await createPipeline(spec, { store, ...own }).run();
    const plan = planReset((await store.load('kept'))!, 0);
    return 'problems' in plan ? plan.problems : [];
  }
  const few: Partial<OpenSpec> = { source: { use: 'synthetic', rows: 10 } };

  it('is refused where a sink cannot take back what it has', async () => {
    const file = `${newFolder()}/out.csv`;
    expect(await problemsOf(specOf({ use: 'csv', path: file }, few))).toEqual([
      'sink "csv" (sink) has published its file, and no longer says what was there before',
    ]);
    expect(await problemsOf(specOf({ use: 'null' }, few))).toEqual([]);
    expect(await problemsOf(specOf(undefined, few), { sink: new TransactionalTable().sink() })).toEqual([
      'sink sink does not come with Tickloom, which cannot read its position',
    ]);
    const branches = [{ use: 'null' }, { use: 'console', rows: 1, name: 'told' }] as const;
    expect(await problemsOf(specOf({ use: 'tee', branches }, few))).toEqual([
      'sink "console" ("told") cannot take back rows that it has written',
    ]);
  });

  it('makes a checkpoint of nothing but the sink', () => {
    const whole = checkpointOf(7, { states: { sink: null, deadLetters: null } });
    const { source: _, ...states } = { source: 1, ...whole.states };
    const good = { ...whole, states, isReset: true } as Checkpoint;
    expect(readCheckpoint(good)).toEqual(good);
    for (const [wrong, message] of [
      [{ ...good, isReset: 1 }, 'isReset: expected true, or nothing, found 1'],
      [{ ...good, states: { sink: 0, source: 1 } }, 'states.source: expected none in a run that was reset'],
      [{ ...good, isReset: undefined }, 'states.source: expected a state'],
      [
        { ...good, ended: { how: 'completed', isPublished: true } },
        'ended: expected none in a run that was reset',
      ],
    ] as const) {
      expect(() => readCheckpoint(wrong)).toThrow(message);
    }
  });
});
