import { describe, expect, it } from 'vitest';
import type { JobReport } from '../../dist/src/index.js';
import { Random } from '../../src/core/random.js';
import { countThreads, discard, moduleOperator, startRuntime, until } from './threads-support.js';

const STEP_NS = 100_000_000;
const ticks = (rows?: number) =>
  ({ use: 'synthetic', symbols: 5, interval: '100ms', ...(rows !== undefined && { rows }) }) as const;
const toTopic = { use: 'topic', topic: 'quotes' } as const;
const fromTopic = { use: 'topic', topic: 'quotes', overflow: 'block' } as const;
/** For consumers that are submitted before the producer. */
const early = {
  ...fromTopic,
  kind: 'quote',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'symbol', type: 'string' },
    { name: 'bid', type: 'float64' },
    { name: 'ask', type: 'float64' },
    { name: 'bidSize', type: 'float64' },
    { name: 'askSize', type: 'float64' },
  ],
} as const;

/** Throws if a row is missing, doubled or out of order, or has the price of another one. */
const checked = () =>
  moduleOperator(
    `const times = batch.int32('time');
     const bids = batch.float64('bid');
     const asks = batch.float64('ask');
     for (let row = 0; row < batch.length; row++) {
       const time = times[2 * row];
       if (last !== undefined && ((time - last) | 0) !== ${STEP_NS}) throw new Error('a row is missing');
       if (!(asks[row] - bids[row] > 0.019 && asks[row] - bids[row] < 0.021)) throw new Error('a row is torn');
       last = time;
     }
     emit(batch);`,
    { create: 'let last;' },
  );

/** Ends the thread in the middle of something, after so many batches and so many milliseconds. */
const dying = (batches: number, ms: number) =>
  moduleOperator(`emit(batch); if (++count === ${batches}) setTimeout(() => process.exit(1), ${ms});`, {
    create: 'let count = 0;',
  });

const seeds = [1, 2, 3, 4];

function momentOf(seed: number): { batches: number; ms: number } {
  const random = new Random(seed);
  return { batches: 1 + ((random.next() >>> 0) % 40), ms: random.below(5) };
}

