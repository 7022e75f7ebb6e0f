import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';

const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.cjs', import.meta.url));

/** Blocks its thread for far longer than any deadline of the test. */
const BLOCKED = `
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
export default {
  plan: (options, input) => input,
  create: (options, input) => ({
    output: input,
    process() {
      writeFileSync('blocked', '');
      execFileSync('sleep', ['600'], { stdio: 'ignore' });
    },
  }),
};`;

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

/** @param interrupts - Whether Ctrl-C is pressed, again and again, once the job runs. */
function run(args: readonly string[], { interrupts = false } = {}): Promise<Ended> {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'blocked.mjs'), BLOCKED);
  writeFileSync(
    join(folder, 'spec.json'),
    JSON.stringify({
      name: 'blocked',
      source: { use: 'synthetic' },
      operators: [{ use: 'module', path: './blocked.mjs' }],
      sink: { use: 'null' },
    }),
  );
  writeFileSync(
    join(folder, 'settings.json'),
    JSON.stringify({ watchdog: { loop: '1s' }, drainDeadlineMs: 500 }),
  );
  // A process group of its own, so that the call in the thread can be ended with it.
  const child = spawn(process.execPath, [MAIN, 'run', 'spec.json', ...args], { cwd: folder, detached: true });
  onTestFinished(() => {
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // nothing of it is left
    }
  });
  let [out, err] = ['', ''];
  let pressing: NodeJS.Timeout | undefined;
  child.stdout.on('data', (data) => {
    out += data;
  });
  child.stderr.on('data', (data) => {
    err += data;
    if (interrupts && err.includes('blocked: running'))
      pressing ??= setInterval(() => child.kill('SIGINT'), 300);
    if (err.includes('stopping at once')) clearInterval(pressing);
  });
  return new Promise((resolve) => {
    child.once('close', (code, signal) => {
      clearInterval(pressing);
      resolve({ code, signal, out, err });
    });
  });
}

describe('tickloom run with a thread in a call that does not return', () => {
  it('ends by itself once the watchdog has found it, with its report, though process.exit would wait', async () => {
    const { code, signal, out, err } = await run(['--settings', 'settings.json', '--json']);
    expect(err).toContain('the process ends itself by SIGKILL');
    expect({ code, signal }).toEqual({ code: null, signal: 'SIGKILL' });
    expect(JSON.parse(out)).toMatchObject({
      jobs: [{ name: 'blocked', outcome: 'failed', error: { code: 'THREAD_LEFT_RUNNING' } }],
    });
  });

  it('ends once the deadline of --duration has passed', async () => {
    const args = ['--settings', 'settings.json', '--duration', '100ms', '--json'];
    const { signal, out } = await run(args);
    expect(signal).toBe('SIGKILL');
    expect(JSON.parse(out).jobs).toHaveLength(1);
  });

  it('ends by the signal of Ctrl-C', async () => {
    const { code, signal, out } = await run(['--json'], { interrupts: true });
    expect({ code, signal }).toEqual({ code: null, signal: 'SIGINT' });
    expect(JSON.parse(out)).toMatchObject({ jobs: [{ error: { code: 'THREAD_LEFT_RUNNING' } }] });
  });
});
