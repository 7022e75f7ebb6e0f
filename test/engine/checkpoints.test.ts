import { afterAll, describe, expect, it } from 'vitest';
import type { CheckpointStore } from '../../src/checkpoints/checkpoint-store.js';
import { MemoryCheckpointStore } from '../../src/checkpoints/memory-checkpoint-store.js';
import { shareOfKey } from '../../src/checkpoints/share-of-key.js';
import { PipelineError } from '../../src/core/errors.js';
import { LateCutError } from '../../src/engine/branches/late-cut-error.js';
import { SAVES_FAILED_MAX, SAVES_WITHOUT_ROOM_MAX } from '../../src/engine/cuts/checkpoint-keeper.js';
import type { OpenSpec, SourceSpec } from '../../src/plan/typed-spec.js';
import { createPipeline, type PipelineOptions } from '../../src/runtime/pipeline-builder.js';
import { callbackSink } from '../../src/stages/sinks/callback.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { handFed } from '../support/hand-fed.js';
import { scratchFolder } from '../support/recorded-data.js';
import { SimulatedClock } from '../support/simulated-clock.js';
import { type OnStep, TransactionalTable } from '../support/transactional-table.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const CSV = `time,symbol,price\n${Array.from({ length: 300 }, (_, i) => `${1_700_000_000_000 + i * 10},${'AB'[i % 2]},${100 + i}`).join('\n')}\n`;

/** Of the time between two checkpoints: when the first one of a run named `fed` is taken. */
const FIRST_SHARE = shareOfKey('fed');

const OWNER = { host: 'there', process: 'other', thread: 0 };

/** A pipeline fed by hand into a table, on virtual time. */
async function started(options: PipelineOptions & { readonly onStep?: OnStep } = {}) {
  const { onStep, ...others } = options;
  const clock = new SimulatedClock();
  const table = new TransactionalTable();
  const feed = handFed();
  const spec: OpenSpec = { name: 'fed', batcher: { maxDelayMs: 3_600_000 } };
  const pipeline = createPipeline(spec, { clock, sink: table.sink(onStep), source: feed.factory, ...others });
  await pipeline.build(); // what it imports takes real time
  const run = pipeline.run();
  const valuesOf = (rows: readonly object[]) => rows.map((row) => (row as { value: number }).value);
  return {
    ...{ clock, table, feed, pipeline, run },
    visible: () => valuesOf(table.visible),
    durable: () => valuesOf(table.durable),
  };
}

/** A store in which a save can be made to fail, or to wait. */
function troubled(inner = new MemoryCheckpointStore()) {
  const trouble: { error?: Error; gate?: Promise<void>; saves: number } = { saves: 0 };
  const store: CheckpointStore = {
    load: (key) => inner.load(key),
    claim: (key, owner) => inner.claim(key, owner),
    list: () => inner.list(),
    remove: (key) => inner.remove(key),
    async save(key, fence, checkpoint) {
      trouble.saves++;
      await trouble.gate;
      if (trouble.error) throw trouble.error;
      await inner.save(key, fence, checkpoint);
    },
  };
  return { store, trouble };
}

const outOfOrder = () =>
  new PipelineError('CHECKPOINT_FAILED', 'the store is out of order', { retryable: true });

function gate() {
  let open = () => {};
  const isOpen = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { isOpen, open };
}

