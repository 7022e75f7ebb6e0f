import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Disk } from '../../src/outputs/disk/disk.js';
import { Disk as RealDisk } from '../../src/outputs/disk/disk.js';
import { OutputRun } from '../../src/outputs/runs/output-run.js';
import { openStateFolder } from '../../src/outputs/runs/state-folder.js';
import { OpenFiles, type OpenFilesLimits, resumeOpenFiles } from '../../src/outputs/staging/open-files.js';
import type { StagedFile } from '../../src/outputs/staging/staged-file.js';
import { temporaryDirectory } from '../stages/sinks/sink-rows.js';
import { CrashingFileSystem } from '../support/crashing-file-system.js';
import { stageContext } from '../support/stage-context.js';

/** A writer of text that keeps what is behind the last full line back, as an encoder might. */
class Lines {
  readonly file: StagedFile;
  held = '';
  #heldGiven = 0;
  #linesGiven = 0;
  lines = 0;
  #begins = true;

  constructor(file: StagedFile) {
    this.file = file;
  }

  async write(text: string): Promise<void> {
    const all = this.held + text;
    const end = all.lastIndexOf('\n') + 1;
    if (end > 0) {
      await this.file.write(Buffer.from(all.slice(0, end)));
      this.lines += all.slice(0, end).split('\n').length - 1;
      this.#heldGiven = 0;
      this.#begins = true;
    }
    this.held = all.slice(end);
  }

