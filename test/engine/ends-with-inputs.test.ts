import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { MemoryCheckpointStore } from '../../src/checkpoints/memory-checkpoint-store.js';
import type { Row } from '../../src/columns/row-view.js';
import { defineComponent } from '../../src/engine/component.js';
import { RESTART_REASON } from '../../src/engine/intake/live-intake.js';
import type { Sink } from '../../src/engine/sink.js';
import type { Source } from '../../src/engine/source.js';
import type { StageContext } from '../../src/engine/stage.js';
import type { OpenSpec } from '../../src/plan/typed-spec.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import { inputOperators, inputSource } from '../../src/settings/input-options.js';
import { type Logger, silentLogger } from '../../src/telemetry/logger.js';
import type { PipelineReport } from '../../src/wire/pipeline-report.js';
import { gatedSink } from '../support/gated-sink.js';
import { liveComponent, nestedStages } from '../support/nested-stages.js';
import { feedOf, TRADES } from '../support/pipeline-rig.js';
import { SimulatedClock } from '../support/simulated-clock.js';

const order = { scope: 'symbol', maxDelayNs: 0 } as const;
const trade = (price: number) => ({ time: BigInt(price) * 1_000_000_000n, symbol: 'A', price });
const woven = { use: 'weave', with: { use: 'side' } };

interface Settings {
  readonly spec?: object;
  readonly store?: MemoryCheckpointStore;
  /** Whether the read of the input does not end after a stop. */
  readonly sideHangs?: boolean;
  /** Whether the position of the input is not known while it is read. */
  readonly positionUnknown?: boolean;
}

/** Starts a live source whose operator also emits what its live input has, by default. */
async function start({ spec = {}, store, sideHangs = false, positionUnknown = false }: Settings = {}) {
  const clock = new SimulatedClock();
  const [main, side, inner] = [feedOf(TRADES), feedOf(TRADES, { order }), feedOf(TRADES, { order })];
  const [kept, other] = [gatedSink(), gatedSink()];
  const told: string[] = [];
  const warned: unknown[] = [];
  const gaps: string[] = [];
  let letGo = () => {};
  const isLetGo = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const write = kept.sink.write.bind(kept.sink);
  kept.sink.write = (batch) => {
    for (const { record } of batch.controls)
      if (record.type === 'gap') gaps.push(`${record.from}-${record.to} ${record.reason}`);
    return write(batch);
  };
  const makeSide = (context: StageContext, feed = side): Source =>
    Object.assign(
      feed.make(context),
      sideHangs && { stop() {} },
      positionUnknown && { positionForRead: () => undefined },
      {
        close: () => void told.push('close side'),
      },
    );
  const log: Logger = { ...silentLogger, warn: (fields, text) => void warned.push({ ...fields, text }) };
  const built = createPipeline(
    {
      name: 'ends',
      batcher: { maxRows: 1 },
      source: { use: 'main' },
      operators: [woven],
      ...spec,
    } as unknown as OpenSpec,
    {
      components: [
        ...nestedStages(told),
        liveComponent('main', (_options, context) => main.make(context), TRADES),
        liveComponent('side', (_options, context) => makeSide(context), TRADES),
        liveComponent('inner', (_options, context) => makeSide(context, inner), TRADES),
        sinkComponent('other', other.sink),
        sinkComponent('kept', kept.sink),
        hungComponent(told, isLetGo),
        awaiting,
      ],
      ...(!('sink' in spec) && { sink: { create: () => kept.sink } }),
      clock,
      logger: { ...log, child: () => log },
      ...(store && { store }),
    },
  );
  const pipeline = await built.build();
  let report: PipelineReport | undefined;
  void built.run().then((of) => {
    report = of;
  });
  await clock.advance(5);
  const elapse = async (seconds: number) => {
    for (let i = 0; i < seconds * 10; i++) await clock.advance(100);
    return report;
  };
  return { main, side, inner, kept, other, told, warned, gaps, letGo, pipeline, elapse };
}

const sinkComponent = (name: string, sink: Sink) =>
  defineComponent({
    kind: 'sink',
    name,
    summary: 'In the hands of a test.',
    options: async () => z.strictObject({}),
    load: async () => ({ create: () => sink }),
  });

/** An operator that works on a batch until it is let go, and tells when it is closed. */
const hungComponent = (told: string[], letGo: Promise<void>) =>
  defineComponent({
    kind: 'operator',
    name: 'hung',
    summary: 'Hangs.',
    options: async () => z.strictObject({}),
    load: async () => ({
      plan: (_options, input) => input,
      create: (_options, output) => ({
        output,
        async process(batch) {
          told.push('hung');
          batch.release();
          await letGo;
          told.push('done');
        },
        close: () => void told.push('close hung'),
      }),
    }),
  });

