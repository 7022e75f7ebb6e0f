import { describe, expect, it } from 'vitest';
import type { CheckpointStore } from '../../src/checkpoints/checkpoint-store.js';
import { MemoryCheckpointStore } from '../../src/checkpoints/memory-checkpoint-store.js';
import type { Row } from '../../src/columns/row-view.js';
import type { Schema } from '../../src/columns/schema.js';
import type { Sink } from '../../src/engine/sink.js';
import type { SourceCapabilities } from '../../src/engine/source-capabilities.js';
import type { StageContext } from '../../src/engine/stage.js';
import type { OpenSpec } from '../../src/plan/typed-spec.js';
import { createPipeline, type PipelineOptions } from '../../src/runtime/pipeline-builder.js';
import type { Checkpoint } from '../../src/wire/checkpoint.js';
import type { PipelineReport } from '../../src/wire/pipeline-report.js';
import { batchOf } from '../support/batch-rows.js';
import { countingSink } from '../support/counting-sink.js';
import { gatedSink } from '../support/gated-sink.js';
import { gatedComponent, liveComponent, NUMBERS, nestedStages } from '../support/nested-stages.js';
import { feedOf, isRow, keepingSink, TRADES } from '../support/pipeline-rig.js';
import { SimulatedClock } from '../support/simulated-clock.js';

const components = nestedStages();

/** A spec with components that only the test knows. */
const asSpec = (spec: object): OpenSpec => ({ name: 'nested', batcher: { maxRows: 1 }, ...spec }) as OpenSpec;

/** Runs a spec to its end. */
async function numbersOf(spec: object, options: PipelineOptions = {}) {
  const rows: Row[] = [];
  const sink = countingSink(rows);
  const report = await createPipeline(asSpec(spec), { components, sink, ...options }).run();
  return { numbers: rows.map(({ n }) => n), report };
}

/** Runs a spec in two starts: to a checkpoint asked for after some rows, and from there on. */
async function inTwoStarts(spec: object, second: object, stopAt: number) {
  const rows: Row[] = [];
  let taken: Promise<Checkpoint> | undefined;
  const first = createPipeline(asSpec(spec), {
    components,
    sink: countingSink(rows, stopAt, () => {
      taken ??= first.checkpoint().then(async (checkpoint) => {
        await first.stop();
        return checkpoint;
      });
      taken.catch(() => {});
    }),
  });
  const report = await first.run();
  expect(report.error).toBeUndefined();
  const checkpoint = JSON.parse(JSON.stringify(await taken)) as Checkpoint;
  const before = rows.slice(0, checkpoint.states.sink as number).map(({ n }) => n);
  const { numbers, report: ended } = await numbersOf(second, { checkpoint });
  expect(ended.error).toBeUndefined();
  return { numbers: [...before, ...numbers], checkpoint, report: ended };
}

/** What became of the rows of the input, but for those that were read ahead. */
function countsOf({ stages }: PipelineReport) {
  const { rowsIn, rowsPending, rowsOut, rowsDerived, rowsFiltered } = stages.find(
    ({ stage }) => stage === 'operators[0].with',
  )!.statistics;
  return { rowsTaken: rowsIn! - rowsPending!, rowsOut, rowsDerived, rowsFiltered };
}

const SIDE = { use: 'counting', from: 100, rows: 40, batch: 7 };
const ZIPPED = {
  source: { use: 'counting', rows: 30 },
  operators: [{ use: 'zip', with: SIDE, operators: [{ use: 'running' }, { use: 'splitting' }] }],
};

