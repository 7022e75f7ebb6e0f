import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { DictionarySet } from '../../src/columns/dictionary.js';
import type { Row } from '../../src/columns/row-view.js';
import type { Schema } from '../../src/columns/schema.js';
import type { OpenFilesLimits } from '../../src/outputs/staging/open-files.js';
import { jsonlSink } from '../../src/stages/sinks/jsonl/jsonl.js';
import { JsonlSinkOptions } from '../../src/stages/sinks/jsonl/options.js';
import { batchOf, contextOf, temporaryDirectory } from '../stages/sinks/sink-rows.js';
import { TestStore } from '../support/checkpointed-run.js';
import { crashAt, ENDS, everyOperation, needless } from '../support/crash-at.js';
import { CrashingFileSystem } from '../support/crashing-file-system.js';
import { buryRuns, isOneFile, remainsOf } from '../support/file-runs.js';

const NOTES: Schema = {
  kind: 'custom',
  columns: [
    { name: 'symbol', type: 'string' },
    { name: 'text', type: 'string' },
  ],
};

const OUTPUTS = ['out', 'out.jsonl', 'zipped', 'out.jsonl.gz', 'parted'] as const;
const OPTIONS: Readonly<Record<string, Record<string, unknown>>> = {
  out: { rotate: { rows: 7 } },
  zipped: { compression: 'gzip', rotate: { rows: 9 } },
  parted: { partitionBy: ['symbol'], rotate: { rows: 4 } },
};

/** Journals follow one another, and a text or two are worth a sync. */
const SMALL: OpenFilesLimits = { journalBytesMax: 40_000, unsyncedBytesMax: 10_000, waitingBytesMax: 30_000 };
const LARGE: OpenFilesLimits = { journalBytesMax: 1e9, unsyncedBytesMax: 1e9, waitingBytesMax: 1e9 };

/** Texts that no packing makes much shorter, and of which a buffer holds one. */
const ROWS: readonly Row[] = Array.from({ length: 20 }, (_, i) => {
  let seed = i + 1;
  const bytes = Uint8Array.from({ length: 9_000 }, () => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return seed >> 16;
  });
  return { symbol: `SYM${(i * i) % 3}`, text: Buffer.from(bytes).toString('base64') };
});

/** Rows that a batch ends behind, and whether a checkpoint is taken then. */
const PLAN: readonly (readonly [until: number, isKept: boolean])[] = [
  [2, true],
  [4, false],
  [5, true],
  [6, true],
  [10, false],
  [12, true],
  [15, true],
  [17, false],
  [18, true],
];

interface Run {
  readonly disk: CrashingFileSystem;
  readonly limits?: OpenFilesLimits;
}

/** From the accepted checkpoint to the end, with more checkpoints on the way. */
async function runToEnd(path: string, store: TestStore, { disk, limits = SMALL }: Run): Promise<void> {
  const { epoch, keyId, save } = store.claim();
  const from = store.accepted;
  const dictionaries = new DictionarySet();
  const resuming = from !== undefined;
  const context = contextOf('job', { resuming, checkpointed: true, epoch, keyId, dictionaries });
  const options = JsonlSinkOptions.parse({ path, ...OPTIONS[basename(path)] });
  const sink = jsonlSink.create(options, NOTES, context, disk.fs, limits);
  await sink.open();
  try {
    if (from) await sink.resume(from.position);
    let rows = from?.rows ?? 0;
    const write = async (until: number) => {
      if (rows < until) await sink.write(batchOf(NOTES, ROWS.slice(rows, until), dictionaries));
      rows = until;
    };
    for (const [until, isKept] of PLAN) {
      if (rows >= until) continue;
      await write(until);
      if (!isKept) continue;
      const preparing = sink.prepare(false);
      // Rows come while the disk syncs.
      const next = write(until + 1);
      next.catch(() => undefined);
      const { position, rows: kept } = await preparing;
      save(JSON.parse(JSON.stringify(position)), kept + (from?.rows ?? 0));
      await next;
      await sink.commit(position);
    }
    await write(ROWS.length);
    const { position } = await sink.prepare(true);
    save(position, ROWS.length);
    await sink.commit(position);
    await sink.flush();
  } finally {
    await sink.close();
  }
}

/** A disk on which syncs of files take as long as some other operations, each another time. */
function slowDisk(disk = new CrashingFileSystem()): CrashingFileSystem {
  let syncs = 0;
  disk.between = async (operation) => {
    if (!isOfData(operation)) return;
    for (let turns = (++syncs * 37) % 101; turns > 0; turns--) await undefined;
  };
  return disk;
}

const isOfData = (operation: string): boolean =>
  operation.startsWith('sync ') && operation.endsWith('.staged') && !operation.includes('journal-');

