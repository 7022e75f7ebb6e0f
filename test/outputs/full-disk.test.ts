import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { FileCheckpointStore } from '../../src/checkpoints/file-checkpoint-store.js';
import { MemoryCheckpointStore } from '../../src/checkpoints/memory-checkpoint-store.js';
import { DeadLetterFile } from '../../src/engine/dead-letters/dead-letter-file.js';
import { Disk } from '../../src/outputs/disk/disk.js';
import { RoomOnDisk } from '../../src/outputs/disk/room-on-disk.js';
import { StagedFile } from '../../src/outputs/staging/staged-file.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import { csvSink } from '../../src/stages/sinks/csv/csv.js';
import { CsvSinkOptions } from '../../src/stages/sinks/csv/options.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { ticks } from '../stages/sinks/sink-rows.js';
import { ROWS, runToEnd, TestStore } from '../support/checkpointed-run.js';
import { everyOperation } from '../support/crash-at.js';
import { CrashingFileSystem } from '../support/crashing-file-system.js';
import { OUTPUTS, read, remainsOf, runWhole, startRun, upTo } from '../support/file-runs.js';
import { FullDisk } from '../support/full-disk.js';
import { handFed } from '../support/hand-fed.js';
import { scratchFolder } from '../support/recorded-data.js';
import { SimulatedClock } from '../support/simulated-clock.js';
import { TransactionalTable } from '../support/transactional-table.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

function watchedLog() {
  const lines: { readonly level: string; readonly fields: object; readonly text: string }[] = [];
  const line = (level: string) => (fields: object, text: string) => void lines.push({ level, fields, text });
  return { lines, log: { ...silentLogger, warn: line('warn'), info: line('info') } };
}

let files = 0;

async function staged(room: number, code = 'ENOSPC') {
  const full = new FullDisk(room);
  full.code = code;
  const clock = new SimulatedClock();
  const stop = new AbortController();
  const { lines, log } = watchedLog();
  const disk = new Disk(full.fs, log, new RoomOnDisk({ clock, log, stopping: stop.signal }));
  const path = `${SCRATCH.folder}/${files++}.staged`;
  const file = await StagedFile.open(disk, { name: 'part.csv', path, final: 'out/part.csv' });
  return { full, clock, stop, lines, path, file };
}

describe('a write to a staged file on a full disk', () => {
  it.each(['ENOSPC', 'EDQUOT'])('waits, and goes on at its byte once there is room (%s)', async (code) => {
    const { full, clock, path, file } = await staged(5, code);
    let isWritten = false;
    const writing = file.write(Buffer.from('0123456789')).then(() => {
      isWritten = true;
    });
    // What passes is written by the disk, in its own time.
    const holds = (text: string) =>
      vi.waitFor(async () => {
        await clock.advance(1_000);
        expect(readFileSync(path, 'utf8')).toBe(text);
      });
    await holds('01234');
    full.room = 2;
    await holds('0123456');
    expect(isWritten).toBe(false);
    full.room = 100;
    await holds('0123456789');
    await writing;
    await file.write(Buffer.from('abc'));
    expect(readFileSync(path, 'utf8')).toBe('0123456789abc');
    expect(file.bytes).toBe(13);
    await file.close();
    expect(clock.timersPending).toBe(0);
  });

  it('is told at once, then once a minute, and when it goes on', async () => {
    const { full, clock, lines, file } = await staged(0);
    const writing = file.write(Buffer.from('0123456789'));
    await clock.advance(150_000);
    expect(lines.map(({ level }) => level)).toEqual(['warn', 'warn', 'warn']);
    expect(lines[0]).toMatchObject({
      fields: { path: 'out/part.csv', err: { code: 'ENOSPC' } },
      text: expect.stringContaining('free some space'),
    });
    expect(full.refused).toBe(151);
    full.room = 10;
    await clock.advance(1_000);
    await writing;
    expect(lines.at(-1)).toMatchObject({ level: 'info', fields: { path: 'out/part.csv' } });
    const next = file.write(Buffer.from('x'));
    await clock.advance(1);
    expect(lines.at(-1)?.level).toBe('warn'); // it is full again: that is news
    full.room = 1;
    await clock.advance(1_000);
    await next;
    await file.close();
  });

  it('ends at once with a stop, and leaves nothing behind', async () => {
    const { clock, stop, file } = await staged(3);
    const writing = file.write(Buffer.from('0123456789'));
    writing.catch(() => undefined);
    await clock.advance(2_500);
    stop.abort();
    await expect(writing).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
      retryable: true,
      message: 'Cannot write "out/part.csv": the disk is full; free some space or write elsewhere (ENOSPC)',
      cause: stop.signal.reason,
    });
    expect(clock.timersPending).toBe(0);
    await file.close();
  });

  it('fails for what does not pass', async () => {
    const { clock, file } = await staged(0, 'EIO');
    await expect(file.write(Buffer.from('0'))).rejects.toMatchObject({ code: 'OUTPUT_FAILED' });
    expect(clock.timersPending).toBe(0);
    await file.close();
  });
});

