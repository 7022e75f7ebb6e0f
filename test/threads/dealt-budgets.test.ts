import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ResilienceCoordinator, ResilienceServer } from '../../dist/src/resilience/resilience.js';
import { DEEP, tried } from '../support/deep.js';
import { type Admission, overAdmission } from './admission-checker.js';
import { admissionsOf, Spender } from './rate-support.js';
import { discard, endless, startRuntime, until } from './threads-support.js';

const CHILD = fileURLToPath(new URL('./budget-child.mjs', import.meta.url));
const VENUE = { provider: 'venue' };

/** Children that a server deals to, each with a file of what it was granted. */
class Children {
  readonly #server: ResilienceServer;
  readonly #folder = mkdtempSync(join(tmpdir(), 'tickloom-dealt-'));
  readonly #live = new Set<ChildProcess>();
  readonly #files: string[] = [];

  constructor(server: ResilienceServer) {
    this.#server = server;
    onTestFinished(async () => {
      await Promise.all([...this.#live].map((child) => this.kill(child)));
      rmSync(this.#folder, { recursive: true, force: true });
    });
  }

  get live(): readonly ChildProcess[] {
    return [...this.#live];
  }

  start(): void {
    const file = join(this.#folder, String(this.#files.length));
    this.#files.push(file);
    const handle = this.#server.handle();
    const child = fork(CHILD, [file, JSON.stringify(handle), '6'], { serialization: 'advanced' });
    const leave = this.#server.serve(handle.owner, {
      post: (message) => void (child.connected && child.send(message as object, () => {})),
      onMessage: (take) => void child.on('message', take),
    });
    this.#live.add(child);
    child.once('exit', () => {
      this.#live.delete(child);
      leave();
    });
  }

  async kill(child: ChildProcess): Promise<void> {
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** What each of all that there were was granted. */
  admissions(): Admission[][] {
    return this.#files.map((file) => {
      const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
      return lines.slice(0, -1).map((line) => {
        const [earliest, latest, cost] = line.split(' ');
        return { earliest: BigInt(earliest!), latest: BigInt(latest!), cost: Number(cost) };
      });
    });
  }
}

const COUNTS = DEEP ? [[16, 16]] : [[3, 3]];

describe('a budget that threads and child processes spend', () => {
  it.each(COUNTS)(
    'grants no more than it over any interval to %i threads and %i children, with children killed',
    async (threads, count) => {
      const resilience = new ResilienceCoordinator({
        providers: { venue: { permits: 2_000, per: '1s', burst: 100 } },
      });
      const server = new ResilienceServer(resilience);
      onTestFinished(() => {
        server.close();
        resilience.close();
      });
      const children = new Children(server);
      for (let i = 0; i < count; i++) children.start();
      const spenders = await Spender.startAll(
        resilience.rates,
        Array.from({ length: threads }, () => ({
          ref: VENUE,
          mode: 'acquire' as const,
          callers: 6,
          costs: [1, 2, 3],
        })),
      );
      await until(() => children.admissions().filter((own) => own.length > 20).length >= count);
      const spent = Promise.all(spenders.map((spender) => spender.spend(tried(4_000, 8_000, 20_000))));
      for (let round = 0; round < tried(4, 8, 20); round++) {
        await sleep(700);
        const { live } = children;
        await children.kill(live[round % live.length]!);
        children.start();
      }
      await spent;
      await until(() => children.admissions().filter((own) => own.length > 20).length > count);
      await Promise.all(children.live.map((child) => children.kill(child)));
      const byThreads = admissionsOf(spenders);
      const byChildren = children.admissions().flat();
      expect(byThreads.length).toBeGreaterThan(100);
      expect(byChildren.length).toBeGreaterThan(100);
      const periods = [{ from: 0n, permitsPerSecond: 2_000 }];
      expect(overAdmission([...byThreads, ...byChildren], { burst: 100, periods })).toBeLessThan(1e-3);
    },
  );
});

describe('a job in a process', () => {
  it('spends from the budget that jobs in threads spend from', async () => {
    const runtime = await startRuntime({ budgets: { providers: { venue: { permits: 200, burst: 20 } } } });
    const source = { ...endless, budget: VENUE };
    const began = process.hrtime.bigint();
    const jobs = await Promise.all(
      (['thread', 'process'] as const).map((isolation) =>
        runtime.submit({ name: isolation, source, batchRows: 1, sink: discard, isolation }),
      ),
    );
    const reads = () => jobs.map((job) => job.inspect().counters.rowsIn);
    await until(() => Math.min(...reads()) >= 60);
    const seconds = Number(process.hrtime.bigint() - began) / 1e9;
    expect(reads().reduce((sum, rows) => sum + rows, 0)).toBeLessThanOrEqual(20 + 200 * seconds + 2);
    expect(await Promise.all(jobs.map((job) => job.drain()))).toMatchObject([
      { outcome: 'completed' },
      { outcome: 'completed' },
    ]);
    await until(() => runtime.resilience!.rates.limiter(VENUE).left() === 20);
  });

  it('pauses while the breaker of its provider is held open by hand', async () => {
    const runtime = await startRuntime({ breakers: { venue: {} } });
    const job = await runtime.submit({
      name: 'held',
      source: { ...endless, rate: 10_000, breaker: 'venue' },
      sink: discard,
      isolation: 'process',
    });
    await until(() => job.inspect().counters.rowsIn > 0);
    const release = runtime.resilience!.breaker('venue').hold();
    const isPaused = async () => (await job.describe())[0]!.health.status === 'degraded';
    const last = performance.now() + 60_000;
    while (!(await isPaused()) && performance.now() < last) await sleep(20);
    expect(await isPaused()).toBe(true);
    const { rowsIn } = job.inspect().counters;
    release();
    await until(() => job.inspect().counters.rowsIn > rowsIn + 100);
    expect(await job.drain()).toMatchObject({ outcome: 'completed' });
  });
});
