import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createRuntime } from '../../dist/src/index.js';
import { discard, rows, until } from './threads-support.js';

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-kept-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'store');
}

async function start(path: string) {
  const runtime = await createRuntime({ store: { path } });
  onTestFinished(() => runtime.close());
  return runtime;
}

describe('a runtime with a store', () => {
  it('goes on with its schedules until they are stopped', async () => {
    const path = makeFolder();
    const spec = { name: 'report', source: rows(10), sink: discard } as const;
    const first = await start(path);
    await first.schedule(spec, { use: 'interval', everyMs: 1_000 }, { priority: 2 });
    await until(() => first.schedules()[0]!.submitted > 0);
    await first.close();
    const second = await start(path);
    expect(second.schedules()).toMatchObject([{ name: 'report', overlap: 'skip' }]);
    await until(() => second.schedules()[0]!.submitted > 0);
    expect(second.get('report').inspect()).toMatchObject({ priority: 2 });
    await expect(second.schedule(spec, { use: 'interval', everyMs: 1_000 })).rejects.toMatchObject({
      code: 'JOB_NAME_TAKEN',
    });
    second.getSchedule('report').stop();
    await second.close();
    expect((await start(path)).schedules()).toEqual([]);
  });

  it('goes on from slice to slice, until nothing is left', async () => {
    const path = makeFolder();
    const out = join(path, '..', 'out');
    const spec = { name: 'sliced', source: rows(250), sink: { use: 'jsonl', path: out } } as const;
    const runtime = await start(path);
    const reasons: string[] = [];
    while (reasons.length < 6 && reasons.at(-1) !== 'nothing left') {
      const job = await runtime.submit(spec, { slice: { rows: 100 } });
      reasons.push((await job.outcome).reason);
    }
    expect(reasons).toEqual(['sliced', 'sliced', 'end of input', 'nothing left']);
    const lines = readdirSync(out)
      .filter((name) => !name.startsWith('.'))
      .flatMap((name) => readFileSync(join(out, name), 'utf8').trimEnd().split('\n'));
    expect(new Set(lines).size).toBe(250);
    expect(lines).toHaveLength(250);
  });

  it('refuses what it cannot keep, and a second runtime on its folder', async () => {
    const path = makeFolder();
    const runtime = await start(path);
    const source = { ...rows(10), extra: () => 1 };
    await expect(runtime.submit({ name: 'x', source, sink: discard } as never)).rejects.toThrow(
      /spec\.source\.extra: expected plain data .* "store"/,
    );
    await expect(createRuntime({ store: { path } })).rejects.toMatchObject({ code: 'STORE_IN_USE' });
    expect(() => runtime.getSchedule('x')).toThrow(expect.objectContaining({ code: 'JOB_UNKNOWN' }));
    await expect(createRuntime({ store: { load: () => {} } as never })).rejects.toThrow(/store of jobs/);
  });
});
