import { createHash } from 'node:crypto';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FileCheckpointStore } from '../../src/checkpoints/file-checkpoint-store.js';
import type { SinkFactory } from '../../src/engine/factories.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import { jsonlSink } from '../../src/stages/sinks/jsonl/jsonl.js';
import { JsonlSinkOptions } from '../../src/stages/sinks/jsonl/options.js';
import { scratchFolder } from '../support/recorded-data.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const KEY = 'kept';
const SAVES = 3;
const BATCH_ROWS = 100;
/** With so many symbols that their names are in a log beside the checkpoints. */
const SPEC = {
  name: KEY,
  source: { use: 'synthetic', rows: 20_000, symbols: 3_000 },
  batchRows: BATCH_ROWS,
  batcher: { maxRows: BATCH_ROWS },
} as const;

/** Folders of one run: its output and its store. */
const foldersIn = (root: string) => ({
  out: join(root, 'out'),
  store: join(root, 'store'),
  key: join(root, 'store', KEY),
});

/** A handful of strings is too much for a checkpoint itself. */
const storeIn = (folder: string) =>
  new FileCheckpointStore(folder, { stringsLimits: { inlineMax: 20, inlinePerByte: 0 } });

/** @param onWrite - Is called before each batch is written, with its number. */
function start(root: string, onWrite: (batch: number) => Promise<void> | void = () => {}) {
  const { out, store } = foldersIn(root);
  let batches = 0;
  const sink: SinkFactory<unknown> = {
    create(_options, schema, context) {
      const options = JsonlSinkOptions.parse({ path: out, rotate: { rows: 700 } });
      const real = jsonlSink.create(options, schema, context);
      const write = real.write.bind(real);
      real.write = async (batch) => {
        await onWrite(++batches);
        return write(batch);
      };
      return real;
    },
  };
  return createPipeline(SPEC, { sink, store: storeIn(store), checkpointEveryMs: 86_400_000 });
}

/** A run that was stopped with some checkpoints behind it. */
async function stoppedIn(root: string): Promise<void> {
  const saves: Promise<unknown>[] = [];
  let isStopped = false;
  const pipeline = start(root, async (batch) => {
    if (batch % 10 === 0 && saves.length < SAVES) saves.push(pipeline.checkpoint());
    if (saves.length === SAVES && !isStopped) {
      isStopped = true;
      void Promise.all(saves).then(() => pipeline.stop());
    }
    // They are taken between writes, and before the end.
    if (isStopped) await setTimeout(50);
  });
  expect(await pipeline.run()).toMatchObject({ outcome: 'stopped' });
}

const linesIn = (folder: string): string[] =>
  readdirSync(folder)
    .sort()
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
    .filter((line) => line !== '');

/** Digests of all files below a folder, by path. */
const contentOf = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name))
      .map((path) => [path, createHash('sha256').update(readFileSync(path)).digest('hex')]),
  );

const DAMAGES: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  'with a flipped byte at its begin': (bytes) => flipped(bytes, 0.02),
  'with a flipped byte in its middle': (bytes) => flipped(bytes, 0.5),
  'with a flipped byte at its end': (bytes) => flipped(bytes, 0.98),
  'cut short': (bytes) => bytes.subarray(0, Math.floor(bytes.length * 0.6)),
  empty: () => Buffer.alloc(0),
  'full of something else': (bytes) => Buffer.alloc(bytes.length, 'garbage '),
};

function flipped(bytes: Buffer, part: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[Math.floor(bytes.length * part)]! ^= 0x40;
  return changed;
}

