import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';

const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.cjs', import.meta.url));

const PAIR = `name: maker
source: { use: synthetic, rows: 5000 }
sink: { use: topic, topic: ticks }
---
name: reader
source: { use: topic, topic: ticks, overflow: block }
sink: { use: jsonl, path: out }
`;

/** @returns The exit code, and what came on standard error. */
function runPair(...args: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'pair.yaml'), PAIR);
  const all = [MAIN, 'run', 'pair.yaml', '--checkpoints', 'kept', ...args];
  return new Promise<{ code: number; err: string; left: readonly string[] }>((resolve) => {
    const child = execFile(process.execPath, all, { cwd: folder }, (_, __, err) =>
      resolve({ code: child.exitCode ?? -1, err, left: readdirSync(folder) }),
    );
  });
}

describe('a spec that reads a topic', () => {
  it.each([
    ['rows', ['--slice-rows', '1000']],
    ['a duration', ['--slice-duration', '1s']],
  ])('is refused with a slice of %s, before anything is started', async (_, slice) => {
    const { code, err, left } = await runPair(...slice);
    expect(code).toBe(2);
    expect(err).toMatch(
      /pair\.yaml.* source: expected no topic in a job with a slice, found "ticks": .*lost/,
    );
    expect(err).not.toContain('maker');
    expect(left).toEqual(['pair.yaml']);
  });

  it('ends with its producer at a bound', async () => {
    const { code, err } = await runPair('--max-rows', '1000');
    expect({ code, err }).toMatchObject({ code: 0 });
  });
});
