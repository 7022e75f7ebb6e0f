import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { discard, endless, moduleOperator, rows, startRuntime, until } from './threads-support.js';

/** An operator that is in a system call, which nobody can interrupt, until it is released. */
function blocked(): {
  readonly operator: ReturnType<typeof moduleOperator>;
  release(): void;
  until(): Promise<void>;
} {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-blocked-'));
  const [begun, released] = [join(folder, 'begun'), join(folder, 'released')];
  const script = `touch ${begun}; while [ ! -e ${released} ]; do sleep 0.05; done`;
  const release = () => writeFileSync(released, '');
  onTestFinished(() => {
    release(); // or the process of the tests could not end
    setTimeout(() => rmSync(folder, { recursive: true, force: true }), 1_000);
  });
  return {
    operator: moduleOperator(`emit(batch); execFileSync('sh', ['-c', ${JSON.stringify(script)}]);`, {
      top: `import { execFileSync } from 'node:child_process';`,
    }),
    release,
    until: () => until(() => existsSync(begun)),
  };
}

const leftRunning = {
  outcome: 'stopped',
  error: { code: 'THREAD_LEFT_RUNNING', message: expect.stringContaining('execFileSync'), retryable: false },
};

describe('a thread in a system call that cannot be interrupted', () => {
  it('holds up no drain past its deadline, keeps its place, and gives it back once it has ended', async () => {
    const runtime = await startRuntime({ maxThreads: 1 });
    const { operator, release, until: begun } = blocked();
    const job = await runtime.submit({
      name: 'blocked',
      source: endless,
      operators: [operator],
      sink: discard,
    });
    await begun();
    const next = await runtime.submit({ name: 'next', source: rows(10), sink: discard });
    expect(await job.drain({ deadlineMs: 300 })).toMatchObject(leftRunning);
    expect(job.inspect().state).toBe('stopped');
    expect(next.inspect().state).toBe('queued');
    release();
    expect(await next.outcome).toMatchObject({ outcome: 'completed' });
  });

  it('holds up no stop, and no close of the runtime', async () => {
    const runtime = await startRuntime();
    const [stopped, closed] = [blocked(), blocked()];
    const submit = (name: string, { operator }: typeof stopped) =>
      runtime.submit({ name, source: endless, operators: [operator], sink: discard });
    const [toStop, toClose] = [await submit('a', stopped), await submit('b', closed)];
    await Promise.all([stopped.until(), closed.until()]);
    expect(await toStop.stop()).toMatchObject(leftRunning);
    await runtime.close({ deadlineMs: 300 });
    expect(await toClose.outcome).toMatchObject(leftRunning);
  });
});
