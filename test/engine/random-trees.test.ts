import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DictionarySet } from '../../src/columns/dictionary.js';
import { sleep } from '../../src/core/clock.js';
import { PipelineError } from '../../src/core/errors.js';
import { millis } from '../../src/core/units.js';
import { SLOW_BRANCH_MS } from '../../src/engine/branches/pipeline-branches.js';
import type { StreamingPipeline } from '../../src/engine/streaming-pipeline.js';
import type { Checkpoint, RunIdentity } from '../../src/wire/checkpoint.js';
import type { PipelineReport, StageReport } from '../../src/wire/pipeline-report.js';
import { branchedPipeline } from '../support/branched-pipeline.js';
import { FailingMemory } from '../support/failing-memory.js';
import {
  ANY_POLICY,
  type LeafPath,
  type MakeLeaf,
  type NodeSpec,
  replayOf,
  sinkOfTree,
  tradesOf,
  treeNode,
} from '../support/random-tree.js';
import { SimulatedClock } from '../support/simulated-clock.js';
import { TransactionalTable } from '../support/transactional-table.js';

const ROWS_MAX = 120;
/** Virtual time in which a tree that nothing holds up is done with its rows. */
const BUSY_MS = 8_000;
/** Virtual time after which a run that has not ended is stuck. */
const STUCK_MS = 100_000;

const feed = fc.record({
  rows: fc.integer({ min: 0, max: ROWS_MAX }),
  sizes: fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 4 }),
  delaysMs: fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 3 }),
});
type Feed = typeof feed extends fc.Arbitrary<infer T> ? T : never;

const owner = { host: 'here', process: 'test', thread: 0 };

/** What a tree leaves behind at its leaves, over all starts of a run. */
class Leaves {
  readonly tables = new Map<string, TransactionalTable>();
  readonly paths = new Map<string, LeafPath>();

  /** Leaves that write after the delays of the tree, or as a test wants it. */
  make(clock: SimulatedClock, onWrite: (id: string) => Promise<void> | void = () => {}): MakeLeaf {
    return (leaf) => {
      const table = this.tables.get(leaf.id) ?? new TransactionalTable();
      this.tables.set(leaf.id, table);
      this.paths.set(leaf.id, leaf);
      let writes = 0;
      const step = async (what: string) => {
        if (what === 'write') await onWrite(leaf.id);
        const { delaysMs } = leaf;
        const delayMs = delaysMs[writes++ % delaysMs.length] ?? 0;
        if (delayMs > 0) await sleep(clock, millis(delayMs));
      };
      return (input, context) => table.sink(step).create({}, input, context);
    };
  }

  /** Each has the rows that a line without branches would have written. @param which - Only some of them. */
  async expectRowsOf(given: Feed, which: (leaf: LeafPath) => boolean = () => true): Promise<void> {
    for (const [id, leaf] of this.paths) {
      if (!which(leaf)) continue;
      const { operators } = leaf;
      const clock = new SimulatedClock();
      const table = new TransactionalTable();
      const line = branchedPipeline({
        source: replayOf(tradesOf(given.rows), [ROWS_MAX], [0]),
        sink: { tee: [{ operators, sink: (input, context) => table.sink().create({}, input, context) }] },
        clock,
      });
      await finished(line, clock);
      expect([id, this.tables.get(id)!.visible]).toEqual([id, table.visible]);
    }
  }
}

/** Lets time pass until a run ends. */
async function ended(clock: SimulatedClock, run: Promise<PipelineReport>): Promise<PipelineReport> {
  let report: PipelineReport | undefined;
  run.then((of) => {
    report = of;
  });
  for (let ms = 0; ms < STUCK_MS && !report; ms += 50) await clock.advance(50);
  if (!report) throw new Error('the run is stuck');
  return report;
}

const finished = (pipeline: StreamingPipeline, clock: SimulatedClock) => ended(clock, pipeline.run());

function treeOf(
  tree: NodeSpec,
  { rows, sizes, delaysMs }: Feed,
  leaves: MakeLeaf,
  settings: Partial<Parameters<typeof branchedPipeline>[0]> = {},
): StreamingPipeline {
  return branchedPipeline({
    source: replayOf(tradesOf(rows), sizes, delaysMs),
    sink: sinkOfTree(tree, leaves),
    batcher: { maxRows: 10, maxDelayMs: 5 },
    ...settings,
  });
}

/** Every row that came into a branch is somewhere. */
function expectBalance({ stage, statistics }: StageReport): void {
  const { rowsIn, rowsDerived, rowsLate: _, rowsWaiting: __, rowsNotDurable: ___, ...more } = statistics;
  const { eventTimeLagMs: ____, ...others } = more;
  const sum = Object.entries(others).reduce((total, [, rows]) => total + rows, 0);
  expect([stage, sum]).toEqual([stage, rowsIn! + rowsDerived!]);
}

