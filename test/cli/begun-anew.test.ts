import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';

const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.cjs', import.meta.url));

function workplace() {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const spec = {
    name: 'feed',
    source: { use: 'synthetic', rows: 50 },
    sink: { use: 'csv', path: 'out', ifExists: 'append' },
  };
  writeFileSync(join(folder, 'spec.json'), JSON.stringify(spec));
  return (...args: readonly string[]) =>
    new Promise<{ code: number; err: string }>((resolve) => {
      const child = execFile(
        process.execPath,
        [MAIN, 'run', 'spec.json', ...args],
        { cwd: folder },
        (_, __, err) => resolve({ code: child.exitCode ?? -1, err }),
      );
    });
}

const LINE = 'feed: its last run has completed, so a new one begins, from the start of its source';

describe('a command whose last run has ended', () => {
  it.each([['--checkpoints'], ['--store']])('says with %s, once, that a new one begins', async (option) => {
    const run = workplace();
    const first = await run(option, 'kept');
    expect(first).toMatchObject({ code: 0, err: expect.not.stringContaining('new one begins') });
    const second = await run(option, 'kept');
    expect(second.code).toBe(0);
    expect(second.err.split(LINE)).toHaveLength(2);
  });

  it('says nothing of the kind without checkpoints', async () => {
    const run = workplace();
    await run();
    expect((await run()).err).not.toContain('new one begins');
  });
});
