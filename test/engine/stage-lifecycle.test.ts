import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { SinkFactory, SourceFactory } from '../../src/engine/factories.js';
import type { Sink } from '../../src/engine/sink.js';
import type { SourceSpec } from '../../src/plan/typed-spec.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import { handFed } from '../support/hand-fed.js';
import { scratchFolder } from '../support/recorded-data.js';
import { SimulatedClock } from '../support/simulated-clock.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const SYNTHETIC = { use: 'synthetic', rows: 100 } as const;

/** A sink that opens when the test says so, and what became of it. */
function slowToOpen(more: Partial<Sink> = {}) {
  const events: string[] = [];
  let settle: { opened(): void; failed(error: Error): void } | undefined;
  const factory: SinkFactory<unknown> = {
    create: () => ({
      capabilities: { delivery: 'append' },
      open: () =>
        new Promise<void>((resolve, reject) => {
          settle = { opened: resolve, failed: reject };
        }).then(() => {
          events.push('opened');
        }),
      write: (batch) => batch.release(),
      flush: () => ({ rows: 0, position: null }),
      close: () => {
        events.push('closed');
      },
      ...more,
    }),
  };
  return {
    factory,
    events,
    opened: () => settle?.opened(),
    failed: (error: Error) => settle?.failed(error),
  };
}

/** A live source that notes when it is opened and closed. */
function noted(events: string[]): SourceFactory<unknown> {
  const { factory } = handFed();
  return {
    plan: factory.plan,
    create: (options, context) =>
      Object.assign(factory.create(options, context), {
        open: () => {
          events.push('source opened');
        },
        close: () => {
          events.push('source closed');
        },
      }),
  };
}

describe('a stage that does not open', () => {
  it('fails the run once its time is up, and is closed when it opens after all', async () => {
    const clock = new SimulatedClock();
    const sink = slowToOpen();
    const sourceEvents: string[] = [];
    const pipeline = await createPipeline(
      { name: 'hung' },
      { clock, sink: sink.factory, source: noted(sourceEvents), openDeadlineMs: 2_000 },
    ).build();
    const run = pipeline.run();
    await clock.advance(2_000);
    expect(await run).toMatchObject({
      outcome: 'failed',
      error: {
        code: 'SINK_FAILED',
        retryable: true,
        message: expect.stringMatching(/^Sink "code" did not open within 2000 ms; .*"openDeadlineMs"/),
      },
    });
    expect(sourceEvents).toEqual(['source closed']);
    expect(sink.events).toEqual([]);
    sink.opened();
    await clock.advance(0);
    expect(sink.events).toEqual(['opened', 'closed']);
    expect(clock.timersPending).toBe(0);
  });

  it('does not hold up a stop for longer than a moment', async () => {
    const clock = new SimulatedClock();
    const sink = slowToOpen();
    const sourceEvents: string[] = [];
    const options = { clock, sink: sink.factory, source: noted(sourceEvents) };
    const pipeline = await createPipeline({ name: 'hung' }, options).build();
    const run = pipeline.run();
    await clock.advance(10);
    pipeline.stop();
    await clock.advance(1_000);
    expect(await run).toMatchObject({ outcome: 'stopped', reason: 'stopped' });
    expect(sourceEvents).toEqual(['source closed']);
    sink.failed(new Error('too late'));
    await clock.advance(0);
    expect(sink.events).toEqual(['closed']);
    expect(clock.timersPending).toBe(0);
  });

  it('is waited for by a stop when it is about to open, and closed before the run ends', async () => {
    const clock = new SimulatedClock();
    const sink = slowToOpen();
    const options = { clock, sink: sink.factory, source: noted([]) };
    const pipeline = await createPipeline({ name: 'slow' }, options).build();
    const run = pipeline.run();
    await clock.advance(10);
    pipeline.stop();
    sink.opened();
    expect(await run).toMatchObject({ outcome: 'stopped' });
    expect(sink.events).toEqual(['opened', 'closed']);
    expect(clock.timersPending).toBe(0);
  });

  it('lets a drain wait until it is open, and then end what it holds', async () => {
    const clock = new SimulatedClock();
    const sink = slowToOpen();
    const options = { clock, sink: sink.factory, source: noted([]) };
    const pipeline = await createPipeline({ name: 'slow' }, options).build();
    const run = pipeline.run();
    await clock.advance(10);
    pipeline.drain();
    sink.opened();
    expect(await run).toMatchObject({ outcome: 'completed', reason: 'drained', rowsPending: 0 });
  });
});