/** Every row that came into an operator is somewhere. @returns How many it holds. */
function expectOperatorBalance({ stage, statistics }: StageReport): number {
  const { rowsIn, rowsDerived, rowsOut, rowsFiltered, rowsFolded, rowsDropped, rowsRejected, rowsHeld } =
    statistics;
  const gone = rowsFiltered! + rowsFolded! + rowsDropped! + rowsRejected!;
  expect([stage, rowsOut! + gone + rowsHeld!]).toEqual([stage, rowsIn! + rowsDerived!]);
  return rowsHeld!;
}

const isLeaf = ({ stage, use }: StageReport): boolean => use === 'kept' && stage !== 'sink';
const isBranch = ({ statistics }: StageReport): boolean => 'rowsPending' in statistics;

function expectAllAccountedFor({ stages, counters }: PipelineReport, pending: boolean): void {
  for (const stage of stages.filter(isBranch)) {
    const { use, statistics } = stage;
    if (use === 'kept') expectBalance(stage);
    if (!pending) expect([stage.stage, statistics.rowsPending]).toEqual([stage.stage, 0]);
  }
  for (const operator of stages.filter(({ kind }) => kind === 'operator')) {
    const held = expectOperatorBalance(operator);
    if (!pending) expect([operator.stage, held]).toEqual([operator.stage, 0]);
  }
  expect(stages.filter(isLeaf).length).toBeGreaterThan(0);
  if (!pending) expect(counters.rowsOut).toBe(counters.rowsIn);
}

const isLossless = ({ branches }: LeafPath): boolean =>
  branches.every(({ overflow }) => overflow === 'block');

const isAtOnePiece = (health: StageReport['health']): boolean =>
  health.status === 'degraded' && health.reason.includes('at one piece of work');

/** Which leaves go on while one hangs: those outside of the last branch in front of it whose queue always has room. */
function freeOf({ branches }: LeafPath): (leaf: LeafPath) => boolean {
  const held = branches.findLast(({ overflow }) => overflow !== 'block');
  return (leaf) => held !== undefined && leaf.branches.every(({ id }) => id !== held.id);
}

