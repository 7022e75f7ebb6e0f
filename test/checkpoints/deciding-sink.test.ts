import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { CheckpointStore } from '../../src/checkpoints/checkpoint-store.js';
import { FileCheckpointStore } from '../../src/checkpoints/file-checkpoint-store.js';
import { MemoryCheckpointStore } from '../../src/checkpoints/memory-checkpoint-store.js';
import { PipelineError } from '../../src/core/errors.js';
import { defineComponent } from '../../src/engine/component.js';
import type { SinkFactory } from '../../src/engine/factories.js';
import type { OpenSpec } from '../../src/plan/typed-spec.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import type { PipelineReport } from '../../src/wire/pipeline-report.js';
import { DecidingTable, type OnDecidingStep } from '../support/deciding-table.js';
import { tried } from '../support/deep.js';
import { scratchFolder } from '../support/recorded-data.js';
import { stoppedAfter, watched } from '../support/stopped-process.js';
import { TransactionalTable } from '../support/transactional-table.js';
import '../support/property-seed.js';

const ROUNDS = Number(process.env.TICKLOOM_ROUNDS ?? tried(30, 100, 300));
const TIME_LIMIT = 60_000 + ROUNDS * 10_000;
const ROWS = 300;

const SPEC: OpenSpec = {
  name: 'decided',
  source: { use: 'synthetic', rows: ROWS, symbols: 4 },
  operators: [{ use: 'derive', columns: { mid: '(bid + ask) / 2' } }],
  batchRows: 16,
  batcher: { maxRows: 20 },
};
const TEE = {
  ...SPEC,
  sink: { use: 'tee', branches: [{ use: 'database' }, { use: 'files' }] },
} as unknown as OpenSpec; // components that are given in code

type Step = (of: string) => Promise<void> | void;

/** A database that decides, and what stands for files beside it in the tree. */
function tables(isTree: boolean) {
  const database = new DecidingTable();
  const files = new TransactionalTable();
  const options = (step: Step) => {
    const sink = database.sink(step as OnDecidingStep);
    if (!isTree) return { sink };
    const component = (name: string, factory: typeof sink) =>
      defineComponent({
        kind: 'sink',
        name,
        summary: name,
        options: async () => z.strictObject({}),
        load: async () => factory,
      });
    return {
      components: [
        component('database', sink),
        component(
          'files',
          files.sink((of) => step(of)),
        ),
      ],
    };
  };
  const seen = () => ({ database: database.rows, files: files.visible });
  return { database, files, options, seen };
}

const outcomeOf = (run: Promise<PipelineReport>): Promise<string> =>
  run.then(
    ({ outcome, error }) => error?.code ?? outcome,
    ({ code }) => code as string,
  );

const isOver = async (store: CheckpointStore) => (await store.load(SPEC.name!))?.ended?.isPublished === true;

/** Goes on with the run until it has ended, as a supervisor does after each failure. */
async function toTheEnd(start: () => Promise<PipelineReport>, store: CheckpointStore): Promise<void> {
  for (let starts = 0; starts < 50; starts++) {
    if (await isOver(store)) return;
    const code = await outcomeOf(start());
    expect(['completed', 'SINK_FAILED', 'CHECKPOINT_FAILED']).toContain(code);
  }
  expect(await isOver(store)).toBe(true);
}