  /** In the log: a byte a line. */
  cut(whole: boolean) {
    const beginsTail = whole || this.#begins;
    const tail = this.held.slice(beginsTail ? 0 : this.#heldGiven);
    const log = Buffer.alloc(this.lines - (whole ? 0 : this.#linesGiven), 'x');
    this.#heldGiven = this.held.length;
    this.#linesGiven = this.lines;
    this.#begins = false;
    return {
      file: this.file,
      mark: this.file.mark,
      state: this.lines,
      log: log.length > 0 ? [log] : [],
      tail: tail.length > 0 ? [Buffer.from(tail)] : [],
      beginsTail,
    };
  }
}

async function outputRunAt(disk: Disk, folder: string): Promise<OutputRun> {
  const state = await openStateFolder(disk, join(folder, 'out'), join(folder, 'out'));
  return OutputRun.start({ disk, state, job: 'job', mode: 'append', epoch: 1 });
}

const take = (open: OpenFiles, writers: readonly Lines[]) => {
  const { wantsWhole } = open;
  return open.take(writers.map((writer) => writer.cut(wantsWhole)));
};

function makeDisk() {
  const folder = temporaryDirectory();
  mkdirSync(join(folder, 'out'));
  const crashing = new CrashingFileSystem();
  const disk: Disk = new RealDisk(crashing.fs, stageContext({}).log);
  return { crashing, disk, folder, log: crashing.log };
}

/** Open files of lines, so many of them. */
async function openLines(count: number, limits?: OpenFilesLimits) {
  const made = makeDisk();
  const { disk, folder, log } = made;
  const outputRun = await outputRunAt(disk, folder);
  await outputRun.staging.keep();
  const writers: Lines[] = [];
  const open = new OpenFiles(outputRun.staging, () => writers.map(({ file }) => file), limits);
  for (let i = 0; i < count; i++) {
    writers.push(new Lines(await outputRun.staging.begin(`file-${i}`, join(folder, 'out', `file-${i}`))));
  }
  const checkpoint = async () => {
    const { position, sync } = await take(open, writers);
    await sync();
    await outputRun.staging.keep();
    return position;
  };
  const syncsSince = (from: number) =>
    log.slice(from).flatMap((operation) => /^sync .*?([\w-]+)(\.staged)?$/.exec(operation)?.[1] ?? []);
  const close = async () => {
    await open.close();
    for (const { file } of writers) await file.close();
  };
  return { ...made, outputRun, open, writers, checkpoint, syncsSince, close };
}

/** Has syncs of files, not of the journal, wait for the test. */
function holdSyncs(crashing: CrashingFileSystem) {
  const held: { readonly name: string; readonly release: () => void }[] = [];
  let arrived = () => {};
  crashing.between = (operation) => {
    const name = /^sync .*(file-\d+)\.staged$/.exec(operation)?.[1];
    if (name === undefined) return Promise.resolve();
    return new Promise((release) => {
      held.push({ name, release });
      arrived();
    });
  };
  /** The name of the file that the next one is of, which goes on then. */
  const next = async () => {
    while (held.length === 0) {
      await new Promise<void>((resolve) => {
        arrived = resolve;
      });
    }
    const { name, release } = held.shift()!;
    release();
    return name;
  };
  return { held, next };
}

/** Everything that needs no timer has been done. */
const idle = () => new Promise((resolve) => setImmediate(resolve));

describe('files that are open at a checkpoint', () => {
  it('are gone on with from what was accepted last, whatever was written and synced since', async () => {
    const step = fc.record({
      writes: fc.array(fc.tuple(fc.nat(), fc.stringMatching(/^[a-z\n]{0,30}$/)), { maxLength: 8 }),
      isAccepted: fc.boolean(),
    });
    const few = fc.constantFrom(1, 30, 1_000_000);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(step, { minLength: 1, maxLength: 8 }),
        // So small that journals follow one another, and that files are synced as they grow.
        fc.record({
          journalBytesMax: fc.constantFrom(1, 40, 1_000_000),
          unsyncedBytesMax: few,
          waitingBytesMax: few,
        }),
        fc.infiniteStream(fc.nat({ max: 60 })),
        fc.boolean(),
        async (count, plan, limits, turns, isPowerCut) => {
          const { crashing, disk, folder } = makeDisk();
          crashing.between = async (operation) => {
            if (!operation.startsWith('sync ')) return;
            for (let left = turns.next().value!; left > 0; left--) await undefined;
          };
          const outputRun = await outputRunAt(disk, folder);
          const writers: Lines[] = [];
          const open = new OpenFiles(outputRun.staging, () => writers.map(({ file }) => file), limits);
          for (let i = 0; i < count; i++) {
            writers.push(
              new Lines(await outputRun.staging.begin(`file-${i}`, join(folder, 'out', `file-${i}`))),
            );
          }
          const texts = writers.map(() => '');
          const checkpoint = async () => {
            const { position, sync } = await take(open, writers);
            await sync();
            await outputRun.staging.keep();
            return { position, texts: [...texts] };
          };
          let accepted = await checkpoint();
          for (const { writes, isAccepted } of plan) {
            for (const [to, text] of writes) {
              await writers[to % count]!.write(text);
              texts[to % count] += text;
              await open.keepUp();
            }
            const taken = await checkpoint();
            if (!isAccepted) continue;
            accepted = taken;
            await open.accepted(accepted.position);
          }
          if (isPowerCut) await crashing.cutPower();
          await open.close();
          for (const { file } of writers) await file.close();

          const { run, staging } = outputRun;
          const state = join(folder, '.out.tickloom');
          const again = new RealDisk(new CrashingFileSystem().fs, stageContext({}).log);
          const options = { disk: again, state, job: 'job', mode: 'append', epoch: 2 } as const;
          const next = await OutputRun.takeOver(options, run, async () => 1);
          expect(next.fenced).toEqual([expect.stringContaining(staging.folder)]);
          let copies = 0;
          const resumed = await resumeOpenFiles(
            { disk: again, folders: next.fenced },
            JSON.parse(JSON.stringify(accepted.position)) as typeof accepted.position,
            next,
            () => ({ name: `copy-${copies}`, final: join(folder, 'out', `copy-${copies++}`) }),
          );
          for (const { file } of resumed) await file.close();
          const found = resumed.map(
            ({ file, tail }) => readFileSync(file.path, 'utf8') + Buffer.concat(tail),
          );
          expect(found).toEqual(accepted.texts);
          for (const [i, { log, state: lines }] of resumed.entries()) {
            expect(Buffer.concat(log).length).toBe(lines);
            expect(lines).toBe(accepted.texts[i]!.split('\n').length - 1);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it('cost one sync of a file and one of the folder, however many there are', async () => {
    for (const count of [1, 2, 40]) {
      const { log, writers, checkpoint, syncsSince, close } = await openLines(count);
      for (const turn of [1, 2, 3]) {
        for (const writer of writers) await writer.write(`a line of turn ${turn}\nand some`);
        const from = log.length;
        await checkpoint();
        expect(syncsSince(from)).toHaveLength(turn > 1 && count > 1 ? 1 : 2);
      }
      await close();
    }
  });

  it('cost two syncs where the journal begins behind a file that was synced where it is', async () => {
    const { log, outputRun, open, writers, syncsSince, close } = await openLines(1);
    const costs: number[] = [];
    for (const text of ['a line\n', 'a line\nand some', ' more', ' and a line\nand some']) {
      await writers[0]!.write(text);
      const from = log.length;
      // Of text that is not packed, nothing else has to be known.
      const { sync } = await open.take([{ ...writers[0]!.cut(open.wantsWhole), log: [] }]);
      await sync();
      await outputRun.staging.keep();
      costs.push(syncsSince(from).length);
    }
    // The file and its name; the journal and its name; then the file and the journal.
    expect(costs).toEqual([2, 2, 2, 2]);
    await close();
  });

  it('cost no more syncs where journals follow one another and all of them have grown much', async () => {
    const limits = { journalBytesMax: 2_000, unsyncedBytesMax: 500, waitingBytesMax: 1_000 };
    const { log, open, writers, checkpoint, syncsSince, close } = await openLines(5, limits);
    const journals = new Set<string>();
    let behind = 0;
    for (let turn = 0; turn < 40; turn++) {
      const first = log.length;
      for (const writer of writers) {
        await writer.write(`${'x'.repeat(100)}\nand`);
        await open.keepUp();
      }
      await idle();
      behind += syncsSince(first).length;
      const from = log.length;
      const position = await checkpoint();
      expect(syncsSince(from).filter((name) => name.startsWith('file'))).toEqual([]);
      const isNew = !journals.has(String(position.journal?.number));
      expect(syncsSince(from)).toHaveLength(isNew ? 2 : 1);
      journals.add(String(position.journal?.number));
      await open.accepted(position);
    }
    expect(journals.size).toBeGreaterThan(3);
    // 20,000 bytes, of which about 250 are in the file that has the most of 500 in five.
    expect(behind).toBeGreaterThan(40);
    expect(behind).toBeLessThan(120);
    await close();
  });

  it('are synced one at a time as they grow, from the one with the most new bytes on', async () => {
    const limits = { journalBytesMax: 10_000, unsyncedBytesMax: 100, waitingBytesMax: 1_000 };
    const { crashing, open, writers, close } = await openLines(3, limits);
    const { held, next } = holdSyncs(crashing);
    for (const [i, bytes] of [50, 90, 80].entries()) await writers[i]!.write(`${'x'.repeat(bytes - 1)}\n`);
    await open.keepUp();
    await idle();
    expect(held.map(({ name }) => name)).toEqual(['file-1']);
    await writers[1]!.write(`${'x'.repeat(59)}\n`); // too late for that sync
    await open.keepUp();
    expect(await next()).toBe('file-1');
    expect(await next()).toBe('file-2');
    expect(await next()).toBe('file-1');
    await idle();
    expect(held).toEqual([]); // 50 bytes are not worth a sync
    await close();
  });

  it('hold up a write while too many bytes are not on the disk, and no checkpoint', async () => {
    const limits = { journalBytesMax: 10_000, unsyncedBytesMax: 100, waitingBytesMax: 300 };
    const { crashing, log, open, writers, checkpoint, syncsSince, close } = await openLines(2, limits);
    const { next } = holdSyncs(crashing);
    for (const writer of writers) await writer.write(`${'x'.repeat(149)}\n`);
    await open.keepUp();
    await writers[0]!.write('x\n');
    let isHeld = true;
    const keeping = open.keepUp().then(() => {
      isHeld = false;
    });
    await idle();
    expect(isHeld).toBe(true);
    const from = log.length;
    const { files } = await checkpoint();
    expect(files.map(({ bytes, inFile }) => [bytes, inFile])).toEqual([
      [152, 0],
      [150, 0],
    ]);
    expect(syncsSince(from).filter((name) => name.startsWith('file'))).toEqual([]);
    expect(isHeld).toBe(true);
    await next();
    await keeping;
    expect((await checkpoint()).files[0]).toMatchObject({ bytes: 152, inFile: 150 });
    await next();
    await close();
  });

  it('are let go by a write and a checkpoint that wait for their syncs when the run is stopped', async () => {
    const limits = { journalBytesMax: 10_000, unsyncedBytesMax: 100, waitingBytesMax: 300 };
    const { crashing, outputRun, open, writers, close } = await openLines(2, limits);
    const { held, next } = holdSyncs(crashing);
    for (const writer of writers) await writer.write(`${'x'.repeat(499)}\n`);
    const keeping = open.keepUp().catch((error: unknown) => error);
    const later = new OpenFiles(outputRun.staging, () => writers.map(({ file }) => file), limits);
    const settling = take(later, writers).then(({ sync }) => sync().catch((error: unknown) => error));
    await idle();
    await Promise.all([open.close(), later.close()]);
    await next(); // the sync in progress, and the one behind it is of no use
    await idle();
    for (const { release } of held.splice(0)) release();
    for (const error of [await keeping, await settling]) {
      expect(error).toMatchObject({ code: 'OUTPUT_FAILED', retryable: true });
    }
    await idle();
    expect([held, crashing.openHandles]).toEqual([[], 2]);
    await close();
    expect(crashing.openHandles).toBe(0);
  });

  it('count for no checkpoint, and for no write, after one sync behind the flow has failed', async () => {
    const limits = { journalBytesMax: 10_000, unsyncedBytesMax: 100, waitingBytesMax: 1_000 };
    const { crashing, open, writers, checkpoint, close } = await openLines(2, limits);
    const { next, held } = holdSyncs(crashing);
    for (const writer of writers) await writer.write(`${'x'.repeat(149)}\n`);
    await open.keepUp();
    const { sync } = await take(open, writers);
    crashing.failAt = crashing.log.length;
    await next();
    await idle();
    const failed = { code: 'OUTPUT_FAILED', retryable: true };
    await expect(sync()).rejects.toMatchObject(failed); // what it read back may be what the disk has lost
    await expect(open.keepUp()).rejects.toMatchObject(failed);
    await expect(checkpoint()).rejects.toMatchObject(failed);
    expect(held).toEqual([]);
    await close();
  });

  it('are on the disk before the first checkpoint where they were large from the beginning, and hold up no write', async () => {
    const limits = { journalBytesMax: 10_000, unsyncedBytesMax: 100, waitingBytesMax: 300 };
    const { crashing, outputRun, writers, close } = await openLines(3, limits);
    for (const [i, bytes] of [500, 60, 1_000].entries()) {
      await writers[i]!.write(`${'x'.repeat(bytes - 1)}\n`);
    }
    const { next, held } = holdSyncs(crashing);
    const open = new OpenFiles(outputRun.staging, () => writers.map(({ file }) => file), limits);
    await writers[0]!.write('x\n');
    await open.keepUp();
    const { position, sync } = await take(open, writers);
    expect(position.files.map(({ bytes, inFile }) => [bytes, inFile])).toEqual([
      [502, 500],
      [60, 0],
      [1_000, 1_000],
    ]);
    let isSynced = false;
    const syncing = sync().then(() => {
      isSynced = true;
    });
    expect(await next()).toBe('file-2');
    await idle();
    expect([isSynced, held.length]).toEqual([false, 1]);
    expect(await next()).toBe('file-0');
    await syncing;
    await open.close();
    await close();
  });

  it('never have more copied, and no longer journals, than the limits say', async () => {
    const step = fc.record({
      writes: fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 90 })), { maxLength: 12 }),
      isAccepted: fc.boolean(),
      released: fc.nat({ max: 5 }),
    });
    const limits = { journalBytesMax: 1_000, unsyncedBytesMax: 150, waitingBytesMax: 400 };
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 2, max: 6 }),
        fc.array(step, { minLength: 4, maxLength: 20 }),
        async (count, plan) => {
          const { crashing, open, writers, checkpoint, close } = await openLines(count, limits);
          const { held } = holdSyncs(crashing);
          // Of a file in the journal: what its lines and its tail need, and the headers of three entries.
          const own = count * (3 * 17 + 90) + plan.flatMap(({ writes }) => writes).length;
          let before = 0;
          for (const { writes, isAccepted, released } of plan) {
            for (const [to, bytes] of writes) {
              await writers[to % count]!.write(`${'x'.repeat(bytes - 1)}\n`);
              let isOn = false;
              const keeping = open.keepUp().then(() => {
                isOn = true;
              });
              await idle();
              // Held up or not, nothing but the end of a sync lets it go on.
              for (; !isOn; await idle()) held.shift()!.release();
              await keeping;
              const unsynced = writers.reduce((sum, { file }) => sum + file.bytes - file.bytesSynced, 0);
              expect(unsynced).toBeLessThanOrEqual(limits.waitingBytesMax);
              expect(held.length).toBeLessThanOrEqual(1);
            }
            for (let i = 0; i < released; i++) {
              held.shift()?.release();
              await idle();
            }
            let isTaken = false;
            const taking = checkpoint().finally(() => {
              isTaken = true;
            });
            for (; !isTaken; await idle()) held.shift()?.release(); // a single one is synced where it is
            const { journal, ...position } = await taking;
            const bytes = journal?.bytes ?? 0;
            // At most twice what a journal begins with, and then a checkpoint more.
            const beginsWith = limits.waitingBytesMax + own;
            expect(bytes).toBeLessThanOrEqual(Math.max(limits.journalBytesMax, 2 * beginsWith) + beginsWith);
            expect(bytes - before).toBeLessThanOrEqual(limits.waitingBytesMax + own);
            before = bytes;
            if (isAccepted) await open.accepted({ ...position, journal });
          }
          crashing.between = undefined;
          for (const { release } of held) release();
          await close();
        },
      ),
      { numRuns: 60 },
    );
  });

