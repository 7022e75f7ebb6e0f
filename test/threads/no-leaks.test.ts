import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { turnOfTheLoop } from '../../src/core/clock.js';
import { discard, moduleOperator, rows, startRuntime, until } from './threads-support.js';

const packageUrl = pathToFileURL(fileURLToPath(new URL('../../dist/src/index.js', import.meta.url))).href;

/** Runs a script in a process of its own; rejects if that does not end by itself. */
async function runScript(body: string): Promise<string> {
  const script = `import { createRuntime } from ${JSON.stringify(packageUrl)};\n${body}`;
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ['--expose-gc', '--input-type=module', '--eval', script],
    { timeout: 120_000 },
  );
  expect(stderr).toBe('');
  return stdout;
}

describe('a process with a runtime', () => {
  it('ends by itself after its jobs, closed or not, while threads are kept for later', async () => {
    const stdout = await runScript(`
      const runtime = await createRuntime({ idleThreadMs: 60_000, warmThreads: 1 });
      for (const name of ['a', 'b']) {
        const job = await runtime.submit({ name, source: { use: 'synthetic', rows: 1000 }, sink: { use: 'null' } });
        console.log((await job.outcome).outcome);
      }
      process.on('exit', () => console.log('exit'));
    `);
    expect(stdout).toBe('completed\ncompleted\nexit\n');
  });

  it('ends by itself after a job was stopped by force and the runtime closed', async () => {
    const stdout = await runScript(`
      const runtime = await createRuntime();
      const job = await runtime.submit({ name: 'a', source: { use: 'synthetic' }, sink: { use: 'null' } });
      console.log((await job.stop()).outcome);
      await runtime.close();
    `);
    expect(stdout).toBe('stopped\n');
  });

  it('is kept alive by a job that runs', async () => {
    const stdout = await runScript(`
      const runtime = await createRuntime();
      const job = await runtime.submit({ name: 'a', source: { use: 'synthetic', rows: 2_000_000 }, sink: { use: 'null' } });
      job.outcome.then(({ outcome }) => console.log(outcome));
    `);
    expect(stdout).toBe('completed\n');
  });

  it('holds no port, timer or listener of a job that has ended, however it ended', async () => {
    const runtime = await startRuntime();
    const crashing = moduleOperator('process.exit(1);');
    const round = async () => {
      const done = await runtime.submit({ name: 'done', source: rows(1_000), sink: discard });
      const lost = await runtime.submit({
        name: 'lost',
        source: rows(1_000),
        operators: [crashing],
        sink: discard,
      });
      const stopped = await runtime.submit({ name: 'stopped', source: { use: 'synthetic' }, sink: discard });
      await Promise.all([done.outcome, lost.outcome, stopped.stop()]);
    };
    const held = () => process.getActiveResourcesInfo().sort().join();
    await round();
    await turnOfTheLoop();
    const before = held();
    const listeners = process.eventNames().map((name) => process.listenerCount(name as never));
    for (let i = 0; i < 5; i++) await round();
    await until(() => held().length <= before.length);
    expect(process.eventNames().map((name) => process.listenerCount(name as never))).toEqual(listeners);
  });

  it('has nothing left of runtimes that were closed, however their jobs ended', async () => {
    const ends = {
      lost: moduleOperator('process.exit(1);'),
      thrown: moduleOperator(`setTimeout(() => { throw new Error('thrown'); });`),
      stuck: moduleOperator('for (;;);'),
    };
    // In a process of its own: what a test runner has seen, it may keep.
    const stdout = await runScript(`
      const ends = ${JSON.stringify(ends)};
      const all = [];
      async function life() {
        const runtime = await createRuntime({
          moduleFolders: [${JSON.stringify(tmpdir())}],
          breakers: { venue: {} },
          budgets: { providers: { venue: { permits: 1_000 } } },
          watchdog: { loop: '1s' },
        });
        const endless = { use: 'synthetic', budget: { provider: 'venue' }, breaker: 'venue' };
        const submit = async (name, source, operators) => {
          const job = await runtime.submit({ name, source, operators, sink: { use: 'null' } });
          all.push([name, new WeakRef(job)]);
          return job;
        };
        all.push(['runtime', new WeakRef(runtime)]);
        const ended = [await submit('done', { ...endless, rows: 1_000 }, [])];
        for (const [name, operator] of Object.entries(ends)) ended.push(await submit(name, endless, [operator]));
        const stopped = await submit('stopped', endless, []);
        while (stopped.inspect().counters.rowsIn === 0) await new Promise(setImmediate);
        void stopped.describe(); // its thread may never answer
        await stopped.stop();
        for (const { outcome } of ended) all.push(['report', new WeakRef(await outcome)]);
        runtime.subscribe('quotes').close();
        await submit('open', endless, []);
        await runtime.close({ deadlineMs: 1_000 });
      }
      for (let round = 0; round < 2; round++) await life();
      const held = () => all.filter(([, one]) => one.deref()).map(([name]) => name);
      for (let round = 0; round < 50 && held().length > 0; round++) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        gc();
      }
      console.log(all.length + ' made, held: ' + held().join());
    `);
    expect(stdout).toBe('22 made, held: \n');
  });
});
