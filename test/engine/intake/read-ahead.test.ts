import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Row } from '../../../src/columns/row-view.js';
import { sleep } from '../../../src/core/clock.js';
import type { BadRow } from '../../../src/core/errors.js';
import type { PlainData } from '../../../src/core/plain-data.js';
import { millis } from '../../../src/core/units.js';
import { SourceLetters } from '../../../src/engine/dead-letters/source-letters.js';
import type { KeptRejects, LettersBehind, SourceRejects } from '../../../src/engine/rejects.js';
import type { Source } from '../../../src/engine/source.js';
import type { SourceCapabilities } from '../../../src/engine/source-capabilities.js';
import type { StageContext } from '../../../src/engine/stage.js';
import type { Checkpoint } from '../../../src/wire/checkpoint.js';
import { batchOf } from '../../support/batch-rows.js';
import { heldSink } from '../../support/held-sink.js';
import { feedOf, isWatermark, keepingSink, pipelineOf, TRADES } from '../../support/pipeline-rig.js';
import { SimulatedClock } from '../../support/simulated-clock.js';
import { TransactionalTable } from '../../support/transactional-table.js';

const START = 1_700_000_000_000_000_000n;
const trade = (n: number): Row => ({ time: START + BigInt(n) * 1_000_000n, symbol: 'A', price: n });

interface Numbers {
  readonly delivery?: SourceCapabilities['delivery'];
  /** How a read answers. */
  readonly answers?: 'at once' | 'promise' | (() => Promise<void>);
  readonly count?: number;
  readonly isPositionKnown?: boolean;
  readonly failsAt?: number;
  /** These are bad rows. */
  readonly isBad?: (n: number) => boolean;
}

/** A source of the trades 1, 2, 3, … with one row a read, and counts of its reads. */
function numbers(options: Numbers = {}) {
  const { delivery = 'replayable', answers = 'promise', count = 1_000, failsAt, isBad } = options;
  const told = { reads: 0, stops: 0 };
  const make = ({ dictionaries, rejects }: StageContext): Source => {
    let next = 1;
    let rejected = 0;
    let isStopped = false;
    const readNow = () => {
      if (isStopped) return null;
      if (next === failsAt) throw new Error('as asked');
      while (next <= count && isBad?.(next)) {
        rejects.add({ file: 'numbers', line: next, expected: 'a good row', found: 'a bad one' });
        rejected++;
        next++;
      }
      if (next > count) return null;
      return batchOf(TRADES, dictionaries, [trade(next++)]);
    };
    return {
      schema: TRADES,
      capabilities: { delivery, bounded: delivery === 'replayable' },
      read() {
        told.reads++;
        if (answers === 'at once') return readNow();
        if (answers === 'promise') return Promise.resolve().then(readNow);
        return answers().then(readNow);
      },
      stop() {
        told.stops++;
        isStopped = true;
      },
      position: () => next,
      ...(options.isPositionKnown === false && { positionForRead: () => undefined }),
      resume(position) {
        next = position as number;
      },
      get rowsRejected() {
        return rejected;
      },
    };
  };
  return { make, told };
}

const one = { maxRows: 1 };

