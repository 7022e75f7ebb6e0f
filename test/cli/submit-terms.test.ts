import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';

const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.cjs', import.meta.url));

const SPECS = `name: report
source: { use: replay, path: loaded.csv, format: csv, kind: quote, columns: { time: time, symbol: symbol, bid: bid, ask: ask } }
sink: { use: "null" }
job: { priority: 3, labels: { team: fx, kind: batch }, dependsOn: [{ job: load }] }
---
name: load
source: { use: synthetic, rows: 500 }
sink: { use: "null" }
job: { tenant: research }
`;

function folderWith(specs: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'specs.yaml'), specs);
  writeFileSync(join(folder, 'loaded.csv'), 'time,symbol,bid,ask\n2024-01-02T00:00:00Z,EUR/USD,1.1,1.2\n');
  return folder;
}

function tickloom(folder: string, ...args: readonly string[]) {
  return new Promise<{ code: number; out: string; err: string }>((resolve) => {
    const child = execFile(process.execPath, [MAIN, ...args], { cwd: folder }, (_, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });
}

const run = (folder: string, ...args: readonly string[]) => tickloom(folder, 'run', 'specs.yaml', ...args);

describe('what a spec says of its job', () => {
  it('is what the job is submitted with', async () => {
    const folder = folderWith(SPECS);
    const { code, err } = await run(folder, '--store', 'kept');
    expect({ code, err }).toMatchObject({ code: 0 });
    const log = readFileSync(join(folder, 'kept', 'jobs.log')).toString('latin1');
    expect(log).toContain('"labels":{"team":"fx","kind":"batch"}');
    expect(log).toContain('"tenant":"research"');
  });

  it('lets a job wait for that of another spec', async () => {
    const { code, err } = await run(folderWith(SPECS), '--log-level', 'debug');
    expect(code).toBe(0);
    const states = [...err.matchAll(/(report|load)\W.*?state\W+(queued|starting|completed)/g)].map(
      ([, job, state]) => `${job} ${state}`,
    );
    expect(states).toEqual(expect.arrayContaining(['load completed', 'report starting']));
    expect(states.indexOf('load completed')).toBeLessThan(states.indexOf('report starting'));
  });

  it('goes behind what the command says, label by label', async () => {
    const folder = folderWith(SPECS);
    await run(folder, '--store', 'kept', '--priority', '-2', '--label', 'team=rates', '--tenant', 'desk');
    const log = readFileSync(join(folder, 'kept', 'jobs.log')).toString('latin1');
    expect(log).toContain('"labels":{"team":"rates","kind":"batch"}');
    expect(log).toContain('"priority":-2');
    expect(log).toContain('"tenant":"desk","dependsOn":[],"labels":{"team":"rates"}');
  });

  it.each([
    [
      'a name that no spec has',
      '[{ job: laod }]',
      /job\.dependsOn\[0\]\.job: .*found "laod" \(did you mean "load"\?\)/,
    ],
    ['itself', '[{ job: report }]', /job\.dependsOn\[0\]\.job: .*report → report/],
  ])('is refused before anything starts, if it waits for %s', async (_, dependsOn, problem) => {
    const folder = folderWith(SPECS.replace('[{ job: load }]', dependsOn));
    const { code, err } = await run(folder);
    expect(code).toBe(2);
    expect(err).toMatch(problem);
  });

  it.each([
    ['--priority', '11', /-10 to 10/],
    ['--label', 'team', /name=text/],
  ])('is refused as %s %s', async (option, text, problem) => {
    const { code, err } = await run(folderWith(SPECS), option, text);
    expect(code).toBe(2);
    expect(err).toMatch(problem);
  });
});