describe('a start whose store was damaged', () => {
  const whole = join(SCRATCH.folder, 'whole');
  const stopped = join(SCRATCH.folder, 'stopped');
  let wanted: string[];
  let files: string[];

  beforeAll(async () => {
    expect(await start(whole).run()).toMatchObject({ outcome: 'completed' });
    wanted = linesIn(foldersIn(whole).out);
    await stoppedIn(stopped);
    files = readdirSync(foldersIn(stopped).key).sort();
  });

  /** The stopped run as it was left, with a change. */
  function changed(file: string, change: (bytes: Buffer) => Buffer): string {
    // Copied to where it was: the output knows its own path.
    const root = join(SCRATCH.folder, 'changed');
    rmSync(root, { recursive: true, force: true });
    cpSync(stopped, root, { recursive: true });
    const path = join(foldersIn(root).key, file);
    writeFileSync(path, change(readFileSync(path)));
    return root;
  }

  it('has a claim, two checkpoints, and a log of strings to damage', () => {
    const kinds = new Set(files.map((name) => name.slice(name.lastIndexOf('.') + 1)));
    expect([...kinds].sort()).toEqual(['checkpoint', 'claim', 'strings']);
    expect(files.filter((name) => name.endsWith('.checkpoint'))).toHaveLength(2);
  });

  it.each(Object.entries(DAMAGES))(
    'delivers every row once or names the damaged file, whichever it is (%s)',
    async (_name, damage) => {
      for (const file of files) {
        const root = changed(file, damage);
        const { out, key } = foldersIn(root);
        const before = contentOf(root);
        const end = await start(root)
          .run()
          .catch((error: unknown) => ({
            outcome: 'failed',
            error: error as { code?: string; message: string },
          }));
        if (end.outcome === 'completed') {
          expect([file, linesIn(out)]).toEqual([file, wanted]);
          continue;
        }
        expect([file, end.error?.code]).toEqual([file, 'CHECKPOINT_INVALID']);
        expect(end.error?.message).toContain(key);
        expect([file, contentOf(root)]).toEqual([file, before]);
      }
    },
  );

  it('names the damaged files if both checkpoints are damaged', async () => {
    const root = changed(files.find((name) => name.endsWith('.claim'))!, (bytes) => bytes);
    const { key } = foldersIn(root);
    for (const name of files.filter((file) => file.endsWith('.checkpoint'))) {
      writeFileSync(join(key, name), flipped(readFileSync(join(key, name)), 0.9));
    }
    await expect(start(root).run()).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
      message: expect.stringContaining(key),
    });
  });
});

/** A checkpoint as a newer release may write it. */
const NEWER: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  form: (bytes) => withHeader(bytes, 9, bodyOf(bytes)),
  version: (bytes) =>
    withHeader(
      bytes,
      formOf(bytes),
      Buffer.from(bodyOf(bytes).toString().replace('"version":1', '"version":2')),
    ),
};
const bodyOf = (bytes: Buffer): Buffer => bytes.subarray(bytes.indexOf('\n') + 1);
const formOf = (bytes: Buffer): number => Number(bytes.toString('latin1').split(' ')[1]);

function withHeader(_bytes: Buffer, form: number, body: Buffer): Buffer {
  const digest = createHash('sha256').update(body).digest('hex');
  return Buffer.concat([Buffer.from(`tickloom-checkpoint ${form} ${body.length} ${digest}\n`), body]);
}

describe('a start whose last checkpoint is of a newer release', () => {
  it.each(Object.entries(NEWER))(
    'is refused, and changes nothing, though the one before could be read (%s)',
    async (_name, change) => {
      const root = join(SCRATCH.folder, 'newer');
      rmSync(root, { recursive: true, force: true });
      await stoppedIn(root);
      const { key } = foldersIn(root);
      const last = readdirSync(key)
        .filter(
          (name) =>
            /-\d+\.checkpoint$/.test(name) && readFileSync(join(key, name), 'latin1').startsWith('tickloom'),
        )
        .sort()
        .at(-1)!;
      writeFileSync(join(key, last), change(readFileSync(join(key, last))));
      const before = contentOf(root);
      const error = await start(root)
        .run()
        .then(
          () => undefined,
          (thrown: { code: string; message: string }) => thrown,
        );
      expect(error?.code).toBe('CHECKPOINT_INVALID');
      expect(error?.message).toContain(join(key, last));
      expect(error?.message).toMatch(
        /which this release reads, found .* of a newer release: start the job with/,
      );
      expect(contentOf(root)).toEqual(before);
    },
  );
});