/** An operator that waits for the next batch of its input when it is given rows, but for one of price 1. */
const awaiting = defineComponent({
  kind: 'operator',
  name: 'awaiting',
  summary: 'Waits.',
  options: async () => z.strictObject({ with: inputSource(), operators: inputOperators().optional() }),
  load: async () => ({
    plan: (_options, input) => input,
    create: (_options, output, { inputs }) => ({
      output,
      async process(batch, emit) {
        const isFirst = batch.length === 0 || batch.float64('price')[0] === 1;
        emit(batch);
        if (isFirst) return;
        try {
          (await inputs.with!.read())?.release();
        } catch (error) {
          throw new Error('no side', { cause: error });
        }
      },
    }),
  }),
});

const prices = (rows: readonly Row[]) => rows.map(({ price }) => price);

describe('a failure while a stage waits at the end for its live input', () => {
  it('ends the run if it is that of the sink', async () => {
    const { main, kept, elapse } = await start();
    const goOn = kept.hold('write');
    main.push(trade(1));
    await elapse(1);
    main.end();
    await elapse(1);
    kept.fail(new Error('no room'));
    goOn();
    expect(await elapse(1)).toMatchObject({ outcome: 'failed', error: { code: 'SINK_FAILED' } });
    expect(kept.told).toEqual(['open', 'close']);
  });

  it('ends the run at once if it is that of another branch', async () => {
    const batcher = { maxRows: 1 };
    const branches = [
      { use: 'kept', batcher, operators: [woven] },
      { use: 'other', batcher },
    ];
    const { main, kept, other, elapse } = await start({
      spec: { operators: [], sink: { use: 'tee', branches } },
    });
    const goOn = other.hold('write');
    main.push(trade(1));
    await elapse(1);
    main.end();
    await elapse(1);
    other.fail(new Error('no room'));
    goOn();
    expect(await elapse(1)).toMatchObject({ outcome: 'failed', error: { code: 'SINK_FAILED' } });
    expect([kept.told, other.told]).toEqual([
      ['open', 'close'],
      ['open', 'close'],
    ]);
  });
});

describe('a suspend while the end waits for a live input', () => {
  it.each(['in the trunk', 'in a branch'])('lets that end, and loses nothing (%s)', async (where) => {
    const branches = [{ use: 'kept', batcher: { maxRows: 1 }, operators: [woven] }];
    const spec = where === 'in a branch' ? { operators: [], sink: { use: 'tee', branches } } : {};
    const { main, side, kept, pipeline, elapse } = await start({ spec, store: new MemoryCheckpointStore() });
    main.push(trade(1));
    main.end();
    await elapse(1);
    side.push(trade(2));
    pipeline.suspend();
    expect(await elapse(1)).toMatchObject({ outcome: 'completed', reason: 'end of input' });
    expect(prices(kept.rows)).toEqual([1, 2]);
    expect(kept.visible).toBe(2);
  });

  it('does not take back a drain', async () => {
    const { main, side, kept, pipeline, elapse } = await start({ store: new MemoryCheckpointStore() });
    main.push(trade(1));
    await elapse(1);
    side.push(trade(2));
    pipeline.drain();
    pipeline.suspend();
    expect(await elapse(1)).toMatchObject({ reason: 'drained' });
    expect(prices(kept.rows)).toEqual([1, 2]);
  });
});