describe('between a source and its chain', () => {
  it('a live source is read on while the sink writes, and nothing is lost or out of order', async () => {
    const clock = new SimulatedClock();
    const feed = feedOf(TRADES);
    const { sink, prices, letGo } = heldSink();
    const pipeline = pipelineOf({ source: feed.make, sink, clock, batcher: one });
    const run = pipeline.run();
    for (let n = 1; n <= 500; n++) {
      feed.push(trade(n));
      if (n % 10 === 0) await clock.advance(1);
    }
    expect(pipeline.counters.get('rowsIn')).toBe(500);
    expect(pipeline.counters.get('rowsOut')).toBe(0);
    expect(pipeline.describe()[0]?.statistics.rowsQueued).toBeGreaterThan(490);
    letGo();
    feed.end();
    expect(await run).toMatchObject({ outcome: 'completed', rowsPending: 0 });
    expect(prices()).toEqual(Array.from({ length: 500 }, (_, i) => i + 1));
  });

  it('a replay is read a few batches ahead, and no further', async () => {
    const clock = new SimulatedClock();
    const { make, told } = numbers({ count: 10 });
    const { sink, prices, letGo } = heldSink();
    const run = pipelineOf({ source: make, sink, clock, batcher: one }).run();
    await clock.advance(10);
    expect(told.reads).toBe(4); // one at the sink, one ready for it, two that wait
    letGo();
    expect(await run).toMatchObject({ outcome: 'completed', rowsPending: 0 });
    expect(prices()).toHaveLength(10);
  });

  it('a replay that answers without a promise is not read ahead', async () => {
    const clock = new SimulatedClock();
    const { make, told } = numbers({ count: 10, answers: 'at once' });
    const { sink, letGo } = heldSink();
    const run = pipelineOf({ source: make, sink, clock, batcher: one }).run();
    await clock.advance(10);
    expect(told.reads).toBe(2); // one at the sink, one ready for it
    letGo();
    expect(await run).toMatchObject({ outcome: 'completed', counters: { rowsOut: 10 } });
  });

  it('a live source that always has more lets timers have their turn, and is bounded', async () => {
    const clock = new SimulatedClock();
    const { make, told } = numbers({ delivery: 'live-only', answers: 'at once', count: 1_000_000 });
    const { sink } = heldSink();
    const pipeline = pipelineOf({ source: make, sink, clock, batcher: one });
    const run = pipeline.run();
    await clock.advance(1);
    const reads = told.reads;
    expect(reads).toBeGreaterThan(1);
    expect(reads).toBeLessThan(1_000);
    await clock.advance(1);
    expect(told.reads).toBeGreaterThan(reads);
    pipeline.stop();
    await clock.advance(1);
    expect(pipeline.counters.get('rowsIn')).toBe(told.reads);
    expect(run).toBeInstanceOf(Promise);
  });

  it('nothing is read ahead while the pipeline is paused', async () => {
    const clock = new SimulatedClock();
    const { make, told } = numbers();
    const { sink, letGo } = heldSink();
    const pipeline = pipelineOf({ source: make, sink, clock, batcher: one });
    const run = pipeline.run();
    pipeline.pause();
    await clock.advance(10);
    expect(told.reads).toBe(0);
    pipeline.resume();
    await clock.advance(10);
    pipeline.pause();
    letGo();
    await clock.advance(10);
    const { reads } = told;
    await clock.advance(10);
    expect(told.reads).toBe(reads);
    pipeline.resume();
    expect(await run).toMatchObject({ outcome: 'completed', counters: { rowsOut: 1_000 } });
  });

  it('a drain delivers what was read ahead, and reads no more', async () => {
    const clock = new SimulatedClock();
    const feed = feedOf(TRADES);
    const { sink, prices, letGo } = heldSink();
    const pipeline = pipelineOf({ source: feed.make, sink, clock, batcher: one });
    const run = pipeline.run();
    feed.push(trade(1));
    feed.push(trade(2));
    feed.push(trade(3));
    await clock.advance(1);
    pipeline.drain();
    feed.push(trade(4));
    letGo();
    expect(await run).toMatchObject({ outcome: 'completed', reason: 'drained', rowsPending: 0 });
    expect(prices()).toEqual([1, 2, 3]);
  });

  it('a stop delivers nothing more, and says what is lost', async () => {
    const clock = new SimulatedClock();
    const feed = feedOf(TRADES);
    const pipeline = pipelineOf({
      source: feed.make,
      ...keepingSink(() => sleep(clock, millis(10))),
      clock,
      batcher: one,
    });
    const run = pipeline.run();
    for (let n = 1; n <= 5; n++) feed.push(trade(n));
    await clock.advance(1);
    pipeline.stop();
    await clock.advance(20);
    const { outcome, rowsPending, counters } = await run;
    expect([outcome, counters.rowsIn, counters.rowsOut + rowsPending]).toEqual(['stopped', 5, 5]);
    expect(rowsPending).toBeGreaterThan(0);
    expect(clock.timersPending).toBe(0);
  });

  it.each(['promise', 'at once'] as const)(
    'a source that fails is failed after the rows before it, and a live one after their delivery (%s)',
    async (answers) => {
      const clock = new SimulatedClock();
      const { make } = numbers({ delivery: 'live-only', failsAt: 4, answers });
      const { sink, prices, letGo } = heldSink();
      const run = pipelineOf({ source: make, sink, clock, batcher: one }).run();
      await clock.advance(1);
      letGo();
      expect(await run).toMatchObject({
        outcome: 'failed',
        error: { code: 'SOURCE_FAILED' },
        rowsPending: 0,
        counters: { rowsOut: 3 },
      });
      expect(prices()).toEqual([1, 2, 3]);
    },
  );

  it('a sink that fails ends the run, though the source waits for rows', async () => {
    const clock = new SimulatedClock();
    const feed = feedOf(TRADES);
    const { sink } = keepingSink(() => {
      throw new Error('no room');
    });
    const run = pipelineOf({ source: feed.make, sink, clock, batcher: one }).run();
    feed.push(trade(1));
    await clock.advance(1);
    expect(await run).toMatchObject({ outcome: 'failed', error: { code: 'SINK_FAILED' } });
    expect(clock.timersPending).toBe(0);
  });

  it('the time is told to a live source while the sink is busy, behind the rows that arrived before it', async () => {
    const clock = new SimulatedClock({ wall: START });
    const feed = feedOf(TRADES);
    const { sink, records, letGo } = heldSink();
    const pipeline = pipelineOf({ source: feed.make, sink, clock, batcher: one });
    const run = pipeline.run();
    feed.push(trade(0));
    await clock.advance(1_000);
    feed.push(trade(1_000));
    await clock.advance(1);
    letGo();
    feed.end();
    await run;
    // One record stands for all that nothing came between.
    expect(records().filter(isWatermark)).toEqual([
      { type: 'watermark', at: START },
      { type: 'watermark', at: START + 1_000_000_000n },
    ]);
  });
});

