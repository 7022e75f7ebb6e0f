import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type PartsOptions, parts } from '../../src/cli/commands/parts.js';
import { type ReleaseCommandOptions, release } from '../../src/cli/commands/release.js';
import { stateFolderOf } from '../../src/outputs/runs/state-folder.js';
import { temporaryDirectory, ticks } from '../stages/sinks/sink-rows.js';
import { called } from '../support/called-command.js';
import { disguiseRuns, remainsOf, runWhole, startRun } from '../support/file-runs.js';

const callParts = (paths: readonly string[], options: PartsOptions = {}) =>
  called((terminal) => parts(paths, options, terminal));
const callRelease = (paths: readonly string[], options: ReleaseCommandOptions = {}) =>
  called((terminal) => release(paths, options, terminal));

/** A directory with two parts of a run that ended, and a run of another host. */
async function farOutput() {
  const path = join(temporaryDirectory(), 'out');
  await runWhole(path, ticks(3), { rotate: { rows: 2 } });
  const far = await startRun(path, { job: 'far', ifExists: 'append', checkpointed: true });
  await far.write(ticks(2));
  await far.prepare();
  disguiseRuns(path, { host: 'worker-7' });
  return { path, far };
}

describe('tickloom parts', () => {
  it('sums up parts by run, and says whose the rest is', async () => {
    const { path, far } = await farOutput();
    const { code, out, err } = await callParts([path]);
    expect([code, err]).toEqual([0, '']);
    const [, run] = /-([a-z2-7]{10})-00001-000001/.exec(readdirSync(path).join())!;
    expect(out).toContain(`${path}: 2 parts, `);
    expect(out).toMatch(new RegExp(`${run} │ 1      │ 2     │`));
    expect(out).toMatch(/kept: a checkpoint store may resume it/);
    expect(out).toMatch(
      /run \w+ of job "far" \(append, process \d+ on "worker-7"\) cannot be seen from this host or container\n/,
    );
    expect(out).not.toContain('000002.jsonl');
    expect((await callParts([path], { all: true })).out).toContain('000002.jsonl');
    await far.close();
  });

  it('prints one document with --json, also where a path is none', async () => {
    const { path, far } = await farOutput();
    const { code, out, err } = await callParts([path, `${path}-not`], { json: true, all: true });
    expect(code).toBe(1);
    expect(err).toBe(
      `${path}-not: expected an output (a directory of parts, a file or a spec), found nothing of that name\n`,
    );
    const { outputs } = JSON.parse(out);
    expect(outputs).toMatchObject([
      {
        path,
        kind: 'directory',
        files: 2,
        counts: [{ epochs: [1], files: 2 }],
        parts: [
          { epoch: 1, sequence: 1 },
          { epoch: 1, sequence: 2 },
        ],
        staged: [{ epoch: 1, isKept: true, isFenced: false, owner: 'elsewhere' }],
        runs: [{ liveness: 'elsewhere', job: 'far', mode: 'append', host: 'worker-7' }],
        replacements: [],
        foreign: [],
        manifest: null,
      },
      { kind: 'missing', files: 0, state: null },
    ]);
    await far.close();
  });

  it('takes the outputs of all jobs of a spec, by their sinks alone, each once', async () => {
    const { path, far } = await farOutput();
    const folder = temporaryDirectory();
    const spec = join(folder, 'jobs.yaml');
    const job = (name: string, sink: string) => `name: ${name}\nsource: { use: nothing }\nsink: ${sink}\n`;
    writeFileSync(
      spec,
      [
        job('a', `{ use: jsonl, path: ${path}, ifExists: append }`),
        job('b', `{ use: jsonl, path: ${path}, ifExists: append }`),
        job('c', `{ use: csv, path: ${folder}/later.csv }`),
        job('d', '{ use: "null" }'),
      ].join('---\n'),
    );
    const { code, out, err } = await callParts([spec, path]);
    expect(code).toBe(0);
    expect(out.split(`${path}: 2 parts`)).toHaveLength(2);
    expect(err).toBe(`${folder}/later.csv: nothing is there yet; ${spec} writes to it\n`);
    await far.close();
  });

  it('lists what can be told of a spec with a sink of the user, and says what is left out', async () => {
    const { path } = await farOutput();
    const folder = temporaryDirectory();
    const spec = join(folder, 'spec.yaml');
    const inner = `{ use: split, routes: { a: { when: x > 1, use: mine, path: mine.out }, b: { when: x > 1, use: "null" } } }`;
    writeFileSync(
      spec,
      `name: a\nsource: { use: synthetic, kind: trade, rows: 1 }\nsink: { use: tee, branches: [{ use: mine, path: ${folder}/mine.out }, { use: jsonl, path: ${path} }] }\n` +
        `---\nname: b\nsink: { use: tee, branches: [${inner}, { use: csv, path: ${folder}/b.csv }] }\n`,
    );
    const { code, out, err } = await callParts([spec]);
    expect(code).toBe(2);
    expect(err).toMatch(/spec\.yaml:3:32 sink\.branches\[0\]\.use: expected .* found "mine"/);
    expect(err).toContain('sink.branches[0].routes.a.use: expected');
    expect(out).toContain(`${path}: 2 parts, `);
    expect(err).toContain(`${folder}/b.csv: nothing is there yet`);
    expect((await callRelease([spec])).code).toBe(2);
  });

  it('names what is wrong with a spec by line and column', async () => {
    const folder = temporaryDirectory();
    const spec = join(folder, 'spec.yaml');
    writeFileSync(spec, 'name: a\nsink: { use: csv }\n---\nname: b\n---\n[1]\n');
    const { code, out, err } = await callParts([spec, join(folder, 'none.json')]);
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(/spec\.yaml:2:1 sink\.path: expected/);
    expect(err).toMatch(/spec\.yaml:4:1 sink: expected a sink with "use"/);
    expect(err).toMatch(/spec\.yaml:6:1: expected a mapping, found a list/);
    expect(err).toMatch(/none\.json:1:1: expected the file of a spec, found no file/);
  });

  it('asks for its module or the output itself where a sink is none of this package', async () => {
    const file = join(temporaryDirectory(), 'own.yaml');
    writeFileSync(file, 'name: own\nsink: { use: kraken, path: out }\n');
    const { code, err } = await callParts([file]);
    expect(code).toBe(2);
    expect(err).toMatch(
      /own\.yaml:2:9 sink\.use: expected the name of a sink .*found "kraken"; of a sink of your own, name its module with --components, or the output/,
    );
  });

  it('takes a directory for an output whatever it is called, and prints no control characters', async () => {
    const path = join(temporaryDirectory(), 'out.json');
    mkdirSync(path);
    writeFileSync(join(path, '\u001b[31mred.txt'), '');
    writeFileSync(join(path, 'manifest.json'), '{}');
    const { code, out } = await callParts([path]);
    expect(code).toBe(0);
    expect(out).toContain('0 parts');
    expect(out).toContain('�[31mred.txt');
    expect(out).toMatch(/manifest\.json" is from an earlier version/);
  });
});

describe('tickloom release', () => {
  it('changes nothing before somebody is sure, then lets the next run open the output', async () => {
    const { path, far } = await farOutput();
    const entries = () =>
      readdirSync(join(stateFolderOf(path), 'runs')).map((name) =>
        readFileSync(join(stateFolderOf(path), 'runs', name), 'utf8'),
      );
    const before = entries();
    const asked = await callRelease([path]);
    expect(asked.code).toBe(1);
    expect(asked.out).toMatch(/: to be released\n {2}frees run \w+ of job "far" .*"worker-7"/);
    expect(asked.err).toContain(
      'Nothing was changed. Add --yes once you are sure that these runs are over.\n',
    );
    expect(entries()).toEqual(before);
    const done = await callRelease([path], { yes: true });
    expect(done.code).toBe(0);
    expect(done.out).toMatch(/: released\n {2}freed run \w+ of job "far"/);
    expect(done.err).toMatch(/stay, since a checkpoint store may resume them; --staged releases them, too/);
    await runWhole(path, ticks(1), { ifExists: 'replace' });
    await far.close();
    expect(await callRelease([path], { yes: true })).toMatchObject({
      code: 0,
      out: `${path}: nothing to release\n`,
    });
  });

  it('says what --staged costs, before and after', async () => {
    const { path, far } = await farOutput();
    const asked = await callRelease([path], { staged: true });
    expect(asked.out).toMatch(
      /removes the staged files of run \w+ \(1 file, .*\): its checkpoint can then no longer/,
    );
    expect(remainsOf(path)).not.toEqual([]);
    const done = await callRelease([path], { staged: true, yes: true });
    expect([done.code, done.err]).toEqual([0, '']);
    expect(done.out).toMatch(/its checkpoint can no longer be resumed/);
    expect(remainsOf(path)).toEqual([]);
    await far.close();
  });

  it('names the process of a run that is at work, and fails', async () => {
    const path = join(temporaryDirectory(), 'out');
    const run = await startRun(path);
    const { code, err } = await callRelease([path], { yes: true, staged: true });
    expect(code).toBe(1);
    expect(err).toMatch(new RegExp(`process ${process.pid} on ".*"\\) is at work, and is not released`));
    await run.close();
  });

  it('goes on with the next path after one that is none', async () => {
    const { path, far } = await farOutput();
    const { code, out, err } = await callRelease([`${path}-not`, path], { yes: true });
    expect([code, err]).toEqual([1, expect.stringContaining('found nothing of that name')]);
    expect(out).toContain(`${path}: released`);
    await far.close();
  });
});
