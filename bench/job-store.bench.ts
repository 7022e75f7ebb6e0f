// Question: how many records of jobs does a store keep in a second, one by one and 64 at once?
//
// Records of 1 KB, each put durable before the next one begins (or the next 64). The store in a folder and, where
// LMDB_FOLDER says in which folder it is installed, lmdb with its asynchronous `put`, take turns. It measures the disk
// under the temporary folder more than anything else, so read the ratio.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { FileJobStore } from '../src/store/file-job-store.js';
import type { JobRecord } from '../src/store/job-store.js';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import { median } from './support/measure.js';

const ROUNDS = 5;
const PUTS = 2_000;
const JOBS = 500;

/** Keeps a record, and resolves when it is durable. */
type Put = (record: JobRecord) => Promise<unknown>;

/** The part of lmdb that is used; its types are not installed. */
interface Lmdb {
  open(options: { readonly path: string; readonly encoding: 'json' }): {
    put(key: string, value: unknown): Promise<boolean>;
    readonly flushed: Promise<void>;
    close(): Promise<void>;
  };
}

export default async function benchJobStore(context: BenchContext): Promise<BenchResult[]> {
  const { directory, quick, progress } = context;
  const puts = quick ? 64 : PUTS;
  const store = new FileJobStore(join(directory, 'store'));
  const contenders: [name: string, put: Put][] = [['folder', (record) => store.putJob(record)]];
  const { LMDB_FOLDER: installed } = process.env;
  const lmdb = installed === undefined ? undefined : createRequire(join(installed, 'x.cjs'))('lmdb');
  const peer = (lmdb as Lmdb | undefined)?.open({ path: join(directory, 'lmdb'), encoding: 'json' });
  if (peer) {
    // A put resolves when it is committed, and `flushed` when it is on the disk.
    contenders.push([
      'lmdb',
      async (record) => {
        await peer.put(record.id, record);
        await peer.flushed;
      },
    ]);
  }
  const results: BenchResult[] = [];
  for (const atOnce of [1, 64]) {
    const rates = contenders.map((): number[] => []);
    for (let round = 0; round < (quick ? 1 : ROUNDS); round++) {
      for (const [at, [name, put]] of contenders.entries()) {
        progress(`${name}, ${atOnce} at once, round ${round + 1}`);
        rates[at]!.push(await rateOf(put, puts, atOnce));
      }
    }
    for (const [at, [name]] of contenders.entries()) {
      const what = name === 'folder' ? '' : `${name}, `;
      const like = `${atOnce} at once`;
      results.push({
        name: `${what}${like}`,
        ours: name === 'folder',
        like,
        perSecond: median(rates[at]!),
        unit: 'puts',
      });
    }
  }
  if (!peer) {
    results.push({
      name: 'lmdb',
      ours: false,
      notRun: 'set LMDB_FOLDER to a folder in which `npm install lmdb` was called',
    });
  }
  await peer?.close();
  await store.close();
  return results;
}

async function rateOf(put: Put, puts: number, atOnce: number): Promise<number> {
  const start = process.hrtime.bigint();
  for (let done = 0; done < puts; done += atOnce) {
    await Promise.all(Array.from({ length: atOnce }, (_, at) => put(recordOf(done + at))));
  }
  return puts / (Number(process.hrtime.bigint() - start) / 1e9);
}

const recordOf = (sequence: number): JobRecord => ({
  id: `job-${sequence % JOBS}`,
  name: `job-${sequence % JOBS}`,
  sequence,
  submittedAtMs: 1_700_000_000_000,
  spec: { source: { use: 'synthetic', rows: sequence }, notes: 'x'.repeat(600) },
  options: { priority: 0 },
  wish: 'run',
  state: 'running',
  history: [
    { state: 'queued', atMs: 1 },
    { state: 'starting', atMs: 2 },
    { state: 'running', atMs: 3 },
  ],
  runs: [{ attempt: 1, startedAtMs: 2 }],
});