describe('a run', () => {
  it('that is stopped before it begins opens nothing', async () => {
    const sourceEvents: string[] = [];
    const sink = slowToOpen();
    const pipeline = createPipeline({ name: 'never' }, { sink: sink.factory, source: noted(sourceEvents) });
    await pipeline.stop();
    expect(await pipeline.run()).toMatchObject({ outcome: 'stopped' });
    expect([...sink.events, ...sourceEvents]).not.toContain('source opened');
  });

  it('closes every stage though one of them throws as it reports on itself', async () => {
    const events: string[] = [];
    const sink = slowToOpen({
      open: () => {},
      statistics: () => {
        throw new Error('no figures');
      },
    });
    const pipeline = createPipeline(
      { name: 'odd' },
      { sink: sink.factory, source: noted(events), clock: new SimulatedClock() },
    );
    await pipeline.drain();
    expect(await pipeline.run()).toMatchObject({ outcome: 'failed', error: { message: 'no figures' } });
    expect([...sink.events, ...events]).toEqual(['closed', 'source opened', 'source closed']);
  });

  it('says which stage could not be closed', async () => {
    const sink = slowToOpen({
      open: () => {},
      close: () => Promise.reject(new Error('still busy')),
    });
    const report = await createPipeline({ name: 'shut', source: SYNTHETIC }, { sink: sink.factory }).run();
    expect(report.error).toMatchObject({
      code: 'SINK_FAILED',
      message: 'Sink "code" failed: still busy',
    });
  });
});

describe('the dead-letter file of a pipeline', () => {
  const path = join(SCRATCH.folder, 'dead', 'rows.jsonl');
  const deadLetter = { path };

  it('is not made by a pipeline that is built and never run', async () => {
    await createPipeline({ name: 'built', source: SYNTHETIC, sink: { use: 'null' }, deadLetter }).build();
    expect(existsSync(path)).toBe(false);
  });

  it('keeps the rows of an earlier run when the next one is refused', async () => {
    const ticks = SCRATCH.write('ticks.csv', 'time,symbol,bid,ask\n1,A,x,2\n2,A,1,2\n');
    const source: SourceSpec = {
      use: 'replay',
      path: ticks,
      kind: 'quote',
      columns: {
        time: { from: 'time', unit: 'ms', anyInstant: true },
        symbol: 'symbol',
        bid: 'bid',
        ask: 'ask',
      },
    };
    const sink = { use: 'csv', path: join(SCRATCH.folder, 'good.csv') } as const;
    const spec = { name: 'twice', source, sink, deadLetter };
    expect(await createPipeline(spec).run()).toMatchObject({ outcome: 'completed' });
    const rejected = readFileSync(path, 'utf8');
    expect(rejected).toContain('"field":"bid"');
    expect(await createPipeline(spec).run()).toMatchObject({ error: { code: 'OUTPUT_EXISTS' } });
    expect(readFileSync(path, 'utf8')).toBe(rejected);
  });

  it('fails the run before a row is read where it cannot be written', async () => {
    const file = SCRATCH.write('taken', '');
    const spec = { name: 'taken', source: SYNTHETIC, sink: { use: 'null' } } as const;
    const report = await createPipeline({ ...spec, deadLetter: { path: join(file, 'x') } }).run();
    expect(report).toMatchObject({ outcome: 'failed', error: { code: 'OUTPUT_FAILED' } });
    expect(report.counters.rowsIn).toBe(0);
  });

  it('holds the rows that lie before a checkpoint', async () => {
    const { factory, push, end } = handFed();
    const source: SourceFactory<unknown> = {
      plan: factory.plan,
      create: (options, context) => {
        context.rejects.add({ file: 'feed', line: 1, expected: 'a tick', found: 'none' });
        return factory.create(options, context);
      },
    };
    const pipeline = createPipeline({ name: 'cut', sink: { use: 'null' }, deadLetter }, { source });
    const taken = pipeline.checkpoint();
    const run = pipeline.run();
    push(1);
    await taken;
    expect(readFileSync(path, 'utf8')).toContain('"expected":"a tick"');
    end();
    await run;
  });
});