describe('a tree of branches', () => {
  it('delivers the rows of each leaf in order, and accounts for all, whatever the queues', async () => {
    await fc.assert(
      fc.asyncProperty(treeNode(3), feed, async (tree, given) => {
        const clock = new SimulatedClock();
        const leaves = new Leaves();
        const dictionaries = new DictionarySet();
        const pipeline = treeOf(tree, given, leaves.make(clock), { clock, dictionaries });
        const report = await finished(pipeline, clock);
        expect(report.error).toBeUndefined();
        expect(report.outcome).toBe('completed');
        expectAllAccountedFor(report, false);
        expect([clock.timersPending, dictionaries.memory.current]).toEqual([0, 0]);
        await leaves.expectRowsOf(given);
      }),
      { numRuns: 60 },
    );
  });

  it('delivers them exactly once, wherever it is cut, suspended, paused or dropped', async () => {
    const actions = fc.array(
      fc.record({
        afterMs: fc.integer({ min: 0, max: 150 }),
        act: fc.constantFrom('checkpoint' as const, 'suspend' as const, 'drop' as const, 'pause' as const),
      }),
      { maxLength: 8 },
    );
    await fc.assert(
      fc.asyncProperty(treeNode(3), feed, actions, async (tree, given, todo) => {
        const leaves = new Leaves();
        let epoch = 0;
        let checkpoint: Checkpoint | undefined;
        const start = () => {
          const clock = new SimulatedClock();
          const run: RunIdentity = { id: 'run', epoch: ++epoch, owner };
          const saver = {
            everyMs: 40,
            async save(taken: Checkpoint) {
              if (run.epoch !== epoch) throw new PipelineError('FENCED', 'another start has the run');
              checkpoint = JSON.parse(JSON.stringify(taken)) as Checkpoint;
            },
          };
          const pipeline = treeOf(tree, given, leaves.make(clock), {
            clock,
            run,
            saver,
            ...(checkpoint && { checkpoint }),
          });
          return { clock, pipeline, run: pipeline.run() };
        };
        let { clock, pipeline, run } = start();
        for (const { afterMs, act } of todo) {
          await clock.advance(afterMs);
          if (act === 'checkpoint') pipeline.checkpoint().catch(() => undefined);
          else if (act === 'pause') {
            pipeline.pause();
            await clock.advance(100);
            pipeline.resume();
          } else {
            // A dropped one stays where it is, since its time stands still.
            if (act === 'suspend') {
              pipeline.suspend();
              expect((await ended(clock, run)).error).toBeUndefined();
            }
            ({ clock, pipeline, run } = start());
          }
        }
        const report = await ended(clock, run);
        expect(report.error).toBeUndefined();
        expectAllAccountedFor(report, false);
        expect(report.counters.rowsIn).toBe(given.rows);
        await leaves.expectRowsOf(given);
      }),
      { numRuns: 60 },
    );
  });

  it('ends with what fails at a leaf, wherever that is, and leaves nothing taken', async () => {
    await fc.assert(
      fc.asyncProperty(treeNode(3), feed, fc.nat(), fc.nat({ max: 5 }), async (tree, given, which, after) => {
        const clock = new SimulatedClock();
        const leaves = new Leaves();
        const dictionaries = new DictionarySet();
        let writes = 0;
        let failed: string | undefined;
        const onWrite = (id: string) => {
          const ids = [...leaves.paths.keys()];
          if (id !== ids[which % ids.length] || writes++ < after) return;
          failed = id;
          throw new Error('the disk is gone');
        };
        const pipeline = treeOf(tree, given, leaves.make(clock, onWrite), { clock, dictionaries });
        const report = await finished(pipeline, clock);
        if (failed === undefined) expect(report.outcome).toBe('completed');
        else expect(report.error?.message).toBe(`Sink "kept" (${failed}) failed: the disk is gone`);
        expectAllAccountedFor(report, failed !== undefined);
        expect([clock.timersPending, dictionaries.memory.current]).toEqual([0, 0]);
      }),
      { numRuns: 60 },
    );
  });

  it('accounts for all rows, and delivers those of each way on which all queues block, whatever the others do', async () => {
    await fc.assert(
      fc.asyncProperty(treeNode(3, ANY_POLICY), feed, async (tree, given) => {
        const clock = new SimulatedClock();
        const leaves = new Leaves();
        const pipeline = treeOf(tree, given, leaves.make(clock), { clock });
        const report = await finished(pipeline, clock);
        expect(report.outcome).toBe('completed');
        expectAllAccountedFor(report, false);
        await leaves.expectRowsOf(given, isLossless);
      }),
      { numRuns: 40 },
    );
  });

  it('is held up by a leaf that hangs only as far as queues block, names it, and can be stopped', async () => {
    await fc.assert(
      fc.asyncProperty(
        treeNode(3, ANY_POLICY),
        feed,
        fc.nat(),
        fc.nat({ max: 3 }),
        async (tree, given, which, after) => {
          const clock = new SimulatedClock();
          const leaves = new Leaves();
          let writes = 0;
          let hung: LeafPath | undefined;
          const onWrite = (id: string): Promise<void> | void => {
            const ids = [...leaves.paths.keys()];
            if (id !== ids[which % ids.length] || writes++ < after) return;
            hung = leaves.paths.get(id)!;
            return new Promise(() => {});
          };
          const pipeline = treeOf(tree, given, leaves.make(clock, onWrite), { clock });
          const run = pipeline.run();
          for (let ms = 0; ms < BUSY_MS; ms += 50) await clock.advance(50);
          await clock.advance(SLOW_BRANCH_MS);
          const slow = pipeline.describe().filter(({ health }) => isAtOnePiece(health));
          expect(slow.map(({ stage }) => stage)).toEqual(hung ? [hung.id] : []);
          if (hung) {
            const free = freeOf(hung);
            await leaves.expectRowsOf(given, (leaf) => free(leaf) && isLossless(leaf));
            pipeline.stop();
          }
          const report = await ended(clock, run);
          expect(report.outcome).toBe(hung ? 'stopped' : 'completed');
          expectAllAccountedFor(report, hung !== undefined);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('ends for lack of memory, wherever that is met, and leaves nothing taken', async () => {
    await fc.assert(
      fc.asyncProperty(
        treeNode(3),
        feed,
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (tree, given, at) => {
          const run = async (memory: FailingMemory) => {
            const clock = new SimulatedClock();
            const dictionaries = new DictionarySet(memory);
            const pipeline = treeOf(tree, given, new Leaves().make(clock), { clock, dictionaries });
            const report = await finished(pipeline, clock);
            expect([clock.timersPending, memory.current]).toEqual([0, 0]);
            return report;
          };
          const whole = new FailingMemory();
          await run(whole);
          const report = await run(new FailingMemory(Math.floor(at * whole.taken)));
          if (report.outcome !== 'completed') expect(report.error?.code).toBe('MEMORY_EXHAUSTED');
        },
      ),
      { numRuns: 40 },
    );
  });
});