describe('a suspend with rows that were read ahead', () => {
  const saver = { everyMs: 1_000_000, save: async () => {} };

  it.each([
    ['replayable', [1, 2]],
    ['live-only', [1, 2, 3, 4]],
  ] as const)(
    'leaves them to the next start only if they can be read again (%s)',
    async (delivery, delivered) => {
      const clock = new SimulatedClock();
      const { make } = numbers({ delivery, count: 4 });
      const { sink, prices, letGo } = heldSink();
      const saved: Checkpoint[] = [];
      const pipeline = pipelineOf({
        source: make,
        sink,
        clock,
        batcher: one,
        saver: { ...saver, save: async (checkpoint) => void saved.push(checkpoint) },
      });
      const run = pipeline.run();
      await clock.advance(1);
      pipeline.suspend();
      letGo();
      expect(await run).toMatchObject({ reason: 'suspended' });
      expect(prices()).toEqual(delivered);
      expect(saved.at(-1)).toMatchObject({
        states: { source: delivered.length + 1 },
        counters: { rowsIn: delivered.length, rowsOut: delivered.length },
      });
    },
  );
});

/** Dead letters as a file keeps them: they outlive the run that wrote them. */
class Letters implements KeptRejects {
  readonly keepsRows = true;
  readonly bytes = 0;
  readonly #lines: number[];

  constructor(lines: number[]) {
    this.#lines = lines;
  }

  get count(): number {
    return this.#lines.length;
  }

  add(row: BadRow): void {
    this.number(row);
  }

  number({ line }: BadRow): number {
    return this.#lines.push(line);
  }

  ofSource(): SourceRejects {
    return new SourceLetters(this);
  }

  async flush(): Promise<void> {}

  position(behind: readonly LettersBehind[] = []): PlainData {
    return this.#lines.length - behind.reduce((count, { ordinals }) => count + ordinals.length, 0);
  }

  resume(position: PlainData): void {
    this.#lines.length = position as number; // those after it come again
  }
}

describe('a crash with rows that were read ahead', () => {
  const COUNT = 30;
  const numbersTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

  it.each([true, false])(
    'loses and doubles no row and no dead letter of a replay, whenever it comes (position known: %s)',
    async (isPositionKnown) => {
      await fc.assert(
        fc.asyncProperty(
          fc.record({
            readMs: fc.array(fc.nat(3), { minLength: 1, maxLength: 5 }),
            writeMs: fc.array(fc.nat(9), { minLength: 1, maxLength: 5 }),
            lives: fc.array(fc.nat(60), { minLength: 1, maxLength: 5 }),
            everyMs: fc.integer({ min: 1, max: 20 }),
            badEvery: fc.integer({ min: 2, max: 9 }),
            maxRows: fc.integer({ min: 1, max: 4 }),
          }),
          async ({ readMs, writeMs, lives, everyMs, badEvery, maxRows }) => {
            const table = new TransactionalTable();
            const lines: number[] = [];
            const isBad = (n: number) => n % badEvery === 0;
            let checkpoint: Checkpoint | undefined;
            for (const [epoch, lifeMs] of [...lives, 10_000].entries()) {
              if (!checkpoint) lines.length = 0; // of another run
              const clock = new SimulatedClock();
              const wait = (list: readonly number[], at: number) =>
                sleep(clock, millis(list[at % list.length]!));
              let reads = 0;
              let writes = 0;
              const answers = () => wait(readMs, reads++);
              const { make } = numbers({ count: COUNT, isPositionKnown, isBad, answers });
              const run = { id: 'run', epoch, owner: { host: 'here', process: 'test', thread: 0 } };
              const step = (name: string) => (name === 'write' ? wait(writeMs, writes++) : undefined);
              const pipeline = pipelineOf({
                source: make,
                sink: table.sink(step).create({}, TRADES, { run } as StageContext),
                clock,
                batcher: { maxRows },
                rejects: new Letters(lines),
                saver: {
                  everyMs,
                  save: async (taken) => {
                    await wait([1], 0);
                    checkpoint = JSON.parse(JSON.stringify(taken)) as Checkpoint;
                  },
                },
                ...(checkpoint && { checkpoint }),
              });
              const report = pipeline.run();
              // Time ends here for this start: it neither finishes nor cleans up.
              await clock.advance(lifeMs);
              if (lifeMs < 10_000) continue;
              expect(await report).toMatchObject({ outcome: 'completed', rowsPending: 0 });
            }
            const good = numbersTo(COUNT).filter((n) => !isBad(n));
            expect(table.visible.map(({ price }) => price)).toEqual(good);
            expect(lines).toEqual(numbersTo(COUNT).filter(isBad));
            expect(checkpoint?.counters).toMatchObject({
              rowsIn: COUNT,
              rowsOut: good.length,
              rowsRejected: COUNT - good.length,
            });
          },
        ),
        { numRuns: 60 },
      );
    },
  );
});
