import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { type Row, rowsOf } from '../../../src/columns/row-view.js';
import { sleep } from '../../../src/core/clock.js';
import { millis } from '../../../src/core/units.js';
import { DeadLetterFile } from '../../../src/engine/dead-letters/dead-letter-file.js';
import type { Operator } from '../../../src/engine/operator.js';
import type { Source } from '../../../src/engine/source.js';
import type { StageContext } from '../../../src/engine/stage.js';
import type { Checkpoint } from '../../../src/wire/checkpoint.js';
import { batchOf } from '../../support/batch-rows.js';
import { CrashingFileSystem } from '../../support/crashing-file-system.js';
import { pipelineOf, TRADES } from '../../support/pipeline-rig.js';
import { scratchFolder } from '../../support/recorded-data.js';
import { SimulatedClock } from '../../support/simulated-clock.js';
import { TransactionalTable } from '../../support/transactional-table.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const START = 1_700_000_000_000_000_000n;
const COUNT = 40;
const trade = (n: number): Row => ({ time: START + BigInt(n) * 1_000_000n, symbol: 'A', price: n });

/** A replay of the trades 1, 2, 3, …, one a read; some of them are bad. */
function numbers(
  { dictionaries, rejects }: StageContext,
  isBad: (n: number) => boolean,
  wait: () => Promise<void>,
) {
  let next = 1;
  let rejected = 0;
  const source: Source = {
    schema: TRADES,
    capabilities: { delivery: 'replayable', bounded: true },
    async read() {
      await wait();
      for (; next <= COUNT && isBad(next); next++) {
        rejects.add({ file: 'source', line: next, expected: 'a good row', found: 'a bad one' });
        rejected++;
      }
      return next > COUNT ? null : batchOf(TRADES, dictionaries, [trade(next++)]);
    },
    stop() {},
    position: () => next,
    resume(position) {
      next = position as number;
    },
    get rowsRejected() {
      return rejected;
    },
  };
  return source;
}

/** Rejects rows as an operator does with late ones. */
function picky({ dictionaries, rejects }: StageContext, isLate: (n: number) => boolean): Operator {
  let rejected = 0;
  return {
    output: TRADES,
    process(batch, emit) {
      const rows = Array.from(rowsOf(batch), (row) => trade(row.price as number));
      const { controls } = batch;
      batch.release();
      const kept = rows.filter(({ price }) => !isLate(price as number));
      for (const { price } of rows) {
        if (!isLate(price as number)) continue;
        rejected++;
        rejects.add({
          file: 'operator',
          line: price as number,
          expected: 'a row in time',
          found: 'a late one',
        });
      }
      emit(batchOf(TRADES, dictionaries, kept, { controls }));
    },
    tally: () => ({ rejected }),
  };
}

interface Letter {
  readonly run: string;
  readonly ordinal: number;
  readonly line: number;
}

describe('dead letters of a chain whose source is read ahead', () => {
  it.each(['killed', 'power cut'] as const)(
    'are all there, each once and under one number, however often it is stopped (%s)',
    async (how) => {
      let files = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.record({
            readMs: fc.integer({ min: 0, max: 3 }),
            writeMs: fc.array(fc.nat(9), { minLength: 1, maxLength: 5 }),
            lives: fc.array(fc.integer({ min: 20, max: 150 }), { minLength: 1, maxLength: 4 }),
            everyMs: fc.integer({ min: 1, max: 20 }),
            badEvery: fc.integer({ min: 2, max: 9 }),
            lateEvery: fc.integer({ min: 2, max: 9 }),
          }),
          async ({ readMs, writeMs, lives, everyMs, badEvery, lateEvery }) => {
            const path = join(SCRATCH.folder, `${how}-${files++}.jsonl`);
            const table = new TransactionalTable();
            const isBad = (n: number) => n % badEvery === 0;
            const isLate = (n: number) => n % lateEvery === 1;
            let checkpoint: Checkpoint | undefined;
            for (const [epoch, lifeMs] of [...lives, 10_000].entries()) {
              const clock = new SimulatedClock();
              const disk = new CrashingFileSystem();
              const file = new DeadLetterFile({ path, maxRows: COUNT }, disk.fs);
              let writes = 0;
              const onStep = (name: string) =>
                name === 'write' ? sleep(clock, millis(writeMs[writes++ % writeMs.length]!)) : undefined;
              const run = { id: 'run', epoch, owner: { host: 'here', process: 'test', thread: 0 } };
              const pipeline = pipelineOf({
                source: (context) => numbers(context, isBad, () => sleep(clock, millis(readMs))),
                operators: (context) => [picky(context, isLate)],
                sink: table.sink(onStep).create({}, TRADES, { run } as StageContext),
                clock,
                batcher: { maxRows: 1 },
                rejects: file,
                saver: {
                  everyMs,
                  save: async (taken) => {
                    checkpoint = JSON.parse(JSON.stringify(taken)) as Checkpoint;
                  },
                },
                ...(checkpoint && { checkpoint }),
              });
              const report = pipeline.run();
              if (lifeMs === 10_000) {
                await clock.advance(lifeMs);
                expect(await report).toMatchObject({ outcome: 'completed', rowsPending: 0 });
                expect(file.count).toBe(checkpoint?.counters.rowsRejected);
                continue;
              }
              // Time ends here for this start: it neither finishes nor cleans up.
              await clock.advance(lifeMs);
              if (how === 'killed') await disk.kill();
              else await disk.cutPower();
            }
            const lost = Array.from({ length: COUNT }, (_, i) => i + 1).filter((n) => isBad(n) || isLate(n));
            expect(table.visible).toHaveLength(COUNT - lost.length);
            expect(checkpoint?.counters.rowsRejected).toBe(lost.length);
            const letters = existsSync(path) ? lettersIn(path) : [];
            const last = letters.at(-1)?.run; // a start without a checkpoint is another run
            const ofRun = letters.filter(({ run }) => run === last);
            expect(ofRun.map(({ line }) => line).sort((a, b) => a - b)).toEqual(lost);
            expect(new Set(ofRun.map(({ ordinal }) => ordinal)).size).toBe(ofRun.length);
          },
        ),
        { numRuns: 40 },
      );
    },
  );
});

const lettersIn = (path: string): Letter[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as Letter];
      } catch {
        return []; // cut off, or the last one
      }
    });
