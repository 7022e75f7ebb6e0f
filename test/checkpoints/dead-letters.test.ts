import { readFileSync, rmSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { MemoryCheckpointStore } from '../../src/checkpoints/memory-checkpoint-store.js';
import { PipelineError } from '../../src/core/errors.js';
import type { KeptRejects } from '../../src/engine/rejects.js';
import type { OpenSpec } from '../../src/plan/typed-spec.js';
import { createPipeline, type PipelineBuilder } from '../../src/runtime/pipeline-builder.js';
import { type Logger, silentLogger } from '../../src/telemetry/logger.js';
import type { Checkpoint } from '../../src/wire/checkpoint.js';
import { feedOf, isRow, keepingSink, pipelineOf, TRADES } from '../support/pipeline-rig.js';
import { scratchFolder } from '../support/recorded-data.js';
import { SimulatedClock } from '../support/simulated-clock.js';
import { RecordedRejects } from '../support/stage-context.js';
import { TransactionalTable } from '../support/transactional-table.js';

const ROUNDS = Number(process.env.TICKLOOM_ROUNDS ?? 5);

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

/** Three files, larger than what is read at a time. Every so often a row is bad, or late by a second. */
function csvFiles(): string {
  SCRATCH.makeFolder('ticks');
  for (let file = 0; file < 3; file++) {
    const lines = Array.from({ length: 12_000 }, (_, i) => {
      const ms = 1_700_000_000_000 + (i * 3 + file) * 7 - (i % 701 === 700 ? 1_000 : 0);
      return `${ms},${'ABCD'[(i * 7 + file) % 4]},${i % 97 === 31 * file ? 'what?' : 100 + ((i * 13) % 29)}`;
    });
    SCRATCH.write(`ticks/${file}.csv`, `time,symbol,price\n${lines.join('\n')}\n`);
  }
  return `${SCRATCH.folder}/ticks/*.csv`;
}

const REPLAY = {
  use: 'replay',
  path: csvFiles(),
  kind: 'trade',
  columns: { time: { from: 'time', unit: 'ms' }, symbol: 'symbol', price: 'price' },
} as const;
const BARS = { use: 'bars', every: '100ms', late: 'keep' } as const;
const SMALL = { batcher: { maxRows: 100 } };
const SPECS: Readonly<Record<string, Omit<OpenSpec, 'deadLetter'>>> = {
  'files as one stream': { name: 'merged', source: REPLAY, operators: [BARS], ...SMALL },
  'files as listed': { name: 'listed', source: { ...REPLAY, order: 'listed' }, ...SMALL },
};

interface Letter {
  readonly run: string;
  readonly ordinal: number;
  readonly file: string;
  readonly line: number;
}

const lettersIn = (path: string): Letter[] =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Letter);

const placesOf = (letters: readonly Letter[]) =>
  [...new Set(letters.map(({ file, line }) => `${file}:${line}`))].sort();

describe.each(Object.entries(SPECS))('dead letters of a run of %s', (name, spec) => {
  it('are all there, each under one number, wherever the run is killed, and however often', async () => {
    const whole = `${SCRATCH.folder}/${name}.jsonl`;
    await createPipeline(
      { ...spec, deadLetter: { path: whole } },
      { sink: new TransactionalTable().sink() },
    ).run();
    expect(lettersIn(whole).length).toBeGreaterThan(300);

    let round = 0;
    const kills = fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(kills, fc.integer({ min: 1, max: 9 }), async (livesOf, everyWrites) => {
        const path = `${SCRATCH.folder}/${name}-${round++}.jsonl`;
        const store = new MemoryCheckpointStore();
        const table = new TransactionalTable();
        const started: { readonly pipeline: PipelineBuilder; readonly run: Promise<unknown> }[] = [];
        let bury = () => {};
        const isBuried = new Promise<void>((resolve) => {
          bury = resolve;
        });
        const start = (lives: number) => {
          let writes = 0;
          let stop = (_: 'killed') => {};
          const killed = new Promise<'killed'>((resolve) => {
            stop = resolve;
          });
          const sink = table.sink((step) => {
            if (step !== 'write') return;
            if (++writes % everyWrites === 0) pipeline.checkpoint().catch(() => undefined);
            if (writes <= lives) return;
            stop('killed');
            return isBuried;
          });
          // With other batches, a source reads ahead by more or less than it did before.
          const batchRows = 64 + ((started.length * 111) % 500);
          const pipeline = createPipeline({ ...spec, batchRows, deadLetter: { path } }, { sink, store });
          const run = pipeline.run();
          started.push({ pipeline, run });
          return Promise.race([run, killed]);
        };
        for (const lives of livesOf) {
          if ((await store.load(spec.name!))?.ended?.isPublished) break;
          await start(lives);
        }
        if (!(await store.load(spec.name!))?.ended?.isPublished) {
          expect(await start(Number.POSITIVE_INFINITY)).toMatchObject({ outcome: 'completed' });
        }
        const letters = lettersIn(path);
        expect(placesOf(letters)).toEqual(placesOf(lettersIn(whole)));
        // Of one run, no letter stands there twice. A start that finds no checkpoint is another run.
        const inRuns = (name: (letter: Letter) => unknown) =>
          new Set(letters.map((letter) => `${letter.run} ${name(letter)}`)).size;
        expect(inRuns(({ ordinal }) => ordinal)).toBe(letters.length);
        expect(inRuns(({ file, line }) => `${file}:${line}`)).toBe(letters.length);
        for (const { pipeline } of started) await pipeline.stop();
        bury();
        for (const { run } of started) await run;
      }),
      { numRuns: ROUNDS },
    );
  });
});