describe('a stage with an input', () => {
  it('gets the rows of its source behind its operators, and the end as null', async () => {
    const { numbers, report } = await numbersOf({
      source: { use: 'counting', rows: 4 },
      operators: [
        {
          use: 'zip',
          with: { use: 'counting', from: 1, rows: 3, batch: 2 },
          operators: [{ use: 'running' }],
        },
      ],
    });
    expect(report.error).toBeUndefined();
    expect(numbers).toEqual([1_001, 2_003, 3_006, 3_999]);
  });

  it.each([1, 7])('goes on from a checkpoint as if nothing had been, in batches of %i', async (batch) => {
    const spec = { ...ZIPPED, source: { use: 'counting', rows: 30, batch } };
    const { numbers: whole, report } = await numbersOf(spec);
    for (const stopAt of [1, 8, 13, 21]) {
      const resumed = await inTwoStarts(spec, spec, stopAt);
      expect(resumed.numbers).toEqual(whole);
      expect(countsOf(resumed.report)).toEqual(countsOf(report));
    }
  });

  it('saves batches that its operators have emitted and nobody has read', async () => {
    const { checkpoint } = await inTwoStarts(ZIPPED, ZIPPED, 3);
    const { ready } = checkpoint.states['operators[0].with'] as { ready: unknown[] };
    expect(ready.length).toBeGreaterThan(0);
  });

  it('may be a source with several', async () => {
    const spec = {
      source: {
        use: 'turns',
        sources: [
          { use: 'counting', from: 1, rows: 20, batch: 3, operators: [{ use: 'running' }] },
          { use: 'turns', sources: [{ use: 'counting', from: 500, rows: 20, batch: 7 }] },
        ],
      },
    };
    const { numbers: whole } = await numbersOf(spec);
    expect(whole.slice(0, 6)).toEqual([1, 500, 3, 501, 6, 502]);
    expect(whole).toHaveLength(40);
    for (const stopAt of [1, 10, 21]) expect((await inTwoStarts(spec, spec, stopAt)).numbers).toEqual(whole);
  });

  it('loses and doubles nothing, wherever it is cut while it reads in the background', async () => {
    const spec = {
      source: { use: 'counting', rows: 200, batch: 3 },
      operators: [
        { use: 'weave', with: { use: 'counting', from: 1_000, rows: 300, batch: 7 } },
        { use: 'splitting' },
      ],
    };
    for (const stopAt of [1, 2, 17, 100, 101, 250, 333, 499]) {
      const { numbers } = await inTwoStarts(spec, spec, stopAt);
      const ofMain = numbers.filter((n) => (n as number) < 1_000);
      const ofSide = numbers.filter((n) => (n as number) >= 1_000);
      expect(ofMain).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
      expect(ofSide).toEqual(Array.from({ length: 300 }, (_, i) => i + 1_000));
    }
  });

  it('is reported with what is inside it, by place and by name', async () => {
    const { report } = await numbersOf({
      source: { use: 'counting', rows: 4 },
      operators: [
        {
          use: 'zip',
          name: 'zipped',
          with: { use: 'counting', from: 1, rows: 3, batch: 2, name: 'side' },
          operators: [{ use: 'running' }],
        },
      ],
    });
    expect(report.stages.map(({ stage, name, use }) => [stage, name, use])).toEqual([
      ['source', undefined, 'counting'],
      ['operators[0]', 'zipped', 'zip'],
      ['operators[0].with', 'side', 'counting'],
      ['operators[0].operators[0]', undefined, 'running'],
      ['batcher', undefined, 'smart'],
      ['sink', undefined, 'code'],
    ]);
    expect(report.stages[2]!.statistics).toMatchObject({ rowsIn: 3, rowsRejected: 0 });
    expect(report.counters.rowsIn).toBe(4); // of the main source alone
  });

  it.each([false, true])('leaves no memory taken, stopped midway: %s', async (isStopped) => {
    let context: StageContext | undefined;
    const looking = liveComponent(
      'looking',
      (_, given) => {
        context = given;
        let n = 0;
        return {
          schema: NUMBERS,
          capabilities: { delivery: 'replayable', bounded: true },
          read: () => (n++ < 50 ? batchOf(NUMBERS, given.dictionaries, [{ n }]) : null),
          stop() {},
          position: () => n,
          resume() {},
        };
      },
      NUMBERS,
    );
    const pipeline = createPipeline(asSpec({ ...ZIPPED, source: { use: 'looking' } }), {
      components: [...components, looking],
      sink: countingSink([], 20, () => {
        if (isStopped) void pipeline.stop();
      }),
    });
    expect(await pipeline.run()).toMatchObject({ outcome: isStopped ? 'stopped' : 'completed' });
    expect(context?.memory.current).toBe(0);
  });

  it('opens after what is inside it, and closes before', async () => {
    const told: string[] = [];
    await numbersOf(
      {
        source: { use: 'counting', rows: 1 },
        operators: [{ use: 'zip', with: { use: 'counting', from: 9 }, operators: [{ use: 'running' }] }],
      },
      { components: nestedStages(told) },
    );
    expect(told.filter((one) => !one.startsWith('stop'))).toEqual([
      'open running',
      'open counting 9',
      'open zip',
      'open counting 1',
      'close counting 1',
      'close zip',
      'close counting 9',
      'close running',
    ]);
  });
});