describe('a dead-letter file on a full disk', () => {
  it('has its flush wait, and no line is cut or doubled', async () => {
    const full = new FullDisk(20);
    const clock = new SimulatedClock();
    const path = `${SCRATCH.folder}/dead.jsonl`;
    const file = new DeadLetterFile(
      { path, maxRows: 10, room: new RoomOnDisk({ clock, log: silentLogger }) },
      full.fs,
    );
    await file.open();
    for (const line of [1, 2]) file.add({ file: 'a.csv', line, expected: 'a number', found: '"x"' });
    const flushing = file.flush();
    await clock.advance(5_000);
    full.room = 1_000;
    await clock.advance(1_000);
    await flushing;
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { line: number }).line)).toEqual([1, 2]);
    await file.close();
  });
});

/** A pipeline fed by hand into a file on a disk with so much room. */
async function running(name: string, room: number) {
  const full = new FullDisk(room);
  const clock = new SimulatedClock();
  const feed = handFed();
  const path = `${SCRATCH.folder}/${name}.csv`;
  const pipeline = createPipeline(
    { name, source: { queue: { rows: 1_000 } }, batcher: { maxRows: 1 } },
    {
      clock,
      source: feed.factory,
      sink: {
        create: (_options, schema, context) =>
          csvSink.create(CsvSinkOptions.parse({ path }), schema, context, full.fs),
      },
    },
  );
  await pipeline.build();
  let isOver = false;
  const run = pipeline.run().finally(() => {
    isOver = true;
  });
  /** Steps on files take real time. */
  const until = async (has: () => boolean) => {
    while (!has()) await clock.advance(1);
  };
  return { full, clock, feed, path, pipeline, run, until, isOver: () => isOver };
}

describe('a pipeline whose disk is full', () => {
  it('reads no more until there is room, and loses and doubles nothing', async () => {
    const { full, clock, feed, path, pipeline, run, until, isOver } = await running('waits', 0);
    const rows = Array.from({ length: 48_000 }, (_, row) => row);
    for (let at = 0; at < rows.length; at += 16) feed.push(...rows.slice(at, at + 16));
    feed.end();
    await until(() => full.refused > 0);
    await clock.advance(10_000);
    const { rowsIn } = pipeline.counters;
    expect(rowsIn).toBeLessThan(40_000); // what the buffer of the file holds
    await clock.advance(10_000);
    expect(pipeline.counters.rowsIn).toBe(rowsIn);
    expect(isOver()).toBe(false);
    while (!isOver()) {
      full.room += 100_000; // little by little
      await clock.advance(1_000);
    }
    expect(await run).toMatchObject({ outcome: 'completed', rowsPending: 0 });
    const written = readFileSync(path, 'utf8').trimEnd().split('\n').slice(1);
    expect(written).toEqual(rows.map((row) => `${row},${row}`));
    expect(clock.timersPending).toBe(0);
  });

  it('waits in a drain, and is stopped at once', async () => {
    const { full, clock, feed, path, pipeline, run, until, isOver } = await running('stops', 0);
    feed.push(1);
    await clock.advance(1);
    await pipeline.drain();
    await until(() => full.refused > 0);
    await clock.advance(60_000);
    expect(isOver()).toBe(false);
    await pipeline.stop();
    const report = await run; // no time has passed
    expect(report).toMatchObject({ outcome: 'stopped', reason: 'stopped' });
    expect(report.error).toBeUndefined();
    expect(remainsOf(path)).toEqual([]);
    expect(clock.timersPending).toBe(0);
  });
});

