import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Disk } from '../../src/outputs/disk/disk.js';
import { Disk as RealDisk } from '../../src/outputs/disk/disk.js';
import { RunPlace } from '../../src/outputs/runs/run-place.js';
import { openStateFolder } from '../../src/outputs/runs/state-folder.js';
import { OpenFiles, resumeOpenFiles } from '../../src/outputs/staging/open-files.js';
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

async function placeAt(disk: Disk, folder: string): Promise<RunPlace> {
  const state = await openStateFolder(disk, join(folder, 'out'), join(folder, 'out'));
  return RunPlace.start({ disk, state, job: 'job', mode: 'append', epoch: 1 });
}

const take = (open: OpenFiles, writers: readonly Lines[]) => {
  const { wantsWhole } = open;
  return open.take(writers.map((writer) => writer.cut(wantsWhole)));
};

function makeDisk(): { disk: Disk; folder: string; log: string[] } {
  const folder = temporaryDirectory();
  mkdirSync(join(folder, 'out'));
  const crashing = new CrashingFileSystem();
  return { disk: new RealDisk(crashing.fs, stageContext({}).log), folder, log: crashing.log };
}

describe('files that are open at a checkpoint', () => {
  it('are gone on with from what was accepted last, whatever was written since', async () => {
    const step = fc.record({
      writes: fc.array(fc.tuple(fc.nat(), fc.stringMatching(/^[a-z\n]{0,30}$/)), { maxLength: 8 }),
      isAccepted: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(step, { minLength: 1, maxLength: 8 }),
        // So small that journals follow one another, and that bytes are synced where they are.
        fc.constantFrom(1, 40, 1_000_000),
        fc.constantFrom(1, 30, 1_000_000),
        async (count, plan, journalBytesMax, copiedBytesMax) => {
          const { disk, folder } = makeDisk();
          const place = await placeAt(disk, folder);
          const open = new OpenFiles(place.staging, { journalBytesMax, copiedBytesMax });
          const writers: Lines[] = [];
          for (let i = 0; i < count; i++) {
            writers.push(new Lines(await place.staging.begin(`file-${i}`, join(folder, 'out', `file-${i}`))));
          }
          const texts = writers.map(() => '');
          const first = await take(open, writers);
          let accepted = { position: first.position, texts: [...texts] };
          for (const { writes, isAccepted } of plan) {
            for (const [to, text] of writes) {
              await writers[to % count]!.write(text);
              texts[to % count] += text;
            }
            const { position, sync } = await take(open, writers);
            await sync();
            if (!isAccepted) continue;
            accepted = { position, texts: [...texts] };
            await open.accepted(position);
          }
          for (const { file } of writers) await file.close();
          await open.close();

          const { run, staging } = place;
          const state = join(folder, '.out.tickloom');
          const options = { disk, state, job: 'job', mode: 'append', epoch: 2 } as const;
          const next = await RunPlace.takeOver(options, run, async () => 1);
          expect(next.fenced).toEqual([expect.stringContaining(staging.folder)]);
          let copies = 0;
          const resumed = await resumeOpenFiles(
            { disk, folders: next.fenced },
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
      const { disk, folder, log } = makeDisk();
      const place = await placeAt(disk, folder);
      const open = new OpenFiles(place.staging);
      const writers: Lines[] = [];
      await place.staging.keep();
      for (let i = 0; i < count; i++) {
        writers.push(new Lines(await place.staging.begin(`file-${i}`, join(folder, 'out', `file-${i}`))));
      }
      for (const turn of [1, 2, 3]) {
        for (const writer of writers) await writer.write(`a line of turn ${turn}\nand some`);
        const from = log.length;
        const { sync } = await take(open, writers);
        await sync();
        await place.staging.keep();
        const syncs = log.slice(from).filter((operation) => operation.startsWith('sync'));
        expect(syncs).toHaveLength(turn > 1 && count > 1 ? 1 : 2);
      }
      for (const { file } of writers) await file.close();
      await open.close();
    }
  });

  it('cost two syncs where the journal begins behind a file that was synced where it is', async () => {
    const { disk, folder, log } = makeDisk();
    const place = await placeAt(disk, folder);
    const open = new OpenFiles(place.staging);
    await place.staging.keep();
    const writer = new Lines(await place.staging.begin('file', join(folder, 'out', 'file')));
    const costs: number[] = [];
    for (const text of ['a line\n', 'a line\nand some', ' more', ' and a line\nand some']) {
      await writer.write(text);
      const from = log.length;
      // Of text that is not packed, nothing else has to be known.
      const { sync } = await open.take([{ ...writer.cut(open.wantsWhole), log: [] }]);
      await sync();
      await place.staging.keep();
      costs.push(log.slice(from).filter((operation) => operation.startsWith('sync')).length);
    }
    // The file and its name; the journal and its name; then the file and the journal.
    expect(costs).toEqual([2, 2, 2, 2]);
    await writer.file.close();
    await open.close();
  });

  it('are each synced where they are once their new bytes are too many to be written twice', async () => {
    const { disk, folder, log } = makeDisk();
    const place = await placeAt(disk, folder);
    const open = new OpenFiles(place.staging, { journalBytesMax: 1_000_000, copiedBytesMax: 500 });
    await place.staging.keep();
    const writers: Lines[] = [];
    for (let i = 0; i < 5; i++) {
      writers.push(new Lines(await place.staging.begin(`file-${i}`, join(folder, 'out', `file-${i}`))));
    }
    const costs: number[] = [];
    for (const text of ['a line\nand', `${'x'.repeat(100)}\nand`, ' more\n', 'a line\n']) {
      for (const writer of writers) await writer.write(text);
      const from = log.length;
      const { sync } = await take(open, writers);
      await sync();
      await place.staging.keep();
      costs.push(log.slice(from).filter((operation) => operation.startsWith('sync')).length);
    }
    expect(costs).toEqual([2, 5 + 1, 1, 1]);
    for (const { file } of writers) await file.close();
    await open.close();
  });

  it('leave the name of one that begins meanwhile to the next checkpoint', async () => {
    const { disk, folder, log } = makeDisk();
    const place = await placeAt(disk, folder);
    await place.staging.keep();
    const { names } = place.staging;
    const later = await place.staging.begin('later', join(folder, 'out', 'later'));
    const from = log.length;
    await place.staging.keep(names);
    expect(log.slice(from)).toEqual([]);
    await place.staging.keep();
    expect(log.slice(from).filter((operation) => operation.startsWith('sync'))).toHaveLength(1);
    await later.close();
  });

  it('are on the disk with their names though the folder was synced while one was made', async () => {
    const folder = temporaryDirectory();
    mkdirSync(join(folder, 'out'));
    const crashing = new CrashingFileSystem();
    const place = await placeAt(new RealDisk(crashing.fs, stageContext({}).log), folder);
    await place.staging.keep();
    const { names } = place.staging;
    let goOn = () => {};
    const isMaking = new Promise<void>((resolve) => {
      crashing.between = (operation) => {
        if (!operation.startsWith('open') || !operation.includes('file')) return Promise.resolve();
        resolve();
        return new Promise((on) => {
          goOn = on;
        });
      };
    });
    const beginning = place.staging.begin('file', join(folder, 'out', 'file'));
    await isMaking;
    await place.staging.keep(names);
    goOn();
    const file = await beginning;
    await place.staging.keep();
    await crashing.cutPower();
    expect(readFileSync(file.path, 'utf8')).toBe('');
  });
});