describe('the state of a stage', () => {
  const running = (name: string, times = 1) => ({ use: 'running', name, times });

  it.each([
    ['with a name', { use: 'splitting', name: 'one' }],
    ['without a name', { use: 'splitting' }],
  ])('is kept by its name when an operator %s is put in front of it', async (_title, added) => {
    const before = { source: { use: 'counting', rows: 30 }, operators: [running('sum')] };
    const after = { ...before, operators: [added, running('sum')] };
    const { numbers } = await inTwoStarts(before, after, 10);
    expect(numbers).toEqual((await numbersOf(before)).numbers);
  });

  it('is kept by its place when operators without a name are put behind it, in inputs, too', async () => {
    const zip = ZIPPED.operators[0]!;
    const before = { ...ZIPPED, operators: [{ use: 'running' }, zip] };
    const added = { ...zip, operators: [...zip.operators, { use: 'splitting' }] };
    const after = { ...before, operators: [{ use: 'running' }, added, { use: 'splitting' }] };
    const { numbers } = await inTwoStarts(before, after, 10);
    expect(numbers).toEqual((await numbersOf(before)).numbers);
  });

  it('is kept by the name of the stage that reads an input, for all inside it', async () => {
    const zip = { ...ZIPPED.operators[0], name: 'zipped' };
    const before = { ...ZIPPED, operators: [zip] };
    const after = { ...ZIPPED, operators: [{ use: 'splitting', name: 'one' }, zip] };
    const { numbers, checkpoint } = await inTwoStarts(before, after, 10);
    expect(numbers).toEqual((await numbersOf(before)).numbers);
    expect(Object.keys(checkpoint.states)).toContain('"zipped".with');
  });

  it.each([
    ['another name', [running('total')], '"sum".times, "sum".use differ'],
    ['another option', [running('sum', 2)], '"sum".times differs'],
  ])('is refused with %s', async (_title, operators, message) => {
    const source = { use: 'counting', rows: 30 };
    const before = { source, operators: [running('sum')] };
    await expect(inTwoStarts(before, { source, operators }, 10)).rejects.toThrow(new RegExp(message));
  });
});

/** A pipeline of two sources in the hands of the test, on virtual time. */
async function live({
  schema = NUMBERS,
  store,
  isGated = false,
  delivery,
  afterWrite,
  sink,
}: {
  schema?: Schema;
  sink?: Sink;
  store?: CheckpointStore;
  isGated?: boolean;
  /** Of the side. */
  delivery?: SourceCapabilities['delivery'];
  /** What a write waits for. */
  afterWrite?: () => Promise<void>;
} = {}) {
  const gate = gatedComponent();
  const clock = new SimulatedClock();
  const told: string[] = [];
  const main = feedOf(schema);
  const side = feedOf(schema, { order: { scope: 'symbol', maxDelayNs: 0 }, ...(delivery && { delivery }) });
  const kept = keepingSink(afterWrite);
  const stages = [liveComponent('main', (_, context) => main.make(context), schema)];
  stages.push(liveComponent('side', (_, context) => side.make(context), schema));
  const pipeline = createPipeline(
    asSpec({
      source: { use: 'main' },
      operators: [{ use: 'weave', with: { use: 'side' }, ...(isGated && { operators: [{ use: 'gated' }] }) }],
      batcher: { maxDelayMs: 1 },
    }),
    {
      clock,
      components: [...nestedStages(told), ...stages, gate.component],
      sink: { create: () => sink ?? kept.sink },
      ...(store && { store }),
    },
  );
  const built = await pipeline.build();
  const run: Promise<PipelineReport> = pipeline.run();
  await clock.advance(1);
  return { clock, main, side, told, gate, stream: kept.stream, pipeline: built, run };
}

const numbers = (stream: readonly object[]) =>
  stream.flatMap((entry) => ('n' in entry ? [(entry as { n: number }).n] : []));