describe('checkpoint()', () => {
  it('is taken at once while a source waits, with what the batcher holds', async () => {
    const { clock, feed, pipeline, durable, visible, run } = await started();
    await clock.advance(0);
    feed.push(1, 2);
    await clock.advance(1);
    expect(durable()).toEqual([]);
    const { states, counters, run: of } = await pipeline.checkpoint();
    expect(visible()).toEqual([1, 2]); // nobody else decides
    expect(states).toMatchObject({ source: null, sink: 2 });
    expect(counters).toMatchObject({ rowsIn: 2, rowsOut: 2 });
    expect(of).toMatchObject({ epoch: 1, owner: { thread: expect.any(Number) } });
    feed.end();
    expect(await run).toMatchObject({ outcome: 'completed' });
    expect(clock.timersPending).toBe(0);
  });

  it('is taken at once while the pipeline is paused', async () => {
    const { clock, feed, pipeline, durable, run } = await started();
    feed.push(1);
    await clock.advance(1);
    await pipeline.pause();
    feed.push(2); // the read that is under way
    await clock.advance(1);
    expect((await pipeline.checkpoint()).counters.rowsOut).toBe(2);
    expect(durable()).toEqual([1, 2]);
    await pipeline.drain();
    await run;
  });

  it('has the position of the last batch that was taken, though the source is ahead of it', async () => {
    const clock = new SimulatedClock();
    const release = gate();
    let at = 0;
    const { factory } = handFed();
    const source: typeof factory = {
      plan: factory.plan,
      create: (options, context) => ({
        ...factory.create(options, context),
        async read() {
          at += 100; // what it has asked for, not what it has given
          await release.isOpen;
          return null;
        },
        position: () => at,
      }),
    };
    const pipeline = createPipeline({ name: 'ahead' }, { clock, source, sink: callbackSink(() => {}) });
    const run = pipeline.run();
    await clock.advance(0);
    expect((await pipeline.checkpoint()).states.source).toBe(0);
    release.open();
    await run;
  });

  it('waits for a read of which the source gives no position', async () => {
    const { factory, push, end } = handFed();
    const source: typeof factory = {
      plan: factory.plan,
      create: (options, context) => ({
        ...factory.create(options, context),
        positionForRead: () => undefined,
      }),
    };
    const { clock, pipeline, run } = await started({ source });
    await clock.advance(0);
    let isTaken = false;
    const taken = pipeline.checkpoint().then(() => {
      isTaken = true;
    });
    await clock.advance(1_000);
    expect(isTaken).toBe(false);
    push(1);
    await clock.advance(1);
    expect(isTaken).toBe(true);
    end();
    await run;
    await taken;
  });

  it.each<Extract<SourceSpec, { use: 'synthetic' | 'replay' }>>([
    {
      use: 'synthetic',
      rows: 400,
      symbols: 3,
      rate: 1_000,
      faults: { disorderEvery: 7, duplicateEvery: 11 },
    },
    {
      use: 'replay',
      path: SCRATCH.write('paced.csv', CSV),
      kind: 'trade',
      columns: { time: { from: 'time', unit: 'ms' }, symbol: 'symbol', price: 'price' },
      speed: 10,
    },
  ])(
    'lets a run go on without a row lost or doubled, whenever it was taken in a source that waits ($use)',
    async (source) => {
      const spec: OpenSpec = { name: 'paced', source };
      const whole = new TransactionalTable();
      await createPipeline(
        {
          ...spec,
          source: source.use === 'synthetic' ? { ...source, rate: 'max' } : { ...source, speed: 'max' },
        },
        {
          sink: whole.sink(),
        },
      ).run();
      for (const ms of [0, 1, 17, 40, 133, 250]) {
        const clock = new SimulatedClock();
        const table = new TransactionalTable();
        const first = createPipeline(spec, { clock, sink: table.sink() });
        await first.build();
        const stopped = first.run();
        for (let at = 0; at < ms; at++) await clock.advance(1);
        const taking = first.checkpoint();
        for (let turn = 0; turn < 20; turn++) await clock.advance(0);
        const checkpoint = await taking;
        await clock.advance(5); // rows that are read again
        await first.stop();
        await stopped;
        const second = createPipeline(spec, { clock, sink: table.sink(), checkpoint });
        await second.build();
        const run = second.run();
        let isOver = false;
        run.finally(() => {
          isOver = true;
        });
        while (!isOver) await clock.advance(10);
        expect(await run).toMatchObject({ outcome: 'completed', counters: { rowsIn: whole.visible.length } });
        expect(table.visible).toEqual(whole.visible);
      }
    },
  );

  it('fails the run, and says where, when a state is no plain data', async () => {
    const { factory, push, end } = handFed();
    const source: typeof factory = {
      plan: factory.plan,
      create: (options, context) => ({
        ...factory.create(options, context),
        position: () => ({ seen: new Set() }) as never,
      }),
    };
    const pipeline = createPipeline({ name: 'odd' }, { source, sink: callbackSink(() => {}) });
    const taken = pipeline.checkpoint();
    taken.catch(() => undefined);
    push(1);
    end();
    const message = 'source.seen: expected plain data';
    expect(await pipeline.run()).toMatchObject({
      outcome: 'failed',
      error: { code: 'CHECKPOINT_INVALID', message: expect.stringContaining(message) },
    });
    await expect(taken).rejects.toThrow(message);
  });
});

