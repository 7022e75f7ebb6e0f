import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ThreadPool, type ThreadPoolSettings } from '../../src/hosts/thread-pool.js';
import type { PreparedThread } from '../../src/hosts/threads.js';
import type { PipelineTask } from '../../src/wire/pipeline-actor.js';
import type { ThreadNeeds } from '../../src/wire/thread-needs.js';
import { countThreads, discard, endless, moduleOperator, startRuntime, until } from './threads-support.js';

/** A thread whose task tells what was loaded before it, and lasts until a message comes. */
const entry = (warm: string) => `
  let loaded;
  export async function warm(needs) { ${warm} }
  export default async ({ control }) => {
    await new Promise((resolve) => control.once('message', resolve));
    control.close();
    return { report: { loaded }, leftovers: [] };
  };
`;
const NOTES_NEEDS = 'loaded = needs?.checkpoints ?? "nothing";';

function startPool(settings: Partial<ThreadPoolSettings> = {}, warm = NOTES_NEEDS) {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-'));
  const file = join(folder, 'entry.mjs');
  writeFileSync(file, entry(warm));
  const all = { maxThreads: 4, idleThreadMs: 60_000, warmThreads: 0, maxHeapMb: 64, ...settings };
  const threads = countThreads();
  const pool = new ThreadPool(all, { file });
  onTestFinished(async () => {
    await pool.close();
    rmSync(folder, { recursive: true });
  });
  const begin = (prepared?: PreparedThread) => {
    const { port1, port2 } = new MessageChannel();
    onTestFinished(() => port1.close());
    const task = { control: port2 } as unknown as PipelineTask; // what the entry takes of it
    const run = pool.run(task, [port2], { reusable: true, prepared });
    return {
      run,
      async end(): Promise<unknown> {
        port1.postMessage('end');
        const { report } = await run.outcome;
        return (report as unknown as { loaded: unknown }).loaded;
      },
    };
  };
  return { pool, begin, threads };
}

const NEEDS: ThreadNeeds = { stages: [], checkpoints: true };

describe('a thread that is made ready', () => {
  it('loads what its task needs, and no other task gets it', async () => {
    const { pool, begin, threads } = startPool();
    const prepared = pool.prepare(NEEDS);
    const other = begin();
    const own = begin(prepared);
    expect(await own.end()).toBe(true);
    expect(await other.end()).toBeUndefined();
    expect(threads.started).toBe(2);
  });

  it('takes its task while it still loads, and can be ended then', async () => {
    const { pool, begin, threads } = startPool({}, 'await new Promise(() => setInterval(() => {}, 1_000));');
    const { run } = begin(pool.prepare(NEEDS));
    await until(() => threads.started === 1);
    run.end();
    await expect(run.outcome).rejects.toMatchObject({ code: 'THREAD_STOPPED' });
    await until(() => pool.size === 0);
  });

  it('is kept for other tasks if it is given back', async () => {
    const { pool, begin, threads } = startPool();
    const prepared = pool.prepare(NEEDS);
    prepared.release();
    prepared.release();
    await until(() => pool.ready === 1);
    expect(await begin().end()).toBe(true);
    expect(threads.started).toBe(1);
  });

  it('is given up for a new one if it was lost', async () => {
    const { pool, begin, threads } = startPool({}, 'process.exit(3);');
    const prepared = pool.prepare(NEEDS);
    await until(() => pool.size === 0);
    expect(await begin(prepared).end()).toBeUndefined();
    expect(threads.started).toBe(2);
  });

  it('is one of as many as there may be, one after the other', async () => {
    const { pool, begin, threads } = startPool({ maxThreads: 2 });
    const all = [pool.prepare(NEEDS), pool.prepare(NEEDS), pool.prepare(NEEDS)];
    expect(pool.size).toBe(1);
    await until(() => pool.size === 2);
    expect(await begin(all[0]).end()).toBe(true);
    await until(() => pool.ready === 0); // for the third one
    for (const prepared of all.slice(1)) expect(await begin(prepared).end()).toBe(true);
    expect(threads.started).toBe(2);
  });

  it('ends with the pool', async () => {
    const { pool } = startPool();
    pool.prepare(NEEDS);
    pool.prepare(NEEDS);
    await pool.close();
    expect(pool.size).toBe(0);
  });
});

describe('a job that crashes', () => {
  it('goes on in a thread that was started while it backed off', async () => {
    const runtime = await startRuntime();
    const threads = countThreads();
    const job = await runtime.submit(
      { name: 'again', source: endless, operators: [moduleOperator('process.exit(3);')], sink: discard },
      { restart: { policy: 'on-failure', backOff: '1s', maxRestarts: 1 } },
    );
    await until(() => job.inspect().state === 'backingOff');
    expect(threads.started).toBeGreaterThanOrEqual(2); // one checked the module, one ran
    const before = threads.started;
    await until(() => threads.started > before || job.inspect().state === 'dead');
    await job.outcome;
    expect(job.inspect().runs).toHaveLength(2);
  });
});