describe('an operator that is woken by its input', () => {
  it('emits while the main source waits', async () => {
    const { clock, main, side, stream, pipeline, run } = await live();
    main.push({ n: 1 });
    await clock.advance(5);
    side.push({ n: 2 }, { n: 3 });
    await clock.advance(5);
    side.push({ n: 4 });
    await clock.advance(5);
    expect(numbers(stream)).toEqual([1, 2, 3, 4]);
    pipeline.drain();
    await clock.advance(5);
    expect(await run).toMatchObject({ outcome: 'completed', reason: 'drained' });
    expect(clock.timersPending).toBe(0);
  });

  it('waits while the pipeline is paused, and emits afterwards', async () => {
    const { clock, main, side, stream, pipeline, run } = await live();
    main.push({ n: 1 });
    await clock.advance(5);
    pipeline.pause();
    main.push({ n: 2 }); // the read that is under way
    await clock.advance(5);
    side.push({ n: 3 });
    await clock.advance(5);
    expect(numbers(stream)).toEqual([1, 2]);
    pipeline.resume();
    await clock.advance(5);
    await clock.advance(5);
    expect(numbers(stream)).toEqual([1, 2, 3]);
    pipeline.stop();
    await clock.advance(5);
    expect(await run).toMatchObject({ reason: 'stopped' });
  });

  it('emits after a pause though the main source has had nothing since before', async () => {
    const { clock, main, side, stream, pipeline, run } = await live();
    main.push({ n: 1 });
    await clock.advance(5);
    pipeline.pause();
    side.push({ n: 2 });
    await clock.advance(5);
    expect(numbers(stream)).toEqual([1]);
    pipeline.resume();
    await clock.advance(5);
    expect(numbers(stream)).toEqual([1, 2]);
    pipeline.stop();
    await clock.advance(5);
    expect(await run).toMatchObject({ reason: 'stopped' });
  });

  it('fails the run with the error of the input, which names it', async () => {
    const { clock, main, side, run } = await live();
    main.push({ n: 1 });
    await clock.advance(5);
    side.fail(new Error('the line is dead'));
    await clock.advance(5);
    expect(await run).toMatchObject({
      outcome: 'failed',
      error: { code: 'SOURCE_FAILED', message: expect.stringContaining('Source "side" (operators[0].with)') },
    });
  });

  it('is cut with its input while both wait', async () => {
    const { clock, main, side, stream, pipeline, run } = await live();
    main.push({ n: 1 });
    await clock.advance(5);
    side.push({ n: 2 });
    await clock.advance(5);
    const { states } = await pipeline.checkpoint();
    expect(states['operators[0].with']).toMatchObject({ rows: { rowsIn: 1 }, ready: [], isOver: false });
    expect(numbers(stream)).toEqual([1, 2]);
    pipeline.stop();
    await clock.advance(5);
    await run;
  });
});

describe('a cut while an operator reads in the background', () => {
  const rowsOf = (batches: unknown): number =>
    (batches as { rows: number }[]).reduce((sum, { rows }) => sum + rows, 0);
  /** Rows at the sink, at the operator and in its input. */
  const rowsAt = ({ states }: Checkpoint): number => {
    const { ready } = states['operators[0].with'] as { ready: unknown };
    const { batches } = states['operators[0]'] as { batches: unknown };
    return (states.sink as number) + rowsOf(ready) + rowsOf(batches);
  };

  it('has each row once, however far the row has come', async () => {
    for (let ticks = 0; ticks < 40; ticks++) {
      const { clock, main, side, pipeline, run } = await live();
      main.push({ n: 1 });
      await clock.advance(5);
      side.push({ n: 2 });
      for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
      const taken = pipeline.checkpoint();
      await clock.advance(5);
      const checkpoint = await taken;
      const { rows } = checkpoint.states['operators[0].with'] as { rows: { rowsIn: number } };
      expect([ticks, rowsAt(checkpoint)]).toEqual([ticks, 1 + rows.rowsIn]);
      pipeline.stop();
      await clock.advance(5);
      await run;
    }
  });

  it('waits for an operator of the input that is at work', async () => {
    const { clock, main, side, pipeline, run, gate } = await live({ isGated: true });
    main.push({ n: 1 });
    await clock.advance(5);
    side.push({ n: 2 });
    await clock.advance(5);
    let isTaken = false;
    const taken = pipeline.checkpoint().finally(() => {
      isTaken = true;
    });
    await clock.advance(5);
    expect(isTaken).toBe(false);
    gate.open();
    await clock.advance(5);
    expect(rowsAt(await taken)).toBe(2);
    pipeline.stop();
    await clock.advance(5);
    await run;
  });
});

