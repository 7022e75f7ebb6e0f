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

function folderWith(spec: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'specs.yaml'), spec);
  return folder;
}

function runIn(folder: string, ...args: readonly string[]) {
  const all = [MAIN, 'run', 'specs.yaml', '--checkpoints', 'kept', ...args];
  return new Promise<{ code: number; out: string; err: string }>((resolve) => {
    const child = execFile(process.execPath, all, { cwd: folder }, (_, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });
}

describe('a spec that reads a topic', () => {
  it.each([
    ['rows', ['--slice-rows', '1000']],
    ['a duration', ['--slice-duration', '1s']],
  ])('is refused with a slice of %s, before anything is started', async (_, slice) => {
    const folder = folderWith(PAIR);
    const { code, err } = await runIn(folder, ...slice);
    expect(code).toBe(2);
    expect(err).toMatch(
      /specs\.yaml.* source: expected no topic in a job with a slice, found "ticks": .*lost/,
    );
    expect(err).not.toContain('maker');
    expect(readdirSync(folder)).toEqual(['specs.yaml']);
  });

  it('ends with its producer at a bound', async () => {
    const { code, err } = await runIn(folderWith(PAIR), '--max-rows', '1000');
    expect({ code, err }).toMatchObject({ code: 0 });
  });
});

describe('a slice of a run that has completed', () => {
  it('has nothing left, and says how to begin a new run', async () => {
    const folder = folderWith('name: one\nsource: { use: synthetic, rows: 50 }\nsink: { use: "null" }\n');
    await runIn(folder, '--slice-rows', '80');
    const { code, out } = await runIn(folder, '--slice-rows', '80');
    expect(code).toBe(0);
    expect(out).toMatch(/completed \(nothing left\)/);
    expect(out).toMatch(/^one: its run has completed, .* A start without a slice begins a new run/m);
  });
});