describe('a pipeline with a store', () => {
  it('saves a checkpoint every so often, and makes visible what was accepted', async () => {
    const store = new MemoryCheckpointStore();
    const { clock, feed, visible, run } = await started({ store });
    await clock.advance(0);
    feed.push(1, 2);
    await clock.advance(FIRST_SHARE * 10_000 - 1);
    expect(visible()).toEqual([]);
    await clock.advance(2);
    expect(visible()).toEqual([1, 2]);
    feed.push(3);
    await clock.advance(9_998);
    expect(visible()).toEqual([1, 2]);
    await clock.advance(2);
    expect(visible()).toEqual([1, 2, 3]);
    expect(await store.load('fed')).toMatchObject({ job: 'fed', states: { sink: 3 }, run: { epoch: 1 } });
    feed.push(4);
    feed.end();
    expect(await run).toMatchObject({ outcome: 'completed', durable: { rows: 4 } });
    expect(visible()).toEqual([1, 2, 3, 4]);
    expect(await store.load('fed')).toMatchObject({ ended: { how: 'completed', isPublished: true } });
    expect(clock.timersPending).toBe(0);
  });

  it('saves none while nothing comes', async () => {
    const { store, trouble } = troubled();
    const { clock, feed, run } = await started({ store, checkpointEveryMs: 100 });
    await clock.advance(0);
    feed.push(1);
    for (let i = 0; i < 20; i++) await clock.advance(100);
    expect(trouble.saves).toBe(1);
    feed.end();
    await run;
  });

  it('goes on while the sink prepares and the store saves; who asks meanwhile gets the next one', async () => {
    const preparing = gate();
    let prepares = 0;
    const { store, trouble } = troubled();
    const { clock, feed, pipeline, visible, run } = await started({
      store,
      onStep: (step) => (step === 'prepare' && prepares++ === 0 ? preparing.isOpen : undefined),
    });
    await clock.advance(0);
    feed.push(1);
    await clock.advance(1);
    const first = pipeline.checkpoint();
    await clock.advance(1);
    feed.push(2);
    await clock.advance(1);
    const second = pipeline.checkpoint();
    feed.push(3);
    await clock.advance(1);
    expect(pipeline.counters.rowsIn).toBe(3); // the flow has not waited
    const saving = gate();
    trouble.gate = saving.isOpen;
    preparing.open();
    await clock.advance(1);
    expect([trouble.saves, visible()]).toEqual([1, []]);
    saving.open();
    expect((await first).states.sink).toBe(1);
    expect((await second).states.sink).toBe(3);
    expect(visible()).toEqual([1, 2, 3]);
    expect(trouble.saves).toBe(2);
    feed.end();
    await run;
  });

  it('stops with nothing more published once another start has the key', async () => {
    const store = new MemoryCheckpointStore();
    const { clock, feed, pipeline, visible, run } = await started({ store });
    await clock.advance(0);
    feed.push(1);
    await clock.advance(10_000);
    expect(visible()).toEqual([1]);
    await store.claim('fed', OWNER);
    feed.push(2);
    await clock.advance(1);
    const asked = pipeline.checkpoint();
    await expect(asked).rejects.toMatchObject({ code: 'FENCED' });
    expect(await run).toMatchObject({ outcome: 'failed', error: { code: 'FENCED', retryable: false } });
    expect(visible()).toEqual([1]);
    expect((await store.load('fed'))?.states.sink).toBe(1);
    expect(clock.timersPending).toBe(0);
  });

  it.each(['at its end', 'on a drain'])(
    'publishes nothing more %s once another start has the key',
    async (when) => {
      const store = new MemoryCheckpointStore();
      const { clock, feed, pipeline, visible, run } = await started({ store });
      await clock.advance(0);
      feed.push(1);
      await clock.advance(1);
      await store.claim('fed', OWNER);
      if (when === 'at its end') feed.end();
      else await pipeline.drain();
      expect(await run).toMatchObject({ outcome: 'failed', error: { code: 'FENCED' } });
      expect(visible()).toEqual([]);
    },
  );

  it('drops nothing where a save fails: it says so, goes on, and tries again at the next turn', async () => {
    const warnings: object[] = [];
    const logger = { ...silentLogger, warn: (fields: object) => void warnings.push(fields) };
    const { store, trouble } = troubled();
    const { clock, feed, pipeline, visible, durable, run } = await started({ store, logger });
    trouble.error = outOfOrder();
    await clock.advance(0);
    feed.push(1);
    await clock.advance(1);
    await expect(pipeline.checkpoint()).rejects.toMatchObject({ code: 'CHECKPOINT_FAILED' });
    await clock.advance(10_000);
    expect(warnings).toMatchObject([{ failedInRow: 1 }, { failedInRow: 2 }]);
    expect([durable(), visible()]).toEqual([[1], []]);
    feed.push(2);
    delete trouble.error;
    await clock.advance(10_000);
    expect(visible()).toEqual([1, 2]);
    feed.end();
    expect(await run).toMatchObject({ outcome: 'completed' });
  });

  it('fails once no save has gone well for so many turns, and can be gone on with', async () => {
    const { store, trouble } = troubled();
    const { clock, feed, visible, run } = await started({ store, checkpointEveryMs: 1_000 });
    await clock.advance(0);
    feed.push(1);
    await clock.advance(1_000);
    trouble.error = outOfOrder();
    feed.push(2);
    for (let turn = 1; turn <= SAVES_FAILED_MAX; turn++) await clock.advance(1_000);
    expect(await run).toMatchObject({
      outcome: 'failed',
      error: {
        code: 'CHECKPOINT_FAILED',
        retryable: true,
        message: expect.stringContaining('the store is out of order'),
      },
    });
    expect(visible()).toEqual([1]);
    expect((await store.load('fed'))?.states.sink).toBe(1);
  });

  it('takes another cut where a branch of the sink was late for one, and drops nothing', async () => {
    const warnings: object[] = [];
    const logger = { ...silentLogger, warn: (fields: object) => void warnings.push(fields) };
    let late = true;
    const onStep: OnStep = (step) => {
      if (step === 'prepare' && late) throw new LateCutError(['sink.branches[1]'], 30_000);
    };
    const { store, trouble } = troubled();
    const { clock, feed, pipeline, visible, run } = await started({ store, logger, onStep });
    await clock.advance(0);
    feed.push(1);
    await clock.advance(1);
    await expect(pipeline.checkpoint()).rejects.toThrow('"sink.branches[1]" still at work');
    await clock.advance(10_000);
    expect(warnings).toMatchObject([{ failedInRow: 1 }, { failedInRow: 2 }]);
    feed.push(2);
    feed.end();
    await clock.advance(1_500); // at the end, it is tried again after a second
    expect([trouble.saves, visible()]).toEqual([0, []]);
    late = false;
    await clock.advance(1_000);
    expect(await run).toMatchObject({ outcome: 'completed', durable: { rows: 2 } });
    expect(visible()).toEqual([1, 2]);
  });

  it('fails once a branch of the sink was late so many times, at its end too', async () => {
    const onStep: OnStep = (step) => {
      if (step === 'prepare') throw new LateCutError(['sink.branches[1]'], 30_000);
    };
    const { store } = troubled();
    const { clock, feed, visible, run } = await started({ store, onStep });
    await clock.advance(0);
    feed.push(1);
    feed.end();
    for (let turn = 0; turn <= SAVES_FAILED_MAX; turn++) await clock.advance(1_000);
    expect(await run).toMatchObject({
      outcome: 'failed',
      error: {
        code: 'CHECKPOINT_FAILED',
        retryable: true,
        message: expect.stringContaining('"sink.branches[1]"'),
      },
    });
    expect(visible()).toEqual([]);
  });

  it('is told of a late cut without a store, and goes on', async () => {
    let late = true;
    const onStep: OnStep = (step) => {
      if (step === 'flush' && late) throw new LateCutError(['sink.branches[1]'], 30_000);
    };
    const { clock, feed, pipeline, visible, run } = await started({ onStep });
    await clock.advance(0);
    feed.push(1);
    await clock.advance(1);
    await expect(pipeline.checkpoint()).rejects.toMatchObject({ code: 'CHECKPOINT_FAILED' });
    late = false;
    feed.push(2);
    feed.end();
    expect(await run).toMatchObject({ outcome: 'completed' });
    expect(visible()).toEqual([1, 2]);
  });

  it('fails at once where no save can go well', async () => {
    const { store, trouble } = troubled();
    const { clock, feed, visible, run } = await started({ store, checkpointEveryMs: 1_000 });
    await clock.advance(0);
    trouble.error = new PipelineError('CHECKPOINT_INVALID', 'a checkpoint of more than 64 MiB');
    feed.push(1);
    await clock.advance(1_000);
    expect(await run).toMatchObject({
      outcome: 'failed',
      error: { code: 'CHECKPOINT_INVALID', message: 'a checkpoint of more than 64 MiB', retryable: false },
    });
    expect(visible()).toEqual([]);
    expect(trouble.saves).toBe(1);
  });

  describe.each([
    ['plain', () => Object.assign(new Error('no room'), { code: 'ENOSPC' })],
    [
      'of a quota, wrapped twice',
      () =>
        new Error('cannot save', {
          cause: new PipelineError('CHECKPOINT_FAILED', 'no room', {
            cause: Object.assign(new Error('quota'), { code: 'EDQUOT' }),
          }),
        }),
    ],
  ])('whose store has no room (an error %s)', (_form, fullDisk) => {
    it('pauses the intake after some turns, fails never, and reads on once there is room', async () => {
      const logged: { readonly level: string; readonly text: string }[] = [];
      const line = (level: string) => (_fields: object, text: string) => void logged.push({ level, text });
      const logger = { ...silentLogger, warn: line('warn'), info: line('info') };
      const { store, trouble } = troubled();
      const { clock, feed, pipeline, visible, run } = await started({
        store,
        logger,
        checkpointEveryMs: 1_000,
      });
      const health = async () => (await pipeline.build()).describe()[0]?.health;
      trouble.error = fullDisk();
      await clock.advance(0);
      feed.push(1);
      await clock.advance((SAVES_WITHOUT_ROOM_MAX - 1 + FIRST_SHARE) * 1_000 - 1);
      expect(await health()).toEqual({ status: 'ok' });
      await clock.advance(2);
      feed.push(2); // the read that is under way
      await clock.advance(1);
      feed.push(3);
      await clock.advance(100 * 1_000);
      expect(pipeline.counters.rowsIn).toBe(2);
      expect(trouble.saves).toBe(SAVES_WITHOUT_ROOM_MAX + 100);
      expect(trouble.saves).toBeGreaterThan(2 * SAVES_FAILED_MAX);
      expect(await health()).toEqual({
        status: 'degraded',
        reason: 'held back: the checkpoint store has no room',
      });
      // The first one, the beginning of the pause, and once a minute.
      expect(logged.map(({ level }) => level)).toEqual(['warn', 'warn', 'warn']);
      expect(logged[1]?.text).toContain('reading is paused until it has');

      delete trouble.error;
      await clock.advance(1_000);
      await clock.advance(1);
      expect(pipeline.counters.rowsIn).toBe(3);
      expect(visible()).toEqual([1, 2]);
      expect(await health()).toEqual({ status: 'ok' });
      expect(logged.at(-1)).toEqual({ level: 'info', text: 'the checkpoint store has room again' });
      feed.end();
      expect(await run).toMatchObject({ outcome: 'completed' });
      expect(visible()).toEqual([1, 2, 3]);
      expect(clock.timersPending).toBe(0);
    });

    it.each(['drain', 'stop'] as const)('can be ended by a %s meanwhile', async (how) => {
      const { store, trouble } = troubled();
      const { clock, feed, pipeline, visible, run } = await started({ store, checkpointEveryMs: 1_000 });
      trouble.error = fullDisk();
      await clock.advance(0);
      feed.push(1);
      await clock.advance(SAVES_WITHOUT_ROOM_MAX * 1_000);
      feed.push(2);
      await clock.advance(60_000);
      await pipeline[how]();
      if (how === 'drain') {
        await clock.advance(60_000); // under a deadline of whoever asked
        expect(visible()).toEqual([]);
        delete trouble.error;
        await clock.advance(1_000);
      }
      expect(await run).toMatchObject({ outcome: how === 'drain' ? 'completed' : 'stopped' });
      expect(visible()).toEqual(how === 'drain' ? [1, 2] : []);
      expect(clock.timersPending).toBe(0);
    });

    it('stays paused where it was asked to, though there is room again', async () => {
      const { store, trouble } = troubled();
      const { clock, feed, pipeline, run } = await started({ store, checkpointEveryMs: 1_000 });
      trouble.error = fullDisk();
      await clock.advance(0);
      feed.push(1);
      await clock.advance(SAVES_WITHOUT_ROOM_MAX * 1_000);
      feed.push(2);
      await clock.advance(1);
      await pipeline.pause();
      delete trouble.error;
      feed.push(3);
      await clock.advance(5_000);
      expect(pipeline.counters.rowsIn).toBe(2);
      await pipeline.resume();
      await clock.advance(1);
      expect(pipeline.counters.rowsIn).toBe(3);
      feed.end();
      await run;
    });
  });

  it('tries again at its end, and completes once the store is in order', async () => {
    const { store, trouble } = troubled();
    const { clock, feed, visible, run } = await started({ store });
    await clock.advance(0);
    feed.push(1);
    trouble.error = outOfOrder();
    feed.end();
    for (let turn = 0; turn < 5; turn++) await clock.advance(1_000);
    expect([trouble.saves, visible()]).toEqual([6, []]);
    delete trouble.error;
    await clock.advance(1_000);
    expect(await run).toMatchObject({ outcome: 'completed' });
    expect(visible()).toEqual([1]);
    expect(clock.timersPending).toBe(0);
  });

  it('can be stopped while it tries again at its end', async () => {
    const { store, trouble } = troubled();
    const { clock, feed, pipeline, visible, run } = await started({ store });
    await clock.advance(0);
    feed.push(1);
    trouble.error = outOfOrder();
    feed.end();
    await clock.advance(1_500);
    await pipeline.stop();
    expect(await run).toMatchObject({ outcome: 'stopped' });
    expect(visible()).toEqual([]);
    expect(clock.timersPending).toBe(0);
  });

  it.each(['prepare', 'commit'] as const)(
    'fails with the error of a sink that throws in its %s',
    async (step) => {
      const store = new MemoryCheckpointStore();
      const { clock, feed, run } = await started({
        store,
        onStep: (at) => {
          if (at === step) throw new Error('no such device');
        },
      });
      await clock.advance(0);
      feed.push(1);
      await clock.advance(20_000);
      expect(await run).toMatchObject({
        outcome: 'failed',
        error: { code: 'SINK_FAILED', message: expect.stringContaining('no such device') },
      });
      expect(clock.timersPending).toBe(0);
    },
  );

  it('has the rows of a live source that fails in a last checkpoint, and flushes nothing', async () => {
    const store = new MemoryCheckpointStore();
    const first = await started({ store });
    await first.clock.advance(0);
    first.feed.push(1, 2);
    first.feed.fail(new Error('gone'));
    expect(await first.run).toMatchObject({ outcome: 'failed', error: { code: 'SOURCE_FAILED' } });
    expect(first.visible()).toEqual([1, 2]);
    const last = await store.load('fed');
    expect(last).toMatchObject({ states: { sink: 2 } });
    expect(last?.ended).toBeUndefined();
  });

  it('begins anew after it has completed or was drained, with the next epoch', async () => {
    const store = new MemoryCheckpointStore();
    const spec: OpenSpec = { name: 'again', source: { use: 'synthetic', rows: 10 } };
    const runs: string[] = [];
    for (const epoch of [1, 2, 3]) {
      const table = new TransactionalTable();
      const report = await createPipeline(spec, { sink: table.sink(), store, key: 'mine' }).run();
      expect(report).toMatchObject({ outcome: 'completed', counters: { rowsIn: 10 } });
      expect(table.visible).toHaveLength(10);
      const last = await store.load('mine');
      expect(last?.run.epoch).toBe(epoch);
      runs.push(last!.run.id);
    }
    expect(new Set(runs).size).toBe(3);
    const ended = await store.load('mine');
    await expect(
      createPipeline(spec, { sink: new TransactionalTable().sink(), checkpoint: ended! }).run(),
    ).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
      message: expect.stringContaining('has completed'),
    });
  });

  it('only publishes where it had broken off behind its last row', async () => {
    const store = new MemoryCheckpointStore();
    const spec: OpenSpec = { name: 'late', source: { use: 'synthetic', rows: 10 } };
    const table = new TransactionalTable();
    const broken = await createPipeline(spec, {
      store,
      sink: table.sink((step) => {
        if (step === 'flush') throw new Error('pulled');
      }),
    }).run();
    expect(broken).toMatchObject({ outcome: 'failed' });
    expect(await store.load('late')).toMatchObject({ ended: { how: 'completed', isPublished: false } });
    let writes = 0;
    const sink = table.sink((step) => {
      if (step === 'write') writes++;
    });
    const report = await createPipeline(spec, { store, sink }).run();
    expect(report).toMatchObject({
      outcome: 'completed',
      reason: 'end of input',
      counters: { rowsIn: 10, rowsOut: 10 },
    });
    expect([writes, table.visible.length]).toEqual([0, 10]);
    expect(await store.load('late')).toMatchObject({ ended: { isPublished: true } });
  });

  it('refuses the checkpoint of another spec, and leaves whoever runs that one alone', async () => {
    const store = new MemoryCheckpointStore();
    const running = await started({ store });
    await running.clock.advance(0);
    running.feed.push(1);
    await running.clock.advance(10_000);
    const other: OpenSpec = { name: 'fed', source: { use: 'synthetic', rows: 10 } };
    await expect(
      createPipeline(other, { store, sink: new TransactionalTable().sink() }).run(),
    ).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
      message: expect.stringMatching(/"fed": source\.[\w., ]+ differ/),
    });
    running.feed.push(2);
    running.feed.end();
    expect(await running.run).toMatchObject({ outcome: 'completed' });
  });

  it('goes on though the batcher, rooms, and options that say how fast have changed', async () => {
    const store = new MemoryCheckpointStore();
    const spec = (others: Partial<OpenSpec>, source: object = {}): OpenSpec => ({
      name: 'tuned',
      source: { use: 'synthetic', rows: 5_000, seed: 3, ...source },
      operators: [{ use: 'bars', every: '7ms', price: 'bid' }],
      ...others,
    });
    const whole = new TransactionalTable();
    await createPipeline(spec({}), { sink: whole.sink() }).run();
    const table = new TransactionalTable();
    let writes = 0;
    const first = createPipeline(spec({ batchRows: 64, batcher: { maxRows: 50 } }), {
      store,
      sink: table.sink(async (step) => {
        if (step !== 'write' || ++writes !== 5) return;
        first.checkpoint().then(
          () => first.stop(),
          () => undefined,
        );
      }),
    });
    expect(await first.run()).toMatchObject({ outcome: 'stopped' });
    const changed = spec({ batchRows: 100, maxMemoryMb: 64, seed: 9 }, { rate: 10_000_000 });
    expect(await createPipeline(changed, { store, sink: table.sink() }).run()).toMatchObject({
      outcome: 'completed',
    });
    expect(table.visible).toEqual(whole.visible);
  });

  it.each([
    [{ checkpointEveryMs: 9 }, 'checkpointEveryMs: expected 10 to 86400000 milliseconds, was 9'],
    [{ key: '' }, 'key: expected a key of 1 to 500 characters, found one of 0'],
    [{ checkpointEveryMs: Number.NaN }, 'checkpointEveryMs: expected 10 to 86400000 milliseconds, was NaN'],
    [{ checkpoint: {} as never }, 'checkpoint: expected none beside "store", which has it'],
  ])('refuses %o', async (options, message) => {
    const store = new MemoryCheckpointStore();
    const pipeline = createPipeline(
      { name: 'no' },
      { source: handFed().factory, sink: callbackSink(() => {}), store, ...options },
    );
    await expect(pipeline.run()).rejects.toThrow(message);
    expect(await store.list()).toEqual([]);
  });
});