describe.each([
  ['alone', SPEC, false],
  ['beside files in a tree', TEE, true],
] as const)('a run whose database decides, %s,', (_name, spec, isTree) => {
  it(
    'has every row once wherever it is stopped, and after its stale owners have gone on',
    async () => {
      const whole = tables(isTree);
      await createPipeline(spec, { ...whole.options(() => {}), store: new MemoryCheckpointStore() }).run();
      expect(whole.database.rows).toHaveLength(ROWS);
      // Past the claim: one that stands still before it is a run of its own once it goes on.
      const kills = fc.array(fc.integer({ min: 4, max: 90 }), { minLength: 1, maxLength: 6 });
      await fc.assert(
        fc.asyncProperty(kills, fc.integer({ min: 1, max: 4 }), async (livesOf, everySteps) => {
          const store = new MemoryCheckpointStore();
          const own = tables(isTree);
          const zombies: { goOn(): void; readonly run: Promise<PipelineReport> }[] = [];
          const start = (lives: number) => {
            const { step, isStopped, goOn } = stoppedAfter(lives);
            let steps = 0;
            const onStep: Step = () => {
              if (steps++ % everySteps === 0) pipeline?.checkpoint().catch(() => undefined);
              return step();
            };
            const pipeline = createPipeline(spec, { ...own.options(onStep), store: watched(store, step) });
            const run = pipeline.run();
            run.catch(() => undefined);
            return { run, isStopped, goOn };
          };
          for (const lives of livesOf) {
            if (await isOver(store)) break;
            const { run, isStopped, goOn } = start(lives);
            if ((await Promise.race([run, isStopped])) === 'stopped') zombies.push({ goOn, run });
          }
          if (!(await isOver(store))) await start(Number.POSITIVE_INFINITY).run;
          expect(own.seen()).toEqual(whole.seen());
          for (const { goOn } of zombies) goOn();
          for (const { run } of zombies) expect(['FENCED', 'completed']).toContain(await outcomeOf(run));
          expect(own.seen()).toEqual(whole.seen());
        }),
        { numRuns: ROUNDS },
      );
    },
    TIME_LIMIT,
  );

  it(
    'has every row once when any step fails, or its answer is lost',
    async () => {
      const whole = tables(isTree);
      await createPipeline(spec, { ...whole.options(() => {}), store: new MemoryCheckpointStore() }).run();
      const failures = fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 8 });
      await fc.assert(
        fc.asyncProperty(failures, fc.integer({ min: 1, max: 4 }), async (failing, everySteps) => {
          const store = new MemoryCheckpointStore();
          const own = tables(isTree);
          const left = [...failing];
          await toTheEnd(() => {
            let until = left.shift() ?? Number.POSITIVE_INFINITY;
            let steps = 0;
            // Before and after each step: what was done then may count, though it fails.
            const fail = (code: 'SINK_FAILED' | 'CHECKPOINT_FAILED') => {
              if (until-- === 0) throw new PipelineError(code, 'the connection was cut', { retryable: true });
            };
            const onStep: Step = () => {
              if (steps++ % everySteps === 0) pipeline?.checkpoint().catch(() => undefined);
              fail('SINK_FAILED');
            };
            const flaky = watched(store, () => fail('CHECKPOINT_FAILED'));
            const pipeline = createPipeline(spec, { ...own.options(onStep), store: flaky });
            return pipeline.run();
          }, store);
          expect(own.seen()).toEqual(whole.seen());
        }),
        { numRuns: ROUNDS },
      );
    },
    TIME_LIMIT,
  );
});

/** Fails at the first step of a kind, having told of a checkpoint before. */
function runUntil(kind: string, spec = SPEC) {
  const own = tables(false);
  const store = new MemoryCheckpointStore();
  const fresh = () => createPipeline(spec, { ...own.options(() => {}), store });
  const stopped = async () => {
    let committed = 0;
    const pipeline = createPipeline(spec, {
      ...own.options((of) => {
        if (of === 'write') pipeline.checkpoint().catch(() => undefined);
        if (of === 'committed') committed++;
        if (of === kind && committed > 1) throw new PipelineError('SINK_FAILED', 'cut', { retryable: true });
      }),
      store,
    });
    await pipeline.run();
  };
  return { own, store, fresh, stopped };
}