describe('an input whose read does not end after its stop', () => {
  const lost = { input: 'Source "side" (operators[0].with)', graceMs: 5_000 };

  it('does not hold up a suspend, and the next start tells of a gap', async () => {
    const store = new MemoryCheckpointStore();
    const first = await start({ store, sideHangs: true });
    first.main.push(trade(1));
    first.side.push(trade(2));
    await first.elapse(1);
    first.pipeline.suspend();
    expect(await first.elapse(4)).toBeUndefined();
    expect(await first.elapse(7)).toMatchObject({ reason: 'suspended' });
    expect(first.warned).toContainEqual(expect.objectContaining(lost));
    expect(prices(first.kept.rows)).toEqual([1, 2]);
    first.side.push(trade(3)); // too late

    const next = await start({ store });
    next.main.push(trade(4));
    next.side.push(trade(5));
    await next.elapse(1);
    next.pipeline.drain();
    expect(await next.elapse(1)).toMatchObject({ reason: 'drained' });
    expect(prices(next.kept.rows.slice(2)).sort()).toEqual([4, 5]);
    expect(next.gaps).toContain(`2000000000-5000000000 ${RESTART_REASON}`);
  });

  it('does not hold up the failure of the source', async () => {
    const { main, elapse } = await start({ store: new MemoryCheckpointStore(), sideHangs: true });
    main.push(trade(1));
    await elapse(1);
    main.fail(new Error('line cut'));
    expect(await elapse(11)).toMatchObject({ outcome: 'failed', error: { code: 'SOURCE_FAILED' } });
  });

  it('is not waited for once the sink has failed', async () => {
    const { main, kept, pipeline, warned, elapse } = await start({
      store: new MemoryCheckpointStore(),
      sideHangs: true,
    });
    const goOn = kept.hold('write');
    main.push(trade(1));
    await elapse(1);
    pipeline.suspend();
    await elapse(1);
    kept.fail(new Error('no room'));
    goOn();
    expect(await elapse(6)).toMatchObject({ outcome: 'failed', error: { code: 'SINK_FAILED' } });
    expect(warned).not.toContainEqual(expect.objectContaining(lost));
  });

  it('is not waited for once a stop follows', async () => {
    const { main, pipeline, warned, elapse } = await start({
      store: new MemoryCheckpointStore(),
      sideHangs: true,
    });
    main.push(trade(1));
    await elapse(1);
    pipeline.suspend();
    await elapse(1);
    pipeline.stop();
    expect(await elapse(6)).toMatchObject({ outcome: 'stopped' });
    expect(warned).not.toContainEqual(expect.objectContaining(lost));
  });

  it('lets a suspend fail if one of its operators is at work: no state has that batch', async () => {
    const spec = { operators: [{ ...woven, operators: [{ use: 'hung' }] }] };
    const { main, side, pipeline, elapse } = await start({ spec, store: new MemoryCheckpointStore() });
    main.push(trade(1));
    side.push(trade(2));
    await elapse(1);
    pipeline.suspend();
    expect(await elapse(11)).toMatchObject({ outcome: 'failed', error: { code: 'CHECKPOINT_FAILED' } });
  });
});