describe('a topic between two threads', () => {
  it('carries all rows, in order, and its end', async () => {
    const runtime = await startRuntime();
    const threads = countThreads();
    for (let turn = 0; turn < 2; turn++) {
      const second = await runtime.submit({
        name: 'reader',
        source: early,
        operators: [{ use: 'derive', columns: { mid: '(bid + ask) / 2' } }],
        sink: discard,
      });
      const first = await runtime.submit({ name: 'ticks', source: ticks(300_000), sink: toTopic });
      const reports = await Promise.all([first.outcome, second.outcome]);
      for (const report of reports) {
        expect(report).toMatchObject({ outcome: 'completed', reason: 'end of input', rowsPending: 0 });
        expect(report.counters).toMatchObject({ rowsIn: 300_000, rowsOut: 300_000 });
      }
    }
    expect(threads.started).toBe(2); // a thread that leaves a port open is not used again
  });

  it('connects several consumers, a tee, and a consumer that produces again', async () => {
    const runtime = await startRuntime();
    // From the end of the chain on: who begins before others have joined begins without them.
    const jobs = [
      await runtime.submit({
        name: 'three',
        source: { ...early, topic: 'again' },
        operators: [checked()],
        sink: discard,
      }),
      await runtime.submit({
        name: 'two',
        source: { ...early, topic: 'copy' },
        sink: { ...toTopic, topic: 'again' },
      }),
      await runtime.submit({ name: 'one', source: early, operators: [checked()], sink: discard }),
      await runtime.submit({
        name: 'ticks',
        source: ticks(100_000),
        sink: { use: 'tee', branches: [toTopic, { ...toTopic, topic: 'copy' }] },
      }),
    ];
    for (const { outcome } of jobs) {
      expect(await outcome).toMatchObject({ outcome: 'completed', counters: { rowsIn: 100_000 } });
    }
  });

  it.each(seeds)('ends for its consumers with a loss if the producer is killed (seed %i)', async (seed) => {
    const runtime = await startRuntime();
    const { batches, ms } = momentOf(seed);
    const readers = await Promise.all(
      ['failing', 'waiting'].map((name) =>
        runtime.submit({
          name,
          source: { ...early, producerLost: name === 'waiting' ? 'wait' : 'fail' },
          operators: name === 'waiting' ? [] : [checked()],
          sink: discard,
        }),
      ),
    );
    const producer = await runtime.submit({
      name: 'ticks',
      source: ticks(),
      operators: [dying(batches, ms)],
      sink: toTopic,
    });
    expect((await producer.outcome).error?.code).toBe('THREAD_EXITED');
    const report: JobReport = await readers[0]!.outcome;
    expect(report).toMatchObject({ outcome: 'failed', error: { code: 'TOPIC_LOST' }, rowsPending: 0 });
    expect(report.error?.message).toContain('job "ticks"');

    // It need not have as many rows as the other one: those of its queue died with the producer.
    const waiting = readers[1]!;
    const next = await runtime.submit({ name: 'ticks-2', source: ticks(1), sink: toTopic });
    expect(await next.outcome).toMatchObject({ outcome: 'completed' });
    expect(await waiting.outcome).toMatchObject({ outcome: 'completed', rowsPending: 0 });
  });

  it.each(seeds)(
    'goes on for the others if a consumer is killed, though it waits for it (seed %i)',
    async (seed) => {
      const runtime = await startRuntime();
      const { batches, ms } = momentOf(seed);
      const doomed = await runtime.submit({
        name: 'doomed',
        source: early,
        operators: [dying(batches, ms)],
        sink: discard,
      });
      const other = await runtime.submit({
        name: 'other',
        source: early,
        operators: [checked()],
        sink: discard,
      });
      const producer = await runtime.submit({ name: 'ticks', source: ticks(2_000_000), sink: toTopic });
      expect((await doomed.outcome).error?.code).toBe('THREAD_EXITED');
      expect(await producer.outcome).toMatchObject({
        outcome: 'completed',
        counters: { rowsOut: 2_000_000 },
      });
      expect(await other.outcome).toMatchObject({ outcome: 'completed', counters: { rowsIn: 2_000_000 } });
    },
  );

  it('fails its producer with both names if a consumer is paused that asked for no loss', async () => {
    const runtime = await startRuntime();
    const producer = await runtime.submit({
      name: 'ticks',
      source: ticks(),
      sink: { ...toTopic, blockDeadline: '200ms' },
    });
    const stuck = await runtime.submit({ name: 'stuck', source: fromTopic, sink: discard });
    await until(() => stuck.inspect().counters.rowsIn > 0);
    await stuck.pause();
    const { error } = await producer.outcome;
    expect(error).toMatchObject({ code: 'TOPIC_BLOCKED', stage: 'sink' });
    expect(error?.message).toMatch(/job "ticks".*job "stuck"/);
  });

  it('goes on while a consumer is paused, and says what that one does not get', async () => {
    const runtime = await startRuntime();
    const producer = await runtime.submit({ name: 'ticks', source: ticks(), sink: toTopic });
    const paused = await runtime.submit({
      name: 'paused',
      source: { use: 'topic', topic: 'quotes' },
      sink: discard,
    });
    await until(() => paused.inspect().counters.rowsIn > 0);
    await paused.pause();
    const { rowsOut } = producer.inspect().counters;
    await until(() => producer.inspect().counters.rowsOut > rowsOut + 3_000_000);
    const sink = (await producer.describe()).find(({ stage }) => stage === 'sink');
    expect(sink?.health).toMatchObject({
      status: 'degraded',
      reason: expect.stringContaining('job "paused"'),
    });
    const [source] = await paused.describe();
    expect(source?.health.status).toBe('degraded');
    expect(source?.statistics.rowsLeftOutByProducer).toBeGreaterThan(0);
  });

  it.each(['at once', 'before the consumer has a thread'])(
    'fails a consumer whose producer ends %s, though it was submitted before',
    async (when) => {
      const runtime = await startRuntime(when === 'at once' ? {} : { maxThreads: 1 });
      const reader = { name: 'reader', source: early, sink: discard };
      const maker = { name: 'ticks', source: ticks(10), sink: { ...toTopic, consumersDeadline: '1ms' } };
      let consumer: Awaited<ReturnType<typeof runtime.submit>>;
      if (when === 'at once') {
        consumer = await runtime.submit(reader);
        await (await runtime.submit(maker)).stop();
      } else {
        const producer = await runtime.submit(maker);
        consumer = await runtime.submit(reader);
        expect((await producer.outcome).outcome).toBe('completed');
      }
      expect((await consumer.outcome).error).toMatchObject({ code: 'TOPIC_LOST', stage: 'source' });
    },
  );

  it('drains producers before consumers when its runtime is closed: all rows arrive', async () => {
    const runtime = await startRuntime();
    const consumer = await runtime.submit({
      name: 'reader',
      source: early,
      operators: [checked()],
      sink: discard,
    });
    const producer = await runtime.submit({ name: 'ticks', source: ticks(), sink: toTopic });
    await until(() => consumer.inspect().counters.rowsIn > 0);
    await runtime.close();
    const [made, read] = await Promise.all([producer.outcome, consumer.outcome]);
    expect(made).toMatchObject({ outcome: 'completed', reason: 'drained' });
    expect(read.outcome).toBe('completed');
    expect(read.counters.rowsIn).toBe(made.counters.rowsOut);
  });
});
