import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { MemoryCheckpointStore } from '../../src/checkpoints/memory-checkpoint-store.js';
import type { OpenSpec } from '../../src/plan/typed-spec.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import type { PipelineReport } from '../../src/wire/pipeline-report.js';
import { scratchFolder } from '../support/recorded-data.js';
import { stoppedAfter, watched } from '../support/stopped-process.js';
import { TransactionalTable } from '../support/transactional-table.js';

/** A round takes up to a second. */
const ROUNDS = Number(process.env.TICKLOOM_ROUNDS ?? 10);
const TIME_LIMIT = 30_000 + ROUNDS * 10_000;

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

/** Three files, the rows of each in a mess of its own, a bad row in each. */
function csvFiles(): string {
  SCRATCH.makeFolder('ticks');
  for (let file = 0; file < 3; file++) {
    const lines = Array.from({ length: 300 }, (_, i) => {
      const ms = 1_700_000_000_000 + (i * 3 + file) * 7;
      return i === 100 + file
        ? `${ms},A,what?`
        : `${ms},${'ABCD'[(i * 7 + file) % 4]},${100 + ((i * 13) % 29)}`;
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
const DEAD = { deadLetter: { path: `${SCRATCH.folder}/dead.jsonl` } };

const SPECS: Readonly<Record<string, OpenSpec>> = {
  'files as one stream': { name: 'merged', source: REPLAY, batchRows: 32, batcher: { maxRows: 20 }, ...DEAD },
  'files as listed, into bars': {
    name: 'listed',
    source: { ...REPLAY, order: 'listed' },
    operators: [
      { use: 'filter', where: 'price > 103' },
      { use: 'bars', every: '100ms', lateness: '1m' },
    ],
    batchRows: 16,
    ...DEAD,
  },
  'made ticks into bars': {
    name: 'made',
    source: {
      use: 'synthetic',
      rows: 1_500,
      symbols: 5,
      faults: { disorderEvery: 7, duplicateEvery: 11, gapEvery: 401, gapLength: 30 },
    },
    operators: [
      { use: 'derive', columns: { mid: '(bid + ask) / 2' } },
      { use: 'bars', every: '5ms', price: 'mid', lateness: '3ms', late: 'drop' },
    ],
    batchRows: 64,
    batcher: { maxRows: 30 },
  },
};

const countsOf = ({ counters }: PipelineReport) => {
  const { rowsIn, rowsDerived, rowsFiltered, rowsFolded, rowsDropped, rowsRejected, rowsOut, rowsLate } =
    counters;
  return { rowsIn, rowsDerived, rowsFiltered, rowsFolded, rowsDropped, rowsRejected, rowsOut, rowsLate };
};

describe.each(Object.entries(SPECS))('a run of %s', (_name, spec) => {
  it(
    'delivers what an undisturbed one does, wherever it is killed, and however often',
    async () => {
      const whole = new TransactionalTable();
      const undisturbed = await createPipeline(spec, {
        sink: whole.sink(),
        store: new MemoryCheckpointStore(),
      }).run();
      expect(undisturbed).toMatchObject({ outcome: 'completed', rowsPending: 0 });
      expect(whole.visible.length).toBeGreaterThan(100);

      const kills = fc.array(fc.integer({ min: 0, max: 160 }), { minLength: 1, maxLength: 6 });
      await fc.assert(
        fc.asyncProperty(kills, fc.integer({ min: 1, max: 5 }), async (livesOf, everyWrites) => {
          const store = new MemoryCheckpointStore();
          const table = new TransactionalTable();
          const zombies: { goOn(): void; readonly run: Promise<PipelineReport> }[] = [];
          const start = (lives: number) => {
            const { step, isStopped, goOn } = stoppedAfter(lives);
            let writes = 0;
            const sink = table.sink((of) => {
              // Asked for in the middle of a write, of a prepare, of a commit …
              if (writes++ % everyWrites === 0) pipeline.checkpoint().catch(() => undefined);
              expect(table.visible.at(-1)).toEqual(whole.visible[table.visible.length - 1]);
              return of === 'resume' ? undefined : step();
            });
            const pipeline = createPipeline(spec, { sink, store: watched(store, step) });
            return { run: pipeline.run(), isStopped, goOn };
          };
          // Of a run that has completed, the next start is a run of its own: it may be killed before it has said so.
          const isOver = async () => (await store.load(spec.name))?.ended?.isPublished === true;
          for (const lives of livesOf) {
            if (await isOver()) break;
            const { run, isStopped, goOn } = start(lives);
            run.catch(() => undefined);
            if ((await Promise.race([run, isStopped])) === 'stopped') zombies.push({ goOn, run });
          }
          if (!(await isOver())) {
            const report = await start(Number.POSITIVE_INFINITY).run;
            expect(report).toMatchObject({ outcome: 'completed', rowsPending: 0 });
            expect(countsOf(report)).toEqual(countsOf(undisturbed));
          }
          expect(table.visible).toEqual(whole.visible);
          for (const { goOn } of zombies) goOn();
          for (const { run } of zombies) {
            const outcome = await run.then(
              ({ error }) => error?.code ?? 'ended',
              ({ code }) => code as string,
            );
            expect(['FENCED', 'ended']).toContain(outcome);
          }
          expect(table.visible).toEqual(whole.visible);
        }),
        { numRuns: ROUNDS },
      );
    },
    TIME_LIMIT,
  );
});