  it('leave the name of one that begins meanwhile to the next checkpoint', async () => {
    const { disk, folder, log } = makeDisk();
    const outputRun = await outputRunAt(disk, folder);
    await outputRun.staging.keep();
    const { names } = outputRun.staging;
    const later = await outputRun.staging.begin('later', join(folder, 'out', 'later'));
    const from = log.length;
    await outputRun.staging.keep(names);
    expect(log.slice(from)).toEqual([]);
    await outputRun.staging.keep();
    expect(log.slice(from).filter((operation) => operation.startsWith('sync'))).toHaveLength(1);
    await later.close();
  });

  it('are on the disk with their names though the folder was synced while one was made', async () => {
    const folder = temporaryDirectory();
    mkdirSync(join(folder, 'out'));
    const crashing = new CrashingFileSystem();
    const outputRun = await outputRunAt(new RealDisk(crashing.fs, stageContext({}).log), folder);
    await outputRun.staging.keep();
    const { names } = outputRun.staging;
    let goOn = () => {};
    const isMaking = new Promise<void>((resolve) => {
      crashing.between = (operation) => {
        if (!operation.startsWith('create ') || !operation.includes('file')) return Promise.resolve();
        resolve();
        return new Promise((on) => {
          goOn = on;
        });
      };
    });
    const beginning = outputRun.staging.begin('file', join(folder, 'out', 'file'));
    await isMaking;
    await outputRun.staging.keep(names);
    goOn();
    const file = await beginning;
    await outputRun.staging.keep();
    await crashing.cutPower();
    expect(readFileSync(file.path, 'utf8')).toBe('');
  });
});