describe('a run whose database decides', () => {
  it('goes on from the undecided checkpoint if the database has committed it', async () => {
    const { own, store, fresh, stopped } = runUntil('committed');
    await stopped();
    const found = await store.load('decided');
    expect(found?.undecided?.sink).toBe('sink');
    expect(found?.decidedAs).toBe(own.database.checkpoint);
    const report = await fresh().run();
    expect(report).toMatchObject({ outcome: 'completed', counters: { rowsIn: ROWS, rowsOut: ROWS } });
    expect(own.database.rows).toHaveLength(ROWS);
  });

  it('goes on from the one before if the database has not', async () => {
    const { own, store, fresh, stopped } = runUntil('decide');
    await stopped();
    const found = await store.load('decided');
    expect(found?.decidedAs).not.toBe(own.database.checkpoint);
    expect(found?.undecided?.before?.decidedAs).toBe(own.database.checkpoint);
    await fresh().run();
    expect(own.database.rows).toHaveLength(ROWS);
  });

  it('stops if the database has committed a checkpoint that the store does not have', async () => {
    const { own, fresh, stopped } = runUntil('decide');
    await stopped();
    own.database.putBack('of another time');
    await expect(fresh().run()).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
      message: expect.stringContaining('put back to an older state'),
    });
  });

  it('stops if its spec has no such sink any more', async () => {
    const { store, stopped } = runUntil('decide');
    await stopped();
    await expect(createPipeline({ ...SPEC, sink: { use: 'null' } }, { store }).run()).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
    });
  });

  it('has every row once if the last checkpoint of a slice is saved at the second attempt', async () => {
    const own = tables(false);
    const store = new MemoryCheckpointStore();
    let saves = 0;
    const flaky: CheckpointStore = {
      load: (key) => store.load(key),
      claim: (key, owner) => store.claim(key, owner),
      async save(key, fence, checkpoint) {
        if (saves++ === 0) throw new PipelineError('CHECKPOINT_FAILED', 'no answer', { retryable: true });
        await store.save(key, fence, checkpoint);
      },
      list: () => store.list(),
      remove: (key) => store.remove(key),
    };
    for (let slices = 0; slices < 10 && !(await isOver(store)); slices++) {
      const options = { ...own.options(() => {}), store: flaky, sliceRows: 100 };
      expect((await createPipeline(SPEC, options).run()).error).toBeUndefined();
    }
    expect(own.database.rows).toHaveLength(ROWS);
  });

  it('has every row once if its undecided checkpoint goes on in another store, or under another key', async () => {
    const own = tables(false);
    let store: CheckpointStore = new MemoryCheckpointStore();
    let key: string | undefined;
    // At the first checkpoint, and at later ones, before and after the database has decided.
    for (const [kind, after] of [
      ['decide', 0],
      ['committed', 0],
      ['decide', 1],
      ['committed', 2],
    ] as const) {
      let steps = 0;
      const pipeline = createPipeline(SPEC, {
        ...own.options((of) => {
          if (of === 'write') pipeline.checkpoint().catch(() => undefined);
          if (of === kind && steps++ === after) throw new PipelineError('SINK_FAILED', 'cut');
        }),
        store,
        key,
      });
      expect((await pipeline.run()).outcome).toBe('failed');
      const found = (await store.load(key ?? 'decided'))!;
      if (after % 2 === 0) store = new MemoryCheckpointStore();
      key = `moved from ${kind} ${after}`;
      let fence = await store.claim(key, { host: 'h', process: 'p', thread: 0 }, silentLogger);
      while (fence.epoch < found.run.epoch)
        fence = await store.claim(key, { host: 'h', process: 'p', thread: 0 }, silentLogger);
      await store.save(key, fence, found);
    }
    await createPipeline(SPEC, { ...own.options(() => {}), store, key }).run();
    expect(own.database.rows).toHaveLength(ROWS);
  });

  it.each(['decide', 'committed'])(
    'stops if the database has no record of it, cut at "%s", and takes nothing over',
    async (kind) => {
      const { own, fresh, stopped } = runUntil(kind);
      await stopped();
      own.database.forget();
      const rows = own.database.rows.length;
      for (let starts = 0; starts < 2; starts++) {
        await expect(fresh().run()).rejects.toMatchObject({
          code: 'CHECKPOINT_INVALID',
          message: expect.stringContaining('or put the record back'),
        });
      }
      expect(own.database.rows).toHaveLength(rows);
    },
  );

  it.each([['an id'], [null], [{ committed: 5 }]])(
    'is not begun anew where its take-over answers with %j, which is no answer',
    async (answer) => {
      const { store, stopped } = runUntil('decide');
      await stopped();
      const sink: SinkFactory<unknown> = {
        takeOver: async () => answer as never,
        create: () => {
          throw new Error('not to be made');
        },
      };
      await expect(createPipeline(SPEC, { sink, store }).run()).rejects.toMatchObject({
        code: 'SINK_FAILED',
        message: expect.stringContaining(
          'expected "takeOver" of the sink "sink" to answer with { committed }',
        ),
      });
    },
  );

  it('gives up its take-over once it is stopped', async () => {
    const { store, stopped } = runUntil('decide');
    await stopped();
    let asked = () => {};
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const sink: SinkFactory<unknown> = {
      takeOver: (_options, { signal }) =>
        new Promise((_, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
          asked();
        }),
      create: () => {
        throw new Error('not to be made');
      },
    };
    const pipeline = createPipeline(SPEC, { sink, store });
    const run = pipeline.run();
    await isAsked;
    pipeline.stop().catch(() => undefined);
    await expect(run).rejects.toMatchObject({ code: 'JOB_STATE' });
  });

  it('keeps its undecided checkpoint in a store of files', async () => {
    const scratch = scratchFolder();
    try {
      const own = tables(false);
      const store = new FileCheckpointStore(`${scratch.folder}/checkpoints`);
      let decisions = 0;
      const first = createPipeline(SPEC, {
        ...own.options((of) => {
          if (of === 'write') first.checkpoint().catch(() => undefined);
          if (of === 'committed' && decisions++ === 1)
            throw new PipelineError('SINK_FAILED', 'cut', { retryable: true });
        }),
        store,
      });
      await first.run();
      expect((await store.load('decided'))?.undecided?.before).toBeDefined();
      await createPipeline(SPEC, { ...own.options(() => {}), store }).run();
      expect(own.database.rows).toHaveLength(ROWS);
    } finally {
      scratch.remove();
    }
  });

  it('is refused beside a second one', async () => {
    const both = { ...SPEC, sink: { use: 'tee', branches: [{ use: 'database' }, { use: 'database' }] } };
    const { options } = tables(true);
    const run = createPipeline(both as unknown as OpenSpec, {
      ...options(() => {}),
      store: new MemoryCheckpointStore(),
    }).run();
    await expect(run).rejects.toMatchObject({
      code: 'SPEC_INVALID',
      message: expect.stringContaining('two databases cannot commit as one'),
    });
  });
});
