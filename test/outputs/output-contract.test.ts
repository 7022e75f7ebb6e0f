/** What the port of outputs promises, to whoever implements it: a directory, and an object store. */
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { DictionarySet } from '../../src/columns/dictionary.js';
import type { PlainData } from '../../src/core/plain-data.js';
import { TextPartEncoder } from '../../src/formats/text/text-encoder.js';
import type { Output } from '../../src/outputs/output.js';
import type { FileCut, OutputFile, ResumedFile } from '../../src/outputs/output-file.js';
import { makeFileSink } from '../../src/stages/sinks/files/make-file-sink.js';
import { batchOf, contextOf, TICKS, ticks } from '../stages/sinks/sink-rows.js';
import { ROWS, TestStore } from '../support/checkpointed-run.js';
import { operations } from '../support/deep.js';
import { linesIn, OUTPUT_RIGS, type OutputProcess, type OutputRig } from '../support/output-rigs.js';

const text = (content: string) => Buffer.from(content);
const FENCED = { code: 'FENCED' };

/** All that has been written counts. */
const cutOf = (file: OutputFile, more: Partial<FileCut> = {}): FileCut => ({
  file,
  mark: file.mark,
  state: null,
  log: [],
  tail: [],
  beginsTail: true,
  ...more,
});

/** As a store gives it back. */
async function prepared(output: Output, cuts: readonly FileCut[] = []): Promise<PlainData> {
  const { position, sync } = await output.prepare(cuts);
  await sync();
  return JSON.parse(JSON.stringify(position)) as PlainData;
}

async function written(output: Output, lines: string, partition = ''): Promise<OutputFile> {
  const file = await output.begin(partition);
  await file.write(text(lines));
  return file;
}

const textsOf = (all: readonly Uint8Array[]): string[] => all.map((bytes) => Buffer.from(bytes).toString());

async function started(rig: OutputRig, settings: Parameters<OutputRig['output']>[0] = {}): Promise<Output> {
  const output = rig.output(settings);
  await output.open();
  return output;
}

async function resumed(
  rig: OutputRig,
  position: PlainData,
  epoch?: number,
): Promise<{ readonly output: Output; readonly files: readonly ResumedFile[] }> {
  const output = await started(rig, { resuming: true, epoch });
  return { output, files: await output.resume(position) };
}

/** A sink of the product over the output: lines, or members of gzip, which leave much to the checkpoint. */
function sinkOver(output: Output, gzip: boolean) {
  const dictionaries = new DictionarySet();
  const context = contextOf('job', { dictionaries });
  const format = {
    dialect: {
      timeFormat: 'iso' as const,
      before: () => Buffer.from(','),
      text: (value: string) => Buffer.from(value),
      nullText: '',
      nonFinite: () => '',
      quoteTimes: false,
    },
    header: new Uint8Array(0),
    rowEnd: Buffer.from('\n'),
    gzip,
    controlLine: undefined,
  };
  const makeEncoder = () => new TextPartEncoder(TICKS, format, context.memory.share('text buffer'));
  const options = { rotate: { rows: 2 }, openPartsMax: 10, ifExists: 'error' } as const;
  const sink = makeFileSink({ options, input: TICKS, context, output, makeEncoder });
  return {
    sink,
    write: (count: number, from: number) => sink.write(batchOf(TICKS, ticks(count, from), dictionaries)),
  };
}

/** From the accepted checkpoint to the end, with more checkpoints on the way. */
async function runToEnd(rig: OutputRig, store: TestStore, gzip: boolean, process?: OutputProcess) {
  const { epoch, save } = store.claim();
  const from = store.accepted;
  const output = rig.output({ epoch, resuming: from !== undefined }, process);
  const { sink, write } = sinkOver(output, gzip);
  await sink.open();
  try {
    let rows = from?.rows ?? 0;
    if (from) await sink.resume(from.position);
    for (const until of [3, 4, 7, ROWS]) {
      if (rows < until) await write(until - rows, rows);
      if (rows >= until && until < ROWS) continue;
      const { position } = await sink.prepare(until === ROWS);
      rows = until;
      save(JSON.parse(JSON.stringify(position)) as PlainData, rows);
      await sink.commit(position);
    }
    await sink.flush();
  } finally {
    await sink.close();
  }
}

/** The lines of a run that nothing disturbs. */
async function linesOfAll(make: () => OutputRig, gzip: boolean): Promise<string[]> {
  const rig = make();
  await runToEnd(rig, new TestStore(), gzip);
  const lines = linesIn(rig);
  expect(lines).toHaveLength(ROWS);
  return lines;
}

