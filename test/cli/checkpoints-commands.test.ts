import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import * as nodeFs from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { FileCheckpointStore } from '../../src/checkpoints/file-checkpoint-store.js';
import { listCheckpoints, showCheckpoint } from '../../src/cli/commands/checkpoints.js';
import { exportCheckpoint, type SetOptions, setCheckpoint } from '../../src/cli/commands/checkpoints-move.js';
import { type ResetOptions, resetCheckpoint } from '../../src/cli/commands/checkpoints-reset.js';
import type { OpenSpec } from '../../src/plan/typed-spec.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import { checkpointOf, owner } from '../checkpoints/checkpoint-of.js';
import { called } from '../support/called-command.js';
import { scratchFolder } from '../support/recorded-data.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);
let folders = 0;

const list = (folder: string, options = {}) =>
  called((terminal) => listCheckpoints(folder, options, terminal));
const show = (folder: string, key: string, options = {}) =>
  called((terminal) => showCheckpoint([folder, key], options, terminal));
const save = (folder: string, key: string, to: string) =>
  called((terminal) => exportCheckpoint([folder, key], { to }, terminal));
const set = (folder: string, key: string, file: string, options: SetOptions = {}) =>
  called((terminal) => setCheckpoint([folder, key, file], options, terminal));
const reset = (folder: string, key: string, options: ResetOptions = {}) =>
  called((terminal) => resetCheckpoint([folder, key], options, terminal));

/** A store, an output and a spec for them. */
function workplace(others: Partial<OpenSpec> = {}) {
  const folder = `${SCRATCH.folder}/${folders++}`;
  mkdirSync(folder);
  const spec: OpenSpec = {
    name: 'kept',
    source: { use: 'synthetic', rows: 3_000, symbols: 3, rate: 12_000 },
    batchRows: 64,
    batcher: { maxRows: 50 },
    sink: { use: 'csv', path: `${folder}/out`, rotate: { rows: 400 } },
    ...others,
  };
  return { folder, store: `${folder}/store`, out: `${folder}/out`, spec };
}
type Workplace = ReturnType<typeof workplace>;

const rowsIn = (path: string): string[] =>
  readdirSync(path)
    .flatMap((name) => readFileSync(join(path, name), 'utf8').trimEnd().split('\n').slice(1))
    .sort();

/** Each claim under this store says that a thread made it that has died. */
function dead(folder: string): FileCheckpointStore {
  const store = new FileCheckpointStore(folder);
  const claim = store.claim.bind(store);
  store.claim = async (key, of, log) => {
    const fence = await claim(key, of, log);
    disown(folder, key);
    return fence;
  };
  return store;
}

function disown(folder: string, key: string): void {
  const own = join(folder, key);
  for (const name of readdirSync(own).filter((found) => found.endsWith('.claim'))) {
    const held = JSON.parse(readFileSync(join(own, name), 'utf8'));
    writeFileSync(join(own, name), JSON.stringify({ ...held, thread: { ...held.thread, startedAt: '1' } }));
  }
}

/** Runs until a checkpoint with this many rows was accepted, and stops there. */
async function runUntil({ spec, store }: Workplace, rows: number): Promise<void> {
  const pipeline = createPipeline(spec, { store: dead(store) });
  const ended = pipeline.run();
  while ((await pipeline.checkpoint()).counters.rowsOut < rows) await setTimeout(1);
  await pipeline.stop();
  await ended;
}

const runToEnd = ({ spec, store }: Workplace) => createPipeline(spec, { store: dead(store) }).run();

async function wholeRows(): Promise<string[]> {
  const place = workplace();
  await runToEnd(place);
  return rowsIn(place.out);
}