/** Steps for which a disk needs room. */
const NEEDS_ROOM = /^(mkdir|create|rename|link|copyFile|write|writeFile) /;

/** A disk that is full for three attempts, from a step on that needs room. */
function fullAt(at: number) {
  const disk = new CrashingFileSystem();
  let steps = 0;
  let refused = 0;
  disk.between = async (operation) => {
    if (!NEEDS_ROOM.test(operation) || steps++ < at || refused === 3) return;
    refused++;
    throw Object.assign(new Error('ENOSPC: injected'), { code: 'ENOSPC' });
  };
  return { fs: disk.fs, wasFull: () => refused === 3 };
}

/** Lets time pass until a promise has settled. */
async function settledWith(clock: SimulatedClock, promise: Promise<unknown>): Promise<unknown> {
  let end: unknown;
  let isOver = false;
  promise
    .catch((error: unknown) => error)
    .then((value) => {
      end = value;
      isOver = true;
    });
  while (!isOver) await clock.advance(1_000);
  return end;
}

describe('a run that finds the disk full at any step of a file sink', () => {
  it.each(OUTPUTS)('waits there, and goes on once there is room, in %s', async (name) => {
    const reached = await everyOperation(name, async (at, path) => {
      const clock = new SimulatedClock();
      const { fs, wasFull } = fullAt(at);
      const end = await settledWith(clock, runToEnd(path, new TestStore(), { fs, clock }));
      expect([at, end, read(path), remainsOf(path)]).toEqual([at, undefined, upTo(ROWS), []]);
      expect(clock.timersPending).toBe(0);
      return wasFull();
    });
    expect(reached).toBeGreaterThan(10); // how many there are depends on what shares a sync
  });

  it.each(OUTPUTS)('waits there when it takes a run over, in %s', async (name) => {
    await everyOperation(name, async (at, path) => {
      const store = new TestStore();
      const { epoch, keyId, save } = store.claim();
      const first = await startRun(path, {
        epoch,
        keyId,
        checkpointed: true,
        fs: new CrashingFileSystem().fs,
      });
      await first.write(ticks(3));
      save((await first.prepare()).position, 3);
      const clock = new SimulatedClock();
      const { fs, wasFull } = fullAt(at);
      const end = await settledWith(clock, runToEnd(path, store, { fs, clock }));
      await first.close();
      expect([at, end, read(path), remainsOf(path)]).toEqual([at, undefined, upTo(ROWS), []]);
      return wasFull();
    });
  });

  it('waits there when it replaces a directory', async () => {
    await everyOperation('out', async (at, path) => {
      await runWhole(path, ticks(3, 100), { fs: new CrashingFileSystem().fs });
      const clock = new SimulatedClock();
      const { fs, wasFull } = fullAt(at);
      const run = runWhole(path, ticks(5), { ifExists: 'replace', rotate: { rows: 2 }, fs, clock });
      expect([at, await settledWith(clock, run)]).toEqual([at, undefined]);
      expect([at, read(path), remainsOf(path)]).toEqual([at, upTo(5), []]);
      return wasFull();
    });
  });
});

