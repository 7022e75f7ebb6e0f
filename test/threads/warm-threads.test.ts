import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ThreadPool, type ThreadPoolSettings } from '../../src/hosts/thread-pool.js';
import type { PipelineTask } from '../../src/wire/pipeline-actor.js';
import { countThreads, until } from './threads-support.js';

/** A thread whose task lasts until a message comes. */
const ENTRY = `
  export function warm() {}
  export default async ({ control }) => {
    await new Promise((resolve) => control.once('message', resolve));
    control.close();
    return { report: {}, leftovers: [] };
  };
`;

async function startPool(settings: Partial<ThreadPoolSettings>) {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-'));
  const file = join(folder, 'entry.mjs');
  writeFileSync(file, ENTRY);
  const all = { maxThreads: 4, idleThreadMs: 60_000, warmThreads: 1, maxHeapMb: 64, ...settings };
  const threads = countThreads();
  const pool = new ThreadPool(all, { file });
  onTestFinished(async () => {
    await pool.close();
    rmSync(folder, { recursive: true });
  });
  await pool.warm();
  const begin = (reusable = true) => {
    const { port1, port2 } = new MessageChannel();
    const task = { control: port2 } as unknown as PipelineTask; // what the entry takes of it
    const run = pool.run(task, [port2], { reusable });
    return {
      async end() {
        port1.postMessage('end');
        await run.outcome;
        port1.close();
      },
    };
  };
  return { pool, begin, threads };
}

describe('warm threads', () => {
  it('are ready again while the first one is at work, and after it', async () => {
    const { pool, begin } = await startPool({ idleThreadMs: 0 });
    expect([pool.size, pool.ready]).toEqual([1, 1]);
    const first = begin();
    await until(() => pool.ready === 1);
    const second = begin();
    await until(() => pool.ready === 1);
    expect(pool.size).toBe(3);
    await Promise.all([first.end(), second.end()]);
    await until(() => pool.size === 1);
    expect(pool.ready).toBe(1);
  });

  it('are ready again after code of the user has run in one', async () => {
    const { pool, begin } = await startPool({});
    for (let i = 0; i < 3; i++) {
      await begin(false).end();
      await until(() => pool.ready === 1 && pool.size === 1);
    }
  });

  it('are no more than there may be threads', async () => {
    const { pool, begin, threads } = await startPool({ maxThreads: 2, warmThreads: 2 });
    const tasks = [begin(), begin()];
    await Promise.all(tasks.map((task) => task.end()));
    expect([pool.size, pool.ready, threads.started]).toEqual([2, 2, 2]);
  });

  it('are not kept after the end: a thread whose task outlives the pool ends with it', async () => {
    const { pool, begin } = await startPool({});
    const task = begin();
    await until(() => pool.ready === 1);
    await pool.close();
    expect(pool.size).toBe(1);
    await task.end();
    await until(() => pool.size === 0);
  });

  it('are kept beside none: without them, a thread that is not needed any more ends', async () => {
    const { pool, begin } = await startPool({ warmThreads: 0, idleThreadMs: 0 });
    await begin().end();
    await until(() => pool.size === 0);
  });
});
