import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';

const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.cjs', import.meta.url));

function folderWith(spec: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'specs.yaml'), spec);
  return folder;
}

const runIn = (folder: string, ...args: readonly string[]) =>
  new Promise<{ code: number; out: string; err: string }>((resolve) => {
    const all = [MAIN, 'run', 'specs.yaml', ...args];
    const child = execFile(process.execPath, all, { cwd: folder }, (_, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });

const TABLE = 'name: table\nsource: { use: synthetic, rows: 5 }\nsink: { use: console, to: stdout }\n';

describe('jobs in processes of their own', () => {
  it('print on the standard output what they print in threads', async () => {
    const folder = folderWith(TABLE);
    const process = await runIn(folder, '--isolation', 'process');
    const thread = await runIn(folder);
    expect(process.code).toBe(0);
    const rowsOf = (out: string) => out.split('\n').filter((line) => /\d{4}-\d\d-\d\dT/.test(line));
    expect(rowsOf(process.out)).toEqual(rowsOf(thread.out));
    expect(rowsOf(process.out)).toHaveLength(5);
  });

  it('are drained by a signal to the group of the command, as a terminal sends it', async () => {
    const folder = folderWith(
      'name: endless\nsource: { use: synthetic }\nsink: { use: jsonl, path: out, rotate: { rows: 1000 } }\n',
    );
    const args = [MAIN, 'run', 'specs.yaml', '--isolation', 'process', '--json'];
    const command = spawn(process.execPath, args, {
      cwd: folder,
      detached: true,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const end = () => {
      try {
        process.kill(-command.pid!, 'SIGKILL');
      } catch {
        // It has ended.
      }
    };
    onTestFinished(end);
    let out = '';
    command.stdout.on('data', (chunk) => {
      out += chunk;
    });
    const written = () => readdirSync(folder).includes('out') && readdirSync(join(folder, 'out')).length > 2;
    while (!written()) await new Promise((resolve) => setTimeout(resolve, 20));
    process.kill(-command.pid!, 'SIGINT');
    const code = await new Promise((resolve) => command.once('close', resolve));
    const [job] = JSON.parse(out).jobs;
    expect([code, job.outcome, job.reason, job.rowsPending]).toEqual([130, 'completed', 'drained', 0]);
    const lines = readdirSync(join(folder, 'out')).flatMap((name) =>
      readFileSync(join(folder, 'out', name), 'utf8')
        .trimEnd()
        .split('\n'),
    );
    expect(lines).toHaveLength(job.rowsOut);
  });

  it('are refused before anything is started where they share topics', async () => {
    const folder = folderWith(
      'name: maker\nsource: { use: synthetic, rows: 5 }\nsink: { use: topic, topic: ticks }\n',
    );
    const { code, err } = await runIn(folder, '--isolation', 'process');
    expect(code).toBe(2);
    expect(err).toMatch(
      /specs\.yaml: isolation: expected "thread", since topics cannot reach into another process/,
    );
  });
});