/** A pipeline fed by hand into a file of a disk on which a step never finds room. */
async function runningWithout(name: string, step: RegExp, store?: MemoryCheckpointStore) {
  const disk = new CrashingFileSystem();
  let isWaiting = false;
  disk.between = async (operation) => {
    if (!step.test(operation)) return;
    isWaiting = true;
    throw Object.assign(new Error('ENOSPC: injected'), { code: 'ENOSPC' });
  };
  const clock = new SimulatedClock();
  const feed = handFed();
  const path = `${SCRATCH.folder}/${name}`;
  const source: typeof feed.factory = {
    ...feed.factory,
    create: (...given) => ({
      ...feed.factory.create(...given),
      capabilities: { delivery: 'replayable', bounded: false },
    }),
  };
  const pipeline = createPipeline(
    { name },
    {
      clock,
      source,
      ...(store && { store }),
      sink: {
        create: (_options, schema, context) =>
          csvSink.create(CsvSinkOptions.parse({ path }), schema, context, disk.fs),
      },
    },
  );
  await pipeline.build();
  return { clock, feed, path, pipeline, isWaiting: () => isWaiting };
}

describe('a run that waits for room', () => {
  it('ends at once when something else fails, though a checkpoint is waiting', async () => {
    const { clock, feed, pipeline, isWaiting } = await runningWithout(
      'checkpoint',
      /^create .*\/kept$/,
      new MemoryCheckpointStore(),
    );
    const run = pipeline.run();
    feed.push(1);
    await clock.advance(1);
    const checkpoint = pipeline.checkpoint().catch((error: unknown) => error);
    while (!isWaiting()) await clock.advance(1);
    feed.fail(new Error('gone'));
    expect(await run).toMatchObject({ outcome: 'failed', error: { code: 'SOURCE_FAILED' } });
    expect(await checkpoint).toMatchObject({ code: 'OUTPUT_FAILED' });
    expect(clock.timersPending).toBe(0);
  });

  it('as it opens its output is given up at the deadline of that, and waits no more', async () => {
    const { clock, path, pipeline, isWaiting } = await runningWithout('opens', /^link /);
    const run = pipeline.run();
    while (!isWaiting()) await clock.advance(1);
    await clock.advance(60_000);
    expect(await run).toMatchObject({
      outcome: 'failed',
      error: { message: expect.stringMatching(/did not open within 60000 ms/), retryable: true },
    });
    await vi.waitFor(() => expect(remainsOf(path)).toEqual([]));
    expect(clock.timersPending).toBe(0);
  });
});

describe('a pipeline whose checkpoint store is on a full disk', () => {
  it('reads no more until there is room, and then shows what had waited', async () => {
    const full = new FullDisk(Number.POSITIVE_INFINITY, { writesWhole: true });
    const folder = `${SCRATCH.folder}/store`;
    const store = new FileCheckpointStore(folder, { fs: full.fs });
    const clock = new SimulatedClock();
    const feed = handFed();
    const table = new TransactionalTable();
    const options = { clock, store, checkpointEveryMs: 1_000, source: feed.factory, sink: table.sink() };
    const pipeline = createPipeline({ name: 'kept', batcher: { maxRows: 1 } }, options);
    await pipeline.build();
    const run = pipeline.run();
    const until = async (has: () => boolean) => {
      while (!has()) await clock.advance(10);
    };
    full.room = 0;
    feed.push(1);
    const health = async () => (await pipeline.build()).describe()[0]?.health.status;
    for (let row = 2; (await health()) === 'ok'; row++) {
      await clock.advance(100);
      if (row < 10) feed.push(row);
    }
    const { rowsIn } = pipeline.counters;
    feed.push(99);
    await until(() => full.refused > 50);
    expect(pipeline.counters.rowsIn).toBeLessThanOrEqual(rowsIn + 1); // the read that was under way
    expect(table.visible).toEqual([]);
    full.room = Number.POSITIVE_INFINITY;
    await until(() => table.visible.some(({ value }) => value === 99));
    feed.end();
    let isOver = false;
    run.finally(() => {
      isOver = true;
    });
    await until(() => isOver);
    expect(await run).toMatchObject({ outcome: 'completed', rowsPending: 0 });
    expect(await store.load('kept')).toMatchObject({ ended: { isPublished: true } });
  });
});