describe('dead letters of before a cut', () => {
  const ROW = { time: 1_700_000_000_000_000_000n, symbol: 'A', price: 1 };

  /** A live run with a store, whose rejects are synced when the test says so. */
  async function running(sync: () => Promise<void>) {
    const saved: Checkpoint[] = [];
    const rejects: KeptRejects = Object.assign(new RecordedRejects(), {
      sync,
      position: () => ({ at: 'there' }),
    });
    const clock = new SimulatedClock();
    const feed = feedOf(TRADES);
    const { sink, stream } = keepingSink();
    const saver = { everyMs: 60_000, save: async (checkpoint: Checkpoint) => void saved.push(checkpoint) };
    const pipeline = pipelineOf({ source: feed.make, sink, clock, rejects, saver });
    const run = pipeline.run();
    await clock.advance(0);
    feed.push(ROW);
    await clock.advance(1);
    return { saved, clock, feed, stream, pipeline, run };
  }

  it('are synced before it is saved, while rows go on', async () => {
    let isSynced = () => {};
    const { saved, clock, feed, stream, pipeline, run } = await running(
      () =>
        new Promise<void>((resolve) => {
          isSynced = resolve;
        }),
    );
    const taken = pipeline.checkpoint();
    await clock.advance(1);
    feed.push(ROW);
    await clock.advance(500);
    expect(saved).toEqual([]);
    expect(stream.filter(isRow)).toHaveLength(2);
    isSynced();
    expect((await taken).states.deadLetters).toEqual({ at: 'there' });
    expect(saved).toHaveLength(1);
    await pipeline.stop();
    await run;
  });

  it('end the run where they cannot be synced, and nothing is saved', async () => {
    const { saved, pipeline, run } = await running(() =>
      Promise.reject(new PipelineError('OUTPUT_FAILED', 'the disk broke', { retryable: true })),
    );
    await expect(pipeline.checkpoint()).rejects.toThrow('the disk broke');
    expect(await run).toMatchObject({ outcome: 'failed', error: { code: 'OUTPUT_FAILED', retryable: true } });
    expect(saved).toEqual([]);
  });

  it('are handed on by a start that has no file for them, so that a power cut before it takes none', async () => {
    const lines = Array.from(
      { length: 3_000 },
      (_, i) => `${1_700_000_000_000 + i},A,${i === 7 ? 'what?' : i}`,
    );
    SCRATCH.write('one-bad.csv', `time,symbol,price\n${lines.join('\n')}\n`);
    const spec = {
      name: 'handed-on',
      source: { ...REPLAY, path: `${SCRATCH.folder}/one-bad.csv` },
      batchRows: 500,
      batcher: { maxRows: 100 },
    } as const;
    const path = `${SCRATCH.folder}/handed-on.jsonl`;
    const table = new TransactionalTable();
    const store = new MemoryCheckpointStore();
    const warnings: string[] = [];
    const warn = (_fields: unknown, message: string) => warnings.push(message);
    const logger = { ...silentLogger, warn } as unknown as Logger;
    /** Up to a checkpoint, behind the bad row. */
    const startAndStop = async (deadLetter?: { path: string }) => {
      const pipeline = createPipeline(
        { ...spec, ...(deadLetter && { deadLetter }) },
        {
          store,
          logger,
          sink: table.sink((step) => {
            if (step === 'write') {
              pipeline.checkpoint().then(
                () => void pipeline.stop(),
                () => undefined,
              );
            }
          }),
        },
      );
      expect(await pipeline.run()).toMatchObject({ outcome: 'stopped' });
      return (await store.load('handed-on'))!.states.deadLetters;
    };
    const said = await startAndStop({ path });
    expect(said).toMatchObject({ unsynced: expect.stringContaining('what?') });
    rmSync(path); // nothing of it had come to the disk
    expect(warnings).toEqual([]);
    expect(await startAndStop()).toEqual(said);
    expect(warnings).toEqual([expect.stringContaining('this start has no "deadLetter"')]);
    const last = createPipeline({ ...spec, deadLetter: { path } }, { store, sink: table.sink() });
    expect(await last.run()).toMatchObject({ outcome: 'completed' });
    expect(lettersIn(path).map(({ line }) => line)).toEqual([9]);
  });

  it('are a new run where the checkpoint is of a release that knew nothing of them', async () => {
    const spec = { ...SPECS['files as listed']!, deadLetter: { path: `${SCRATCH.folder}/older.jsonl` } };
    const table = new TransactionalTable();
    let checkpoint: Checkpoint | undefined;
    const first = createPipeline(spec, {
      sink: table.sink((step) => {
        if (step !== 'write' || checkpoint) return;
        first.checkpoint().then(
          (taken) => {
            checkpoint = taken;
            void first.stop();
          },
          () => undefined, // asked for once more than needed
        );
      }),
    });
    await first.run();
    const { deadLetters, ...states } = checkpoint!.states;
    expect(deadLetters).toMatchObject({ run: expect.any(String), ordinal: expect.any(Number) });
    const older = { ...checkpoint!, states };
    const report = await createPipeline(spec, { sink: table.sink(), checkpoint: older }).run();
    expect(report).toMatchObject({ outcome: 'completed' });
    expect(new Set(lettersIn(spec.deadLetter.path).map(({ run }) => run)).size).toBe(2);
  });
});