/** What the files hold; gzip unpacked, since members may end elsewhere. */
function contents(path: string): string[] {
  const files = isOneFile(path)
    ? [path]
    : ((existsSync(path) ? readdirSync(path, { recursive: true }) : []) as string[])
        .filter((name) => /\.jsonl(\.gz)?$/.test(name))
        .map((name) => join(path, name));
  return files
    .filter((file) => existsSync(file))
    .map((file) => (file.endsWith('.gz') ? gunzipSync(readFileSync(file)) : readFileSync(file)).toString())
    .sort();
}

async function undisturbed(name: string, limits = SMALL) {
  const path = join(temporaryDirectory(), name);
  const disk = slowDisk();
  await runToEnd(path, new TestStore(), { disk, limits });
  return { contents: contents(path), syncs: disk.log.filter(isOfData).length, remains: remainsOf(path) };
}

/** So that a failure does not show all texts. */
const expectSame = (what: unknown, found: readonly string[], expected: readonly string[]) => {
  if (found.join() === expected.join()) return;
  const told = (files: readonly string[]) =>
    files.map((text) => text.match(/SYM\d","text":".{6}/g)?.join(' '));
  expect([what, told(found)]).toEqual([what, told(expected)]);
  expect.fail(`at ${String(what)}: other bytes`);
};

describe('a run whose files are synced as they grow', () => {
  it.each(OUTPUTS)('makes the files of one that syncs none of them before their end, in %s', async (name) => {
    const few = await undisturbed(name, LARGE);
    const many = await undisturbed(name);
    expectSame(name, many.contents, few.contents);
    expect(many.syncs).toBeGreaterThan(few.syncs);
    expect([many.remains, few.remains]).toEqual([[], []]);
  });

  it.each(OUTPUTS)(
    'costs no byte and doubles none, at whatever operation the disk fails, in %s',
    async (name) => {
      const whole = await undisturbed(name);
      let failedSyncs = 0;
      await everyOperation(name, async (at, path) => {
        const store = new TestStore();
        const disk = slowDisk();
        disk.failAt = at;
        const failure = await runToEnd(path, store, { disk }).then(
          () => undefined,
          (error: unknown) => error,
        );
        const operation = disk.log[at];
        await (failure ? disk.cutPower() : disk.kill());
        if (operation !== undefined && isOfData(operation)) {
          failedSyncs++;
          expect([operation, failure]).toMatchObject([operation, { code: 'OUTPUT_FAILED', retryable: true }]);
        }
        if (failure) {
          expect([operation, failure]).toMatchObject([
            operation,
            { code: expect.stringMatching(/^(OUTPUT_FAILED|FENCED)$/) },
          ]);
          buryRuns(path);
          await runToEnd(path, store, { disk: slowDisk() });
        }
        expectSame([at, operation], contents(path), whole.contents);
        return operation !== undefined;
      });
      expect(failedSyncs).toBeGreaterThan(0);
    },
  );

  it.each(['out', 'parted'])('publishes nothing once another one has followed it, in %s', async (name) => {
    const whole = await undisturbed(name);
    await everyOperation(name, async (at, path) => {
      const store = new TestStore();
      const disk = slowDisk();
      const { between } = disk;
      let follower: Promise<void> | undefined;
      disk.between = async (operation) => {
        await between!(operation);
        if (disk.log.length < at || follower) return;
        follower = runToEnd(path, store, { disk: slowDisk() });
        await follower;
      };
      const stale = await runToEnd(path, store, { disk }).then(
        () => 'ended',
        (error: { code?: string }) => error.code,
      );
      await follower;
      await disk.kill();
      if (follower)
        expect([at, stale]).toEqual([at, expect.stringMatching(/^(FENCED|ended|OUTPUT_EXISTS)$/)]);
      expectSame(at, contents(path), whole.contents);
      expect([at, remainsOf(path)]).toEqual([at, []]);
      return disk.log.length > at;
    });
  });
});

describe.each(ENDS)(
  'a run whose files are synced as they grow, and that $end before any operation,',
  (end) => {
    it.each(OUTPUTS)('makes the files of an undisturbed one, to the byte, in %s', async (name) => {
      const whole = await undisturbed(name);
      const reached = await everyOperation(name, async (at, path) => {
        const store = new TestStore();
        const reached = await crashAt(at, end, path, (_fs, disk) =>
          runToEnd(path, store, { disk: slowDisk(disk) }),
        );
        // And once more on the way: copies are gone on with, too.
        await crashAt(at + 40, end, path, (_fs, disk) => runToEnd(path, store, { disk: slowDisk(disk) }));
        await runToEnd(path, store, { disk: slowDisk() });
        expectSame(at, contents(path), whole.contents);
        expect([at, needless(path, end)]).toEqual([at, []]);
        return reached;
      });
      expect(reached).toBeGreaterThan(80);
    });
  },
);