describe('a live input', () => {
  const START = 1_700_000_000_000_000_000n;
  const row = (ms: number) => ({ time: START + BigInt(ms) * 1_000_000n, symbol: 'A', price: 1 });

  it('tells the time in its stream while its source is silent, though not in a pause', async () => {
    const { clock, main, side, told, pipeline, run } = await live({ schema: TRADES });
    main.push(row(0));
    await clock.advance(5);
    side.push(row(6));
    await clock.advance(1_000);
    const times = told.map((one) => Number(BigInt(one.replace('watermark ', '')) - START) / 1e6);
    expect(times[0]).toBe(6);
    expect(times.length).toBeGreaterThan(4);
    expect(times.at(-1)).toBeGreaterThan(800);
    expect(times.at(-1)).toBeLessThanOrEqual(1_006);

    pipeline.pause();
    main.push(row(1_010));
    await clock.advance(5);
    const before = told.length;
    await clock.advance(1_000);
    expect(told).toHaveLength(before);
    pipeline.stop();
    await clock.advance(5);
    expect(await run).toMatchObject({ reason: 'stopped' });
    expect(clock.timersPending).toBe(0);
  });

  it('refuses a row that is far ahead of the clock, counts it and fails the run after the rows before it', async () => {
    const { clock, main, side, pipeline, run } = await live({ schema: TRADES });
    main.push(row(0));
    await clock.advance(5);
    side.push(row(6), row(3 * 86_400_000));
    await clock.advance(5);
    await clock.advance(5);
    const side0 = pipeline.describe().find(({ stage }) => stage === 'operators[0].with');
    expect(side0!.statistics).toMatchObject({ rowsIn: 2, rowsRejected: 1 });
    expect(await run).toMatchObject({ outcome: 'failed', error: { code: 'ROW_INVALID' } });
  });

  it('ends with a drain, while one that can be replayed is read on', async () => {
    const { clock, main, side, pipeline, run } = await live();
    main.push({ n: 1 });
    side.push({ n: 2 });
    await clock.advance(5);
    pipeline.drain();
    await clock.advance(5);
    expect(await run).toMatchObject({ reason: 'drained' });

    const told: string[] = [];
    const stages = nestedStages(told);
    const replay = createPipeline(
      asSpec({
        source: { use: 'counting', rows: 1_000_000 },
        operators: [{ use: 'zip', with: { use: 'counting', from: 9, rows: 2_000_000 } }],
      }),
      { components: stages, sink: countingSink([], 5, () => void replay.drain()) },
    );
    const report = await replay.run();
    expect(report.reason).toBe('drained');
    expect(told).toContain('stop counting 1');
    expect(told.indexOf('stop counting 9')).toBe(-1);
  });

  it('is drained once the rows of the main source are through that waited for the sink', async () => {
    const kept = gatedSink();
    const { clock, main, side, pipeline, run } = await live({ sink: kept.sink });
    const goOn = kept.hold('write');
    for (const n of [1, 2, 3]) {
      main.push({ n });
      await clock.advance(5);
    }
    pipeline.drain();
    await clock.advance(1_000);
    side.push({ n: 100 });
    await clock.advance(5);
    goOn();
    for (let turn = 0; turn < 5; turn++) await clock.advance(5);
    expect(await run).toMatchObject({ outcome: 'completed', reason: 'drained' });
    expect(kept.rows.map(({ n }) => n).sort()).toEqual([1, 100, 2, 3]);
    expect(clock.timersPending).toBe(0);
  });

  it('is drained at once where only it is waited for', async () => {
    const { clock, main, side, stream, pipeline, run } = await live();
    main.push({ n: 1 });
    main.end();
    await clock.advance(50);
    side.push({ n: 2 });
    await clock.advance(50);
    pipeline.drain();
    await clock.advance(5);
    expect(await run).toMatchObject({ outcome: 'completed' });
    expect(stream.filter(isRow).map(({ n }) => n)).toEqual([1, 2]);
  });

  it('is left alone by a suspend, since its end would be taken for a fact', async () => {
    const store = new MemoryCheckpointStore();
    const { clock, main, side, pipeline, run } = await live({ store });
    main.push({ n: 1 });
    side.push({ n: 2 });
    await clock.advance(5);
    pipeline.suspend();
    await clock.advance(5);
    expect(await run).toMatchObject({ reason: 'suspended' });
    const checkpoint = await store.load('nested');
    expect(checkpoint?.states['operators[0].with']).toMatchObject({ isOver: false, rows: { rowsIn: 1 } });
  });

  it.each([
    ['live-only', [1, 2, 3, 4, 5, 6]],
    ['resumable', [1, 2, 3, 6]], // 4 and 5 would be fetched again
  ] as const)('has what had arrived in a suspend if it cannot be read again (%s)', async (delivery, all) => {
    const store = new MemoryCheckpointStore();
    let letGo = () => {};
    const isWritten = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const first = await live({ store, delivery, afterWrite: () => isWritten });
    first.main.push({ n: 1 });
    await first.clock.advance(5);
    // The first of these waits for the sink, and those behind it wait for the chain.
    for (const n of [2, 3, 4, 5]) {
      first.side.push({ n });
      await first.clock.advance(5);
    }
    first.pipeline.suspend();
    letGo();
    await first.clock.advance(5);
    expect(await first.run).toMatchObject({ reason: 'suspended' });

    const second = await live({ store, delivery });
    second.side.push({ n: 6 });
    await second.clock.advance(5);
    second.main.end();
    second.side.end();
    await second.clock.advance(5);
    expect(await second.run).toMatchObject({ outcome: 'completed' });
    expect(numbers([...first.stream, ...second.stream])).toEqual(all);
  });
});