describe('an input whose source ignores a stop', () => {
  const isCleanStop = (report: PipelineReport | undefined) =>
    report?.outcome === 'stopped' && report.error === undefined;
  const waits = { use: 'awaiting', with: { use: 'side' } };
  const named = {
    stage: 'Source "side" (operators[0].with)',
    text: 'stage is still at work; it will be closed once that is done',
  };

  it.each([
    ['an operator at a batch', { operators: [waits] }],
    ['an operator at the end', {}],
    ['an operator of an input', { operators: [{ ...woven, with: { use: 'inner' }, operators: [waits] }] }],
    ['a merge', { operators: [{ ...waits, with: { use: 'merge', sources: [{ use: 'side' }] } }] }],
  ])('does not hold up a stop while %s waits for it, and is named', async (_, spec) => {
    const { main, inner, warned, pipeline, elapse } = await start({ spec, sideHangs: true });
    main.push(trade(2));
    inner.push(trade(2));
    await elapse(1);
    main.end();
    await elapse(1);
    pipeline.stop();
    expect(isCleanStop(await elapse(6))).toBe(true);
    const stage = expect.stringContaining('Source "side"');
    expect(warned).toContainEqual(expect.objectContaining({ ...named, stage }));
  });

  it('does not hold up a stop while an operator in a branch waits for it', async () => {
    const branches = [{ use: 'kept', batcher: { maxRows: 1 }, operators: [waits] }];
    const spec = { operators: [], sink: { use: 'tee', branches } };
    const { main, pipeline, elapse } = await start({ spec, sideHangs: true });
    main.push(trade(2));
    await elapse(1);
    pipeline.stop();
    expect(isCleanStop(await elapse(6))).toBe(true);
  });

  it('does not hold up the failure of the sink while an operator waits for it', async () => {
    const spec = { operators: [waits] };
    const { main, kept, warned, elapse } = await start({ spec, sideHangs: true });
    const goOn = kept.hold('write');
    main.push(trade(1));
    await elapse(1);
    main.push(trade(2));
    await elapse(1);
    kept.fail(new Error('no room'));
    goOn();
    expect(await elapse(6)).toMatchObject({ outcome: 'failed', error: { code: 'SINK_FAILED' } });
    expect(warned).toContainEqual(expect.objectContaining(named));
  });

  it.each([
    ['an operator at the end waits for it', {}],
    [
      'a merge waits for it',
      { source: { use: 'merge', sources: [{ use: 'main' }, { use: 'side' }] }, operators: [] },
    ],
  ])('does not hold up a drain while %s, and is named', async (_, spec) => {
    const { main, kept, warned, pipeline, elapse } = await start({ spec, sideHangs: true });
    main.push(trade(1));
    await elapse(1);
    pipeline.drain();
    expect(await elapse(4)).toBeUndefined();
    expect(await elapse(8)).toMatchObject({ outcome: 'completed', reason: 'drained' });
    expect(prices(kept.rows)).toEqual([1]);
    const input = expect.stringContaining('Source "side"');
    const text = 'the read of an input has not ended after its stop; what it may have is lost';
    expect(warned).toContainEqual({ input, graceMs: 5_000, text });
  });

  const merged = { use: 'merge', sources: [{ use: 'main' }, { use: 'side' }] };

  it('does not hold up a drain after it has given a row, though its watermarks go on', async () => {
    const { main, side, kept, pipeline, elapse } = await start({
      spec: { source: merged, operators: [] },
      sideHangs: true,
    });
    main.push(trade(1));
    side.push(trade(2));
    await elapse(1);
    pipeline.drain();
    expect(await elapse(12)).toMatchObject({ outcome: 'completed', reason: 'drained' });
    expect(prices(kept.rows)).toEqual([1, 2]);
  });

  it('does not hold up a drain with a checkpoint that waits for its position', async () => {
    const { main, side, kept, pipeline, elapse } = await start({
      spec: { source: merged, operators: [] },
      sideHangs: true,
      positionUnknown: true,
      store: new MemoryCheckpointStore(),
    });
    main.push(trade(1));
    side.push(trade(2));
    await elapse(1);
    const taken = pipeline.checkpoint().catch((error: unknown) => error);
    await elapse(1);
    pipeline.drain();
    expect(await elapse(12)).toMatchObject({ outcome: 'completed', reason: 'drained' });
    expect(prices(kept.rows)).toEqual([1, 2]);
    expect(await taken).not.toBeInstanceOf(Error);
  });

  it('does not take with it what a merge around it has read', async () => {
    const inner = { use: 'merge', sources: [{ use: 'inner' }, { use: 'side' }] };
    const {
      main,
      inner: beside,
      kept,
      warned,
      pipeline,
      elapse,
    } = await start({
      spec: { operators: [{ ...woven, with: inner }] },
      sideHangs: true,
    });
    main.push(trade(1));
    await elapse(1);
    beside.push(trade(2));
    await elapse(1);
    pipeline.drain();
    expect(await elapse(20)).toMatchObject({ outcome: 'completed', reason: 'drained' });
    expect(prices(kept.rows)).toEqual([1, 2]);
    expect(warned).not.toContainEqual(
      expect.objectContaining({ input: expect.stringContaining('Source "merge"') }),
    );
  });

  it('does not hold up the failure of the source while an operator waits for it', async () => {
    const { main, kept, elapse } = await start({ sideHangs: true });
    main.push(trade(1));
    await elapse(1);
    main.fail(new Error('line cut'));
    expect(await elapse(12)).toMatchObject({ outcome: 'failed', error: { code: 'SOURCE_FAILED' } });
    expect(prices(kept.rows)).toEqual([1]);
  });

  it('does not hold up a stop while a checkpoint waits for its position', async () => {
    const { main, pipeline, elapse } = await start({
      sideHangs: true,
      positionUnknown: true,
      store: new MemoryCheckpointStore(),
    });
    main.push(trade(1));
    await elapse(1);
    const taken = pipeline.checkpoint().catch((error: unknown) => error);
    await elapse(1);
    pipeline.stop();
    expect(isCleanStop(await elapse(6))).toBe(true);
    expect(await taken).toMatchObject({ code: 'JOB_STATE' });
  });
});

describe('an input that is at work when the run ends', () => {
  it.each([
    ['with an operator', [{ use: 'hung' }], 1],
    ['with an input of its own', [{ use: 'weave', with: { use: 'inner' } }, { use: 'hung' }], 2],
  ])('is closed with all of its stages once it is done (%s)', async (_, operators, sides) => {
    const { main, side, told, letGo, pipeline, elapse } = await start({
      spec: { operators: [{ ...woven, operators }] },
    });
    main.push(trade(1));
    side.push(trade(2));
    await elapse(1);
    pipeline.stop();
    expect(await elapse(6)).toMatchObject({ outcome: 'stopped' });
    expect(told).toEqual(['hung']);
    letGo();
    await elapse(1);
    expect(told.slice(0, 2)).toEqual(['hung', 'done']);
    expect(told.slice(2).sort()).toEqual(['close hung', ...Array(sides).fill('close side')]);
  });
});