/** Somebody takes the run over and dies, and another run replaces what it has shown. */
async function followAndReplace(rig: OutputRig, position: PlainData): Promise<void> {
  await resumed(rig, position, 2);
  await rig.bury();
  const replacing = await started(rig, { ifExists: 'replace', checkpointed: false });
  await replacing.end(await written(replacing, 'new\n'));
  await replacing.flush();
  await replacing.close();
}

/** A run that does nothing, and tidies up. */
async function passBy(rig: OutputRig): Promise<void> {
  await rig.bury();
  const output = await started(rig, { checkpointed: false });
  await output.close();
}

describe.each(OUTPUT_RIGS)('an output in %s', (_name, make) => {
  it('shows a file with all of its bytes once a position that lists it was accepted, and none before', async () => {
    const rig = make();
    const output = await started(rig);
    const file = await written(output, 'a\n', 'symbol=A%2FB/day=1');
    await file.write(text('b\n'));
    await output.end(file);
    const position = await prepared(output);
    expect(rig.files().size).toBe(0);
    await output.commit(position);
    expect([...rig.files()]).toEqual([[file.name, text('a\nb\n')]]);
    expect(file.name).toMatch(/^symbol=A%2FB\/day=1\/job-/);
    expect(output.paths()).toHaveLength(1);
    await output.flush();
    await output.close();
    expect(rig.remains()).toEqual([]);
  });

  it('shows a file as it ends where no store decides, and leaves nothing of one that has not', async () => {
    const rig = make();
    const output = await started(rig, { checkpointed: false });
    await output.end(await written(output, 'a\n'));
    expect(linesIn(rig)).toEqual(['a']);
    await written(output, 'b\n');
    await output.close();
    expect(linesIn(rig)).toEqual(['a']);
    expect(rig.remains()).toEqual([]);
  });

  it('gives back of open files what was cut, in their folders, and nothing that came later', async () => {
    const rig = make();
    const output = await started(rig);
    const first = await written(output, 'a1\n', 'symbol=A');
    const second = await written(output, 'b1\n', 'symbol=B');
    expect(output.wantsWhole).toBe(true);
    const logA = [text('log 1,')];
    const early = [
      cutOf(first, { state: { rows: 1 }, log: logA, tail: [text('tail 1,')] }),
      cutOf(second, { tail: [text('void,')] }),
    ];
    await output.commit(await prepared(output, early));
    await first.write(text('a2\n'));
    await second.write(text('b2\n'));
    await output.keepUp();
    const { wantsWhole } = output;
    const isWhole = (whole: readonly string[], rest: string) => (wantsWhole ? whole : [rest]).map(text);
    const position = await prepared(output, [
      cutOf(first, {
        state: { rows: 2 },
        log: isWhole(['log 1,', 'log 2'], 'log 2'),
        tail: isWhole(['tail 1,', 'tail 2'], 'tail 2'),
        beginsTail: wantsWhole,
      }),
      cutOf(second, { state: [null, 'b'], tail: [text('tail of b')] }),
    ]);
    await output.commit(position);
    await first.write(text('a3\n'));
    await output.end(second);

    const next = await resumed(rig, position, 2);
    expect(next.files.map(({ file, ...more }) => [file.name.split('/')[0], file.mark, more.state])).toEqual([
      ['symbol=A', cutMark('a1\na2\n'), { rows: 2 }],
      ['symbol=B', cutMark('b1\nb2\n'), [null, 'b']],
    ]);
    expect(next.files.map(({ log }) => textsOf(log).join(''))).toEqual(['log 1,log 2', '']);
    expect(next.files.map(({ tail }) => textsOf(tail).join(''))).toEqual(['tail 1,tail 2', 'tail of b']);
    for (const { file } of next.files) {
      await file.write(text('end\n'));
      await next.output.end(file);
    }
    await next.output.commit(await prepared(next.output));
    await next.output.flush();
    await next.output.close();
    await output.close();
    expect([...rig.files().values()].map(String).sort()).toEqual(['a1\na2\nend\n', 'b1\nb2\nend\n']);
  });

  it('has a position count as it was cut, though its files grow and end before it is durable', async () => {
    const rig = make();
    const output = await started(rig);
    const [grows, ends] = [await written(output, 'a\n'), await written(output, 'b\n')];
    const { position, sync } = await output.prepare([cutOf(grows), cutOf(ends)]);
    await Promise.all([sync(), grows.write(text('later\n')), output.end(ends)]);
    await output.commit(position);
    expect(linesIn(rig)).toEqual([]);
    const { output: next, files } = await resumed(rig, position, 2);
    for (const { file } of files) await next.end(file);
    await next.commit(await prepared(next));
    expect(linesIn(rig)).toEqual(['a', 'b']);
  });

  it('has whoever takes over publish what the position lists, once', async () => {
    const rig = make();
    const output = await started(rig);
    await output.end(await written(output, 'a\n'));
    const position = await prepared(output);
    await output.end(await written(output, 'not listed\n'));
    for (const epoch of [2, 3]) {
      const next = await resumed(rig, position, epoch);
      expect(linesIn(rig)).toEqual(['a']);
      expect(next.output.paths()).toHaveLength(1);
    }
    await output.commit(position).catch(() => undefined);
    expect(linesIn(rig)).toEqual(['a']);
  });

  it('lets an owner that was followed publish nothing more', async () => {
    const rig = make();
    const output = await started(rig);
    const open = await written(output, 'a\n');
    const position = await prepared(output, [cutOf(open)]);
    const next = await resumed(rig, position, 2);
    await output.end(open).catch(() => undefined);
    await expect(output.flush()).rejects.toMatchObject(FENCED);
    await output.close();
    expect(linesIn(rig)).toEqual([]);
    await next.output.end(next.files[0]!.file);
    await next.output.commit(await prepared(next.output));
    expect(linesIn(rig)).toEqual(['a']);
  });

  it.each([1, 2])(
    'refuses epoch %i where the run has come to 2, and leaves its owner at work',
    async (epoch) => {
      const rig = make();
      const first = await started(rig, { epoch: 1 });
      const open = await written(first, 'a\n');
      const position = await prepared(first, [cutOf(open)]);
      const { output, files } = await resumed(rig, position, 2);
      await expect(resumed(rig, position, epoch)).rejects.toMatchObject(FENCED);
      await output.end(files[0]!.file);
      await output.commit(await prepared(output));
      expect(linesIn(rig)).toEqual(['a']);
    },
  );

  it('goes back to a position, and removes what its run has shown beyond it and no other', async () => {
    const rig = make();
    const other = await started(rig, { job: 'other', checkpointed: false });
    await other.end(await written(other, 'of another\n'));
    const output = await started(rig);
    await output.end(await written(output, 'a\n'));
    const position = await prepared(output);
    await output.commit(position);
    await output.end(await written(output, 'beyond\n'));
    await output.commit(await prepared(output));
    expect(linesIn(rig)).toEqual(['a', 'beyond', 'of another']);
    await resumed(rig, position);
    expect(linesIn(rig)).toEqual(['a', 'of another']);
  });

  it('refuses what is there, adds to it, or replaces it at once with the first that counts', async () => {
    const rig = make();
    const first = await started(rig, { checkpointed: false });
    expect(first.lacksSchema()).toBe(true);
    await first.end(await written(first, 'a\n'));
    expect(first.lacksSchema()).toBe(false);
    await first.close();
    await expect(started(rig, { ifExists: 'error' })).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    const second = await started(rig, { checkpointed: false });
    await second.end(await written(second, 'b\n'));
    await second.close();
    expect(linesIn(rig)).toEqual(['a', 'b']);
    const third = await started(rig, { ifExists: 'replace' });
    await third.end(await written(third, 'c\n'));
    const position = await prepared(third);
    expect(linesIn(rig)).toEqual(['a', 'b']);
    await third.commit(position);
    await third.flush();
    await third.close();
    expect(linesIn(rig)).toEqual(['c']);
    const last = await started(rig, { ifExists: 'replace', checkpointed: false });
    await last.flush();
    await last.close();
    expect([linesIn(rig), rig.remains()]).toEqual([[], []]);
  });

  it.each(['error', 'replace'] as const)(
    'is for one run alone with "%s", until that one is gone',
    async (ifExists) => {
      const rig = make();
      await started(rig, { ifExists });
      await expect(started(rig)).rejects.toMatchObject({ code: 'OUTPUT_IN_USE' });
      await rig.bury();
      const append = await started(rig);
      await expect(started(rig, { ifExists })).rejects.toMatchObject({ code: 'OUTPUT_IN_USE' });
      await append.close();
      await (await started(rig, { ifExists })).close();
    },
  );

  it.each([null, {}, 'text', { run: '../../etc', epoch: 1 }])('refuses the position %j', async (position) => {
    const rig = make();
    const output = await started(rig, { resuming: true });
    await expect(output.resume(position)).rejects.toMatchObject({ code: 'CHECKPOINT_INVALID' });
    await (await started(rig, { ifExists: 'error' })).close();
  });

  it('refuses a position whose bytes are in another place', async () => {
    const elsewhere = await started(make());
    const listed = [cutOf(await written(elsewhere, 'a\n'))];
    await elsewhere.end(await written(elsewhere, 'b\n'));
    const rig = make();
    const position = await prepared(elsewhere, listed);
    await expect(resumed(rig, position, 2)).rejects.toMatchObject({ code: 'CHECKPOINT_INVALID' });
    expect(linesIn(rig)).toEqual([]);
  });

  it('does not show again what was replaced since an owner stood still in a publication', async () => {
    for (let at = 0; ; at++) {
      const rig = make();
      const process = rig.process();
      const output = rig.output({}, process);
      await output.open();
      for (const lines of ['a\n', 'b\n']) await output.end(await written(output, lines));
      const position = await prepared(output);
      const from = process.log.length;
      let others: Promise<void> | undefined;
      process.between = async () => {
        if (others || process.log.length < from + at) return;
        others = followAndReplace(rig, position);
        await others;
      };
      await output.commit(position).catch((error: unknown) => expect(error).toMatchObject(FENCED));
      if (!others) break;
      expect([at, linesIn(rig)]).toEqual([at, ['new']]);
      await process.kill();
    }
  });

  it('finishes a replacement that was decided, whoever opens it next', async () => {
    for (const at of operations()) {
      const rig = make();
      const first = await started(rig, { checkpointed: false });
      for (const lines of ['old 1\n', 'old 2\n']) await first.end(await written(first, lines));
      await first.close();
      const process = rig.process();
      process.stopAt = at;
      const replacing = rig.output({ ifExists: 'replace', checkpointed: false }, process);
      const replace = async () => {
        await replacing.open();
        await replacing.end(await written(replacing, 'new\n'));
        await replacing.flush();
        await replacing.close();
      };
      await replace().catch((error: unknown) => {
        if (!process.isStopped) throw error;
      });
      const { isStopped } = process;
      await process.kill();
      await passBy(rig);
      expect([at, linesIn(rig).join()]).toEqual([at, expect.stringMatching(/^(old 1,old 2|new)$/)]);
      expect([at, rig.remains()]).toEqual([at, []]);
      if (!isStopped) break;
    }
  });

  it.each([false, true])(
    'has every row once when a sink dies before any operation (gzip: %s)',
    async (gzip) => {
      const all = await linesOfAll(make, gzip);
      for (const at of operations()) {
        const rig = make();
        const store = new TestStore();
        const process = rig.process();
        process.stopAt = at;
        await runToEnd(rig, store, gzip, process).catch((error: unknown) => {
          if (!process.isStopped) throw error;
        });
        const { isStopped } = process;
        await process.kill();
        await rig.bury();
        // The dead run has handed out a position, and cannot tell that no store took it.
        const mayRemain = !store.accepted;
        await runToEnd(rig, store, gzip);
        await passBy(rig);
        expect([at, linesIn(rig)]).toEqual([at, all]);
        if (!mayRemain) expect([at, rig.remains()]).toEqual([at, []]);
        if (!isStopped) break;
      }
    },
  );

  it.each([false, true])(
    'has every row once when a sink is followed at any operation (gzip: %s)',
    async (gzip) => {
      const all = await linesOfAll(make, gzip);
      for (const at of operations()) {
        const rig = make();
        const store = new TestStore();
        const process = rig.process();
        let follower: Promise<void> | undefined;
        process.between = async () => {
          if (process.log.length < at || follower || !store.accepted) return;
          follower = runToEnd(rig, store, gzip);
          await follower;
        };
        const stale = await runToEnd(rig, store, gzip, process).then(
          () => 'ended',
          (error: { code?: string }) => error.code,
        );
        const reached = process.log.length > at;
        await process.kill();
        if (follower) expect([at, stale]).toEqual([at, expect.stringMatching(/^(FENCED|ended)$/)]);
        await passBy(rig);
        expect([at, linesIn(rig), rig.remains()]).toEqual([at, all, []]);
        if (!reached) break;
      }
    },
  );
});

/** The mark of a file that holds this. */
function cutMark(content: string) {
  return { bytes: Buffer.byteLength(content), checksum: crc32(content) };
}