describe('tickloom checkpoints list', () => {
  it('says of each key who claimed it, where it goes on, and what is damaged', async () => {
    const place = workplace();
    await runUntil(place, 500);
    const store = new FileCheckpointStore(place.store);
    await store.claim('Other key', owner('x'));
    mkdirSync(`${place.store}/spoilt`);
    writeFileSync(`${place.store}/spoilt/00000003.claim`, 'what?');
    const nowMs = (await store.load('kept'))!.takenAtMs + 61_000;
    const { code, out, err } = await list(place.store, { nowMs });
    expect(code).toBe(1);
    expect(out).toMatch(
      /kept +│ +1 │ process \d+ on ".+", which has died +│ +61 s │ goes on .*│ synthetic: row [\d,]+; [\d,]+ rows read/,
    );
    expect(out).toMatch(/Other key +│ +1 │ process \d+ on ".+", which is at work +│ +- │ begins a new run/);
    expect(err).toMatch(
      /^damaged: .*spoilt\/00000003\.claim: expected a claim \(JSON\), found something else\n$/,
    );
    const { keys } = JSON.parse((await list(place.store, { json: true })).out);
    expect(keys).toMatchObject([
      { key: 'Other key', owner: { liveness: 'live', process: process.pid }, source: null },
      { key: 'kept', epoch: 1, owner: { liveness: 'gone' }, next: 'goes on', problems: [] },
      { key: null, problems: [expect.stringContaining('spoilt')] },
    ]);
  });

  it('refuses a folder that is no store, and makes none', async () => {
    const { folder, store } = workplace();
    expect(await list(store)).toMatchObject({
      code: 1,
      err: `"${store}": expected the folder of a checkpoint store, found nothing of that name\n`,
    });
    writeFileSync(`${folder}/file`, '');
    expect((await list(`${folder}/file`)).err).toContain('found a file');
    expect((await list(folder)).err).toContain('found one with other things in it');
    expect(readdirSync(folder)).toEqual(['file']);
  });
});

