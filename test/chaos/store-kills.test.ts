import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { FileJobStore } from '../../src/store/file-job-store.js';
import { inRounds, timeoutOf } from './chaos-rounds.js';

const SCRIPT = fileURLToPath(new URL('../support/store-process.mjs', import.meta.url));
const KILLS = 5;

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-store-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'store');
}

function started(folder: string): ChildProcess {
  const child = spawn(process.execPath, [SCRIPT, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

it(
  'has each record that was acknowledged, whole, when its process is killed at any instant',
  () =>
    inRounds(async (random) => {
      const folder = newFolder();
      const acknowledged = new Map<string, number>();
      for (let kill = 0; kill < KILLS; kill++) {
        const child = started(folder);
        const isOver = once(child, 'close');
        let left = 50 + random.below(400);
        for await (const line of createInterface({ input: child.stdout! })) {
          const [id, sequence] = line.split(' ');
          expect(line).toMatch(/^[a-h] \d+$/);
          acknowledged.set(id!, Number(sequence));
          if (--left === 0) child.kill('SIGKILL');
        }
        await isOver;
        const store = new FileJobStore(folder);
        const { jobs } = await store.load();
        await store.close();
        for (const [id, sequence] of acknowledged) {
          const job = jobs.find((found) => found.id === id);
          expect(job?.sequence).toBeGreaterThanOrEqual(sequence);
          expect(job?.spec).toEqual({ text: 'x'.repeat(job!.sequence % 700) });
        }
      }
    }),
  timeoutOf(60_000),
);

it('refuses a second process, and tells it which one has the store', async () => {
  const folder = newFolder();
  const first = started(folder);
  await once(first.stdout!, 'data');
  const second = started(folder);
  const [said] = (await once(second.stdout!, 'data')) as [Buffer];
  expect(said.toString()).toMatch(new RegExp(`^STORE_IN_USE: .*process ${first.pid} on .*stop it first`));
  const isOver = once(first, 'close');
  first.kill('SIGKILL');
  await isOver;
  const third = started(folder);
  const [put] = (await once(third.stdout!, 'data')) as [Buffer];
  expect(put.toString()).toMatch(/^[a-h] \d+\n/);
});