describe('tickloom checkpoints show', () => {
  it('prints positions, files and sizes in words, and the whole as data', async () => {
    const place = workplace();
    await runUntil(place, 1_000);
    const { code, out } = await show(place.store, 'kept');
    expect(code).toBe(0);
    expect(out).toMatch(/source +synthetic: row /);
    expect(out).toMatch(/sink "csv" \(sink\): run [a-z2-7]{10}, epoch 1, \d+ parts? published/);
    expect(out).toMatch(/not complete: kept-[a-z2-7]{10}-00001-\d{6}\.csv \(/);
    expect(out).toMatch(/\n {2}source: [\d.]+ k?B\n/);
    const { checkpoint } = JSON.parse((await show(place.store, 'kept', { json: true })).out);
    expect(checkpoint.states.sink.run).toMatch(/^[a-z2-7]{10}$/);
    expect(await show(place.store, 'kemp')).toMatchObject({
      code: 1,
      err: expect.stringContaining('lists them'),
    });
  });

  it('shows no credential and no more than a screen of a position', async () => {
    const { store } = workplace();
    const files = new FileCheckpointStore(store);
    const fence = await files.claim('kept', owner('x'));
    const source = { apiKey: 'VERY-SECRET', url: 'https://me:hunter2@host/', more: 'x'.repeat(5_000) };
    await files.save('kept', fence, checkpointOf(source));
    for (const json of [true, false]) {
      const { out } = await show(store, 'kept', { json });
      expect(out).not.toMatch(/VERY-SECRET|hunter2/);
      if (!json) expect(out.length).toBeLessThan(3_000);
    }
  });
});

describe('tickloom checkpoints show, with credentials in states', () => {
  it.each([
    ['numbers', { token: 12_345, nextToken: 17_171, sessionId: 70_707 }, /12345|17171|70707/],
    ['lists', { password: ['hunter22'], tokens: ['t-1234'], cookie: ['c=9876'] }, /hunter22|t-1234|9876/],
    ['mappings', { secret: { v: 'hunter22' } }, /hunter22/],
    ['texts', { urls: ['https://host/?token=', 'https://host/?token=hunter22'] }, /hunter22/],
  ])('hides %s under such a name, and prints the rest', async (_what, source, hidden) => {
    const { store } = workplace();
    const files = new FileCheckpointStore(store);
    const fence = await files.claim('kept', owner('x'));
    await files.save('kept', fence, checkpointOf({ ...source, row: 5, nothing: Number.NaN }));
    const text = await show(store, 'kept');
    const json = await show(store, 'kept', { json: true });
    for (const { code, out } of [text, json]) {
      expect(code).toBe(0);
      expect(out).not.toMatch(hidden);
    }
    const { row, nothing } = JSON.parse(json.out).checkpoint.states.source;
    expect([row, nothing]).toEqual([5, 'NaN']);
    expect(text.out).toContain('"row":5');
  });
});

describe('tickloom checkpoints reset', () => {
  it('says what it would take back, and does it with --yes', async () => {
    const place = workplace();
    await runUntil(place, 1_000);
    const before = await show(place.store, 'kept');
    const asked = await reset(place.store, 'kept');
    expect(asked.code).toBe(1);
    expect(asked.out).toMatch(
      /takes back:\n {2}sink "csv" \(sink\): all parts of run [a-z2-7]{10} \("\*-[a-z2-7]{10}-\*"\): \d+ published parts?, /,
    );
    expect(asked.err).toBe('Nothing was changed. Add --yes to do so.\n');
    expect((await show(place.store, 'kept')).out).toBe(before.out);
    const done = await reset(place.store, 'kept', { yes: true });
    expect([done.code, done.err]).toEqual([0, '']);
    expect(done.out).toContain('"kept" is reset, under epoch 2');
    disown(place.store, 'kept');
    expect((await show(place.store, 'kept')).out).toContain('next start was reset: begins anew');
    expect(await runToEnd(place)).toMatchObject({ outcome: 'completed' });
    expect(rowsIn(place.out)).toEqual(await wholeRows());
  });

  it('has the output keep its rows and the next start be a new run with --keep, also where a checkpoint is damaged', async () => {
    const place = workplace();
    const { out, store } = place;
    const sink = { use: 'csv', path: out, rotate: { rows: 400 }, ifExists: 'append' } as const;
    const own = { ...place, spec: { ...place.spec, sink } };
    await runUntil(own, 1_000);
    const kept = rowsIn(out).length;
    expect(kept).toBeGreaterThan(0);
    for (const name of readdirSync(`${store}/kept`).filter((found) => found.endsWith('.checkpoint'))) {
      writeFileSync(`${store}/kept/${name}`, 'what?');
    }
    const refused = await reset(store, 'kept', { yes: true });
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toMatch(/damaged: .*\n.*--keep resets the key/s);
    const done = await reset(store, 'kept', { yes: true, keep: true });
    expect(done.code).toBe(0);
    expect(done.out).toContain('the output keeps its rows');
    expect(JSON.parse((await list(store, { json: true })).out).keys).toEqual([]);
    await runToEnd(own);
    expect(rowsIn(out)).toHaveLength(kept + 3_000);
  });

  it('is refused where the sink cannot take back, and where the owner is alive', async () => {
    const { store } = workplace();
    const files = new FileCheckpointStore(store);
    const fence = await files.claim('kept', owner('x'));
    await files.save('kept', fence, checkpointOf(5));
    const live = await reset(store, 'kept', { yes: true });
    expect(live.code).toBe(1);
    expect(live.err).toMatch(
      /expected nobody at work, found epoch 1 of process \d+ on ".+", which is at work; stop it first\nNothing was changed/,
    );
    expect((await reset(store, 'kept', { yes: true, keep: true })).err).toBe(live.err);
    disown(store, 'kept');
    const cannot = await reset(store, 'kept', { yes: true });
    expect(cannot.code).toBe(1);
    expect(cannot.err).toContain('"kept": sink sink does not come with Tickloom');
    expect((await files.list()).map(({ fence: last }) => last.epoch)).toEqual([1]);
  });

  it('is refused where the key was claimed again after an end, before the first save', async () => {
    const { store } = workplace();
    const files = new FileCheckpointStore(store);
    const fence = await files.claim('kept', owner('x'));
    const ended = { how: 'completed', isPublished: true } as const;
    await files.save('kept', fence, checkpointOf(5, { ended }));
    expect((await reset(store, 'kept', { keep: true })).err).toContain('Add --yes');
    await files.claim('kept', owner('y'));
    for (const keep of [true, false]) {
      const { code, err } = await reset(store, 'kept', { yes: true, keep });
      expect([code, err]).toEqual([1, expect.stringMatching(/nobody at work, found epoch 2 of process \d+/)]);
    }
  });

  it('changes nothing where a start claims the key in between', async () => {
    const place = workplace();
    await runUntil(place, 300);
    const files = new FileCheckpointStore(place.store);
    let isFirst = true;
    const fs = {
      ...nodeFs,
      // Its first step, once it has looked: the folder of the key is made if it is not there.
      mkdir: (async (...args: Parameters<typeof nodeFs.mkdir>) => {
        if (isFirst) await files.claim('kept', owner('start'));
        isFirst = false;
        return nodeFs.mkdir(...args);
      }) as typeof nodeFs.mkdir,
    };
    const { code, err } = await reset(place.store, 'kept', { yes: true, fs });
    expect([code, err]).toEqual([1, expect.stringContaining('it was claimed in between')]);
    expect((await files.list()).map(({ fence }) => fence.epoch)).toEqual([2]);
    expect((await files.load('kept'))?.isReset).toBeUndefined();
  });

  it('is done by one of two at once, and the other says so', async () => {
    const place = workplace();
    await runUntil(place, 300);
    const both = await Promise.all([1, 2].map(() => reset(place.store, 'kept', { yes: true })));
    expect(both.map(({ code }) => code).sort()).toEqual([0, 1]);
    expect(both.find(({ code }) => code === 1)!.err).toMatch(/claimed in between|expected nobody at work/);
    const files = new FileCheckpointStore(place.store);
    expect((await files.list()).map(({ fence }) => fence.epoch)).toEqual([2]);
    expect((await files.load('kept'))?.isReset).toBe(true);
  });

  it('has happened or not, wherever it breaks off', async () => {
    const place = workplace({ source: { use: 'synthetic', rows: 400, symbols: 3, rate: 40_000 } });
    await runUntil(place, 50);
    const from = `${place.folder}/before`;
    await nodeFs.cp(place.store, from, { recursive: true });
    let operations = 0;
    for (let at = 0; ; at++) {
      const store = `${place.folder}/store-${at}`;
      await nodeFs.cp(from, store, { recursive: true });
      operations = 0;
      const broken = async () => {
        if (operations++ >= at) throw Object.assign(new Error('EIO: injected'), { code: 'EIO' });
      };
      const fs = {
        ...nodeFs,
        open: (async (...args: Parameters<typeof nodeFs.open>) => {
          await broken();
          return nodeFs.open(...args);
        }) as typeof nodeFs.open,
        link: (async (...args: Parameters<typeof nodeFs.link>) => {
          await broken();
          return nodeFs.link(...args);
        }) as typeof nodeFs.link,
        unlink: (async (...args: Parameters<typeof nodeFs.unlink>) => {
          await broken();
          return nodeFs.unlink(...args);
        }) as typeof nodeFs.unlink,
      };
      const { code, err } = await reset(store, 'kept', { yes: true, fs });
      const found = (await new FileCheckpointStore(store).load('kept'))!;
      expect(found.run.id, `at ${at}: ${err}`).toBeTruthy();
      if (code === 0) expect(found.isReset).toBe(true);
      // Whatever became of it, once more does it.
      disown(store, 'kept');
      expect((await reset(store, 'kept', { yes: true })).code).toBe(0);
      expect((await new FileCheckpointStore(store).load('kept'))?.isReset).toBe(true);
      if (operations <= at) break;
    }
    expect(operations).toBeGreaterThan(8);
  });
});

describe('tickloom checkpoints export and set', () => {
  /** A run that went on after its checkpoint was exported. */
  async function wentOn() {
    const place = workplace();
    await runUntil(place, 500);
    const file = `${place.folder}/early`;
    expect((await save(place.store, 'kept', file)).code).toBe(0);
    return { ...place, file };
  }

  it('move a checkpoint to another store, whose next start goes on with the output', async () => {
    const place = await wentOn();
    await runUntil(place, 900); // takes epoch 2 at the output
    const late = `${place.folder}/late`;
    await save(place.store, 'kept', late);
    const other = `${place.folder}/elsewhere`;
    const lacking = await set(other, 'kept', late, { yes: true });
    expect(lacking.err).toContain('name it with --output');
    expect(existsSync(other)).toBe(false);
    const elsewhere = await set(other, 'kept', late, { yes: true, output: [`${place.folder}/none`] });
    expect(elsewhere.err).toContain('no directory of parts among those of --output');
    const done = await set(other, 'kept', late, { yes: true, output: [place.out] });
    expect([done.code, done.err]).toEqual([0, '']);
    expect(done.out).toContain('under epoch 3: synthetic: row ');
    disown(other, 'kept');
    expect(await runToEnd({ ...place, store: other })).toMatchObject({ outcome: 'completed' });
    expect(rowsIn(place.out)).toEqual(await wholeRows());
  });

  it('go back to an earlier checkpoint, and refuse it where files that it lists are gone', async () => {
    const place = await wentOn();
    const early = await set(place.store, 'kept', place.file, { yes: true, output: [place.out] });
    expect(early.code).toBe(0); // nothing has happened since
    disown(place.store, 'kept');
    await runUntil(place, 2_000);
    const refused = await set(place.store, 'kept', place.file, { yes: true, output: [place.out] });
    expect(refused.code).toBe(1);
    expect(refused.err).toMatch(
      /sink "csv" \(sink\) at ".+\/out": expected "kept-.+\.csv" with \d+ bytes, found .+: a start would be refused/,
    );
    expect(
      (await new FileCheckpointStore(place.store).load('kept'))?.counters.rowsOut,
    ).toBeGreaterThanOrEqual(2_000);
  });

  it('refuse a file that was cut, changed, is of a newer version, or of something else', async () => {
    const { store, file, folder, out } = await wentOn();
    const bytes = readFileSync(file);
    const text = bytes.toString();
    for (const [spoilt, why] of [
      [text.slice(0, -5), /bytes behind the first line, found \d+: was the file cut\?/],
      [text.replace('"symbol"', '"sYmbol"'), /others: was the file changed\?/],
      [
        text.replace('checkpoint 1 ', 'checkpoint 2 '),
        /expected version 1, which this release reads, found version 2/,
      ],
      ['{}', /expected a checkpoint from "tickloom checkpoints export", found something else/],
    ] as const) {
      writeFileSync(`${folder}/spoilt`, spoilt);
      const { code, err } = await set(store, 'kept', `${folder}/spoilt`, { yes: true, output: [out] });
      expect([code, err]).toEqual([1, expect.stringMatching(why)]);
    }
    expect((await save(store, 'kept', file)).err).toContain('expected nothing there yet, found a file');
    expect((await set(store, 'kept', `${folder}/none`, { yes: true })).err).toContain('ENOENT');
    expect(readFileSync(file).equals(bytes)).toBe(true);
  });

  it('refuse another key, spec or run, and rows that come again, unless it is said', async () => {
    const { store, folder } = workplace();
    const files = new FileCheckpointStore(store);
    const fence = await files.claim('a', owner('x'));
    const counters = { ...checkpointOf(0).counters, rowsOut: 5 };
    await files.save('a', fence, checkpointOf(1));
    expect((await save(store, 'a', `${folder}/a`)).code).toBe(0);
    const other = await files.claim('b', owner('x'));
    await files.save(
      'b',
      other,
      checkpointOf(2, { counters, spec: { name: 'y' }, run: { ...checkpointOf(0).run, id: 'else' } }),
    );
    disown(store, 'b');
    const said: SetOptions = { yes: true };
    const { code, err } = await set(store, 'b', `${folder}/a`, said);
    expect(code).toBe(1);
    for (const option of ['--other-key', '--other-spec', '--other-run']) expect(err).toContain(option);
    const others = { otherKey: true, otherSpec: true, otherRun: true };
    expect((await set(store, 'b', `${folder}/a`, { ...said, ...others })).err).toContain('--again allows it');
    const done = await set(store, 'b', `${folder}/a`, { ...said, ...others, again: true });
    expect(done.out).toContain('goes back by 5 rows');
    expect((await files.load('b'))?.states.source).toBe(1);
  });
});

describe('tickloom checkpoints set, into a store without the key', () => {
  async function exported(others = {}) {
    const place = workplace();
    const files = new FileCheckpointStore(place.store);
    await files.save('kept', await files.claim('kept', owner('x')), checkpointOf(1, others));
    disown(place.store, 'kept');
    const file = `${place.folder}/file`;
    await save(place.store, 'kept', file);
    return { ...place, file };
  }

  it('asks whether rows may come again, unless the run has ended', async () => {
    const { store, file, folder } = await exported();
    expect((await reset(store, 'kept', { yes: true, keep: true })).code).toBe(0);
    for (const at of [store, `${folder}/new`]) {
      expect((await set(at, 'kept', file, { yes: true })).err).toContain('--again allows it');
      expect((await set(at, 'kept', file, { again: true })).err).toContain('Add --yes');
    }
    const over = await exported({ ended: { how: 'completed', isPublished: true } });
    expect((await set(`${over.folder}/new`, 'kept', over.file, { yes: true })).code).toBe(0);
  });

  it('takes of a sink whose database decides only what that may have committed last', async () => {
    const undecided = { sink: 'sink', key: 'k' };
    const [first, second, third] = await Promise.all([
      exported({ decidedAs: 'a', undecided }),
      exported({ decidedAs: 'b', undecided }),
      exported({ decidedAs: 'c', undecided: { ...undecided, before: checkpointOf(1, { decidedAs: 'b' }) } }),
    ]);
    const asked = (file: string) => set(third.store, 'kept', file, { again: true });
    expect((await asked(first.file)).err).toContain('a start would be refused (CHECKPOINT_INVALID)');
    expect((await asked(second.file)).err).toContain('Add --yes');
    expect((await asked(third.file)).err).toContain('Add --yes');
  });

  it('says that it makes a store, and makes none among other files or at an output', async () => {
    const { folder, file, store, out } = await exported();
    const asked = await set(`${folder}/new`, 'kept', file, { again: true });
    expect(asked.out).toContain(`a new store is made at "${folder}/new"`);
    expect(existsSync(`${folder}/new`)).toBe(false);
    expect((await set(store, 'kept', file, { again: true })).out).not.toContain('a new store');
    mkdirSync(out);
    const atOutput = await set(out, 'kept', file, { yes: true, again: true, output: [`${out}/`] });
    expect(atOutput.err).toContain('found that of --output');
    writeFileSync(`${out}/part.csv`, '');
    const among = await set(out, 'kept', file, { yes: true, again: true });
    expect([among.code, among.err]).toEqual([
      1,
      expect.stringContaining('found one with other things in it'),
    ]);
    expect(readdirSync(out)).toEqual(['part.csv']);
  });
});

describe('tickloom checkpoints, beside a running process', () => {
  it('refuse to change its key, which goes on, and reset it once it was killed', async () => {
    const { folder, out } = workplace();
    const script = fileURLToPath(new URL('../support/checkpointed-process.mjs', import.meta.url));
    const sink = JSON.stringify({ use: 'csv', path: out, rotate: { rows: 4_000 } });
    const child = spawn(process.execPath, [script, folder, sink], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child.stdout, 'data'); // it has claimed the key
    const store = `${folder}/checkpoints`;
    const refused = await reset(store, 'kept', { yes: true });
    expect(refused.code).toBe(1);
    expect(refused.err).toContain(`process ${child.pid} on `);
    while (!(await new FileCheckpointStore(store).load('kept'))) await setTimeout(5);
    expect((await save(store, 'kept', `${folder}/file`)).code).toBe(0); // changes nothing
    const early = await set(store, 'kept', `${folder}/file`, { yes: true, output: [out] });
    expect([early.code, early.err]).toEqual([1, expect.stringContaining(`process ${child.pid} on `)]);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect((await reset(store, 'kept', { yes: true })).code).toBe(0);
  });
});
