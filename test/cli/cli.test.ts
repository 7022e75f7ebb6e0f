import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

// Threads run the build, so this does, too: `npm test` makes it.
const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.cjs', import.meta.url));
const ENDLESS = 'name: endless\nsource: { use: synthetic, rate: 1000 }\nsink: { use: "null" }\n';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickloom-cli-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/**
 * @param onErr - Sees all of standard error so far, whenever it grows.
 * @param output - In place of a pipe.
 */
function tickloom(
  args: string[],
  onErr?: (err: string, child: ChildProcess) => void,
  output: number | 'pipe' = 'pipe',
  env: NodeJS.ProcessEnv = {},
): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [MAIN, ...args], {
      cwd: folder,
      stdio: ['ignore', output, 'pipe'],
      env: { ...process.env, ...env },
    });
    let out = '';
    let err = '';
    child.stdout?.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr?.on('data', (chunk) => {
      err += chunk;
      onErr?.(err, child);
    });
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

const write = (name: string, text: string) => writeFile(join(folder, name), text);

describe('tickloom run', () => {
  it('says on standard error for what rows were dropped, with --json too, and exits as ever', async () => {
    await write(
      'late.mjs',
      `export default {
        plan: (options, input) => input,
        create: (options, input) => {
          let late = 0;
          return {
            output: input,
            process(batch, emit) {
              const rows = Math.min(batch.length, 12 - late);
              late += rows;
              batch.length -= rows;
              emit(batch);
            },
            tally: () => ({ dropped: late, late }),
          };
        },
      };`,
    );
    const spec = (name: string, operators: string) =>
      `name: ${name}\nsource: { use: synthetic, rows: 100 }\noperators: [${operators}]\nsink: { use: "null" }\n`;
    await write(
      'specs.yaml',
      `${spec('quotes', '{ use: module, path: ./late.mjs }')}---\n${spec('whole', '')}`,
    );
    const plain = await tickloom(['run', 'specs.yaml']);
    expect(plain.code).toBe(0);
    expect(plain.err.split('\n').filter((line) => line.includes('dropped'))).toEqual([
      'quotes: 12 rows dropped: 12 late',
    ]);
    const { code, out, err } = await tickloom(['run', 'specs.yaml', '--json']);
    expect(code).toBe(0);
    expect(err).toContain('quotes: 12 rows dropped: 12 late\n');
    expect(JSON.parse(out).jobs).toMatchObject([
      { rowsDropped: 12, rowsLate: 12, dropped: { late: 12 } },
      { rowsDropped: 0, rowsLate: 0, dropped: { late: 0 } },
    ]);
  });

  it('replays a file into bars, prints counts that add up, and says how to look into them', async () => {
    await write('ticks.csv', 't,b,a\n1399525200000,1,2\n1399525230500,0,3\n1399525260000,3,5\n');
    await write(
      'spec.yaml',
      `name: bars
source: { use: replay, path: ticks.csv, kind: quote, columns: { time: { from: t, unit: ms }, symbol: { value: X }, bid: b, ask: a } }
operators:
  - { use: filter, where: "bid > 0" }
  - { use: derive, columns: { mid: "(bid + ask) / 2" } }
  - { use: bars, every: 1m, price: mid }
sink: { use: csv, path: out.csv }
`,
    );
    const { code, out } = await tickloom(['run', 'spec.yaml']);
    expect(code).toBe(0);
    expect(out).toContain(
      'bars: 3 in + 2 derived = 2 out + 1 filtered + 2 folded + 0 dropped + 0 rejected (adds up)',
    );
    expect(out).toMatch(/Look into them: .*show out\.csv\n$/);
    expect((await readFile(join(folder, 'out.csv'), 'utf8')).trim().split('\n')).toHaveLength(3);

    const shown = await tickloom(['show', 'out.csv', '--rows', '1']);
    expect(shown.code).toBe(0);
    expect(shown.out).toContain('2014-05-08T05:00:00.000000000Z');
    expect(shown.out).not.toContain('2014-05-08T05:01:00.000000000Z');
  });

  it('says where rows of branches were left out, with --json too', async () => {
    await write(
      'routes.yaml',
      'name: routes\nsource: { use: synthetic, kind: trade, rows: 1000 }\n' +
        'sink: { use: split, routes: { a: { when: "size > 90", use: "null", name: large } } }\n',
    );
    const { code, out, err } = await tickloom(['run', 'routes.yaml', '--json']);
    expect(code).toBe(0);
    const [{ leftOut, branches }] = JSON.parse(out).jobs;
    const { rowsUnrouted } = leftOut;
    expect(rowsUnrouted).toBeGreaterThan(0);
    expect(err).toContain(`routes: ${rowsUnrouted} rows unrouted: sink passed them to no branch`);
    const rows = 1_000 - rowsUnrouted;
    expect(branches).toEqual({
      'sink.routes.a': expect.objectContaining({
        name: 'large',
        rowsIn: rows,
        rowsOut: rows,
        rowsNotDurable: 0,
      }),
    });
  });

  it('prints one document and nothing else with --json, whatever a sink prints to the output', async () => {
    await write(
      'a.yaml',
      'name: a\nsource: { use: synthetic, rows: 5 }\nsink: { use: console, to: stdout }\n',
    );
    const { code, out, err } = await tickloom(['run', 'a.yaml', '--json']);
    expect(code).toBe(0);
    const { jobs } = JSON.parse(out) as { jobs: object[] };
    expect(out.trim().split('\n')).toHaveLength(1);
    expect(jobs).toEqual([
      expect.objectContaining({
        name: 'a',
        outcome: 'completed',
        error: null,
        rowsIn: 5,
        rowsOut: 5,
        outputs: [],
      }),
    ]);
    expect(err).toContain('SYM');
  });

  it('writes Parquet that show prints with types and nanoseconds', async () => {
    const source = 'source: { use: synthetic, rows: 2000, interval: 7ns }';
    await write('p.yaml', `name: p\n${source}\nsink: { use: parquet, path: out/p }\n`);
    expect((await tickloom(['run', 'p.yaml'])).code).toBe(0);
    const { code, out } = await tickloom(['show', 'out/p', '--rows', '2']);
    expect(code).toBe(0);
    expect(out).toContain('first 2 of 2,000 rows');
    expect(out).toContain('timestamp nanos');
    expect(out).toContain('2024-01-02T00:00:00.000000007Z');
  });

  it('lets other jobs go on when one fails, and ends with 1', async () => {
    await write(
      'two.yaml',
      'name: good\nsource: { use: synthetic, rows: 3000 }\nsink: { use: "null" }\n---\n' +
        'name: bad\nsource: { use: synthetic, rows: 3000, faults: { errorAtRow: 100 } }\nsink: { use: "null" }\n',
    );
    const { code, out, err } = await tickloom(['run', 'two.yaml', '--json']);
    expect(code).toBe(1);
    const { jobs } = JSON.parse(out) as { jobs: { outcome: string; rowsOut: number; error: unknown }[] };
    expect(jobs.map(({ outcome }) => outcome)).toEqual(['completed', 'failed']);
    expect(jobs[0]!.rowsOut).toBe(3000);
    expect(jobs[1]!.error).toEqual({
      code: expect.any(String),
      message: expect.any(String),
      stage: 'source',
    });
    expect(err).toContain('bad failed: ');
  });

  it('tells a failure once, when it happens, and in the log only at debug', async () => {
    await write(
      'bad.yaml',
      'name: bad\nsource: { use: synthetic, faults: { errorAtRow: 5 } }\nsink: { use: "null" }\n',
    );
    const { code, err } = await tickloom(['run', 'bad.yaml']);
    expect(code).toBe(1);
    expect(err).toContain('bad failed: Synthetic source failed at row 5, as asked [SOURCE_FAILED]\n');
    expect(err.match(/failed at row 5/g)).toHaveLength(1);
    const { err: debug } = await tickloom(['run', 'bad.yaml', '--log-level', 'debug']);
    expect(debug).toContain('"state":"failed"');
  });

  it('sends what a module logs to standard error, from its thread with the name of the job', async () => {
    await write(
      'chatty.mjs',
      `console.log('loaded');
export default {
  plan: (_, input) => input,
  create: (_, output) => ({ output, process(batch, emit) { console.log('rows\\n', batch.length); emit(batch); } }),
};
`,
    );
    await write(
      'chatty.yaml',
      'name: chatty\nsource: { use: synthetic, rows: 5 }\noperators: [{ use: module, path: ./chatty.mjs }]\nsink: { use: "null" }\n',
    );
    const { code, out, err } = await tickloom(['run', 'chatty.yaml']);
    expect(code).toBe(0);
    expect(out).toMatch(/^┌/);
    expect(out).not.toContain('loaded');
    expect(err.match(/^\[chatty\] loaded\n/gm)).toHaveLength(2); // as the spec is checked, and as it runs
    expect(err).toContain('[chatty] rows\n[chatty]  5\n');
    expect((await tickloom(['validate', 'chatty.yaml'])).out).toBe('chatty.yaml: chatty: ok\n');
  });

  it.each([
    ['ends the process', 'process.exit(0);', 'it ended its thread with exit code 0'],
    ['never finishes loading', 'await new Promise(() => {});', 'it never finishes loading'],
  ])('ends with 2 and says where when a module %s as the spec is checked', async (_, code, message) => {
    await write('odd.mjs', code);
    await write('odd.yaml', `${ENDLESS}operators: [{ use: module, path: ./odd.mjs }]\n`);
    for (const command of ['run', 'validate']) {
      const ended = await tickloom([command, 'odd.yaml']);
      expect(ended).toMatchObject({ code: 2, out: '' });
      expect(ended.err).toContain('odd.yaml:');
      expect(ended.err).toContain(`operators[0]: module "./odd.mjs": ${message}`);
    }
  });

  it('refuses a module from outside of the working directory, and takes it where the settings name its folder', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'tickloom-modules-'));
    const path = join(elsewhere, 'same.mjs');
    await writeFile(
      path,
      'export default { plan: (_, input) => input, create: (_, output) => ({ output, process: (batch, emit) => emit(batch) }) };',
    );
    await write(
      'away.yaml',
      `${ENDLESS.replace('synthetic', 'synthetic, rows: 5')}operators: [{ use: module, path: ${path} }]\n`,
    );
    const refused = await tickloom(['run', 'away.yaml']);
    expect(refused.code).toBe(2);
    expect(refused.err).toContain('operators[0].path: module');
    expect(refused.err).toContain('"moduleFolders" of the settings');
    await write('settings.yaml', `moduleFolders: [${elsewhere}]\n`);
    expect((await tickloom(['run', 'away.yaml', '--settings', 'settings.yaml'])).code).toBe(0);
    await rm(elsewhere, { recursive: true });
  });

  it('ends with 1 and says so when something ends the process before the command has', async () => {
    await write(
      'leave.cjs',
      "require('node:worker_threads').isMainThread && setTimeout(() => process.exit(0), 100);",
    );
    await write('long.yaml', ENDLESS);
    const ended = await tickloom(['run', 'long.yaml'], undefined, 'pipe', {
      NODE_OPTIONS: '--require ./leave.cjs',
    });
    expect(ended.code).toBe(1);
    expect(ended.err).toContain('error: the process ended before the command did');
  });

  it('ends with 1 and says so when its output cannot be written', async () => {
    await write('few.yaml', 'name: few\nsource: { use: synthetic, rows: 5 }\nsink: { use: "null" }\n');
    const readOnly = await open(join(folder, 'few.yaml'), 'r');
    const ended = await tickloom(['run', 'few.yaml', '--json'], undefined, readOnly.fd);
    await readOnly.close();
    expect(ended.code).toBe(1);
    expect(ended.err).toMatch(/\nerror: standard output cannot be written: .*\n$/);
  });

  it('names every problem of every file with its place, starts nothing, and ends with 2', async () => {
    await write(
      'one.yaml',
      'name: one\nsource: { use: synthetic, rows: 0, symbolz: 1 }\nsink: { use: "null" }\n',
    );
    await write(
      'two.json',
      '{\n\t"name": "two",\n\t"source": {"use": "replai"},\n\t"sink": {"use": "null"}\n}\n',
    );
    const { code, out, err } = await tickloom(['run', 'one.yaml', 'two.json', 'none.yaml', '--json']);
    expect(code).toBe(2);
    expect(err).toContain('one.yaml:2:27 source.rows: ');
    expect(err).toContain('one.yaml:2:36 source.symbolz: ');
    expect(err).toContain('two.json:3:13 source.use: ');
    expect(err).toContain('none.yaml:1:1: ');
    const { jobs } = JSON.parse(out) as {
      jobs: { name: string; outcome: string; error: { code: string } }[];
    };
    expect(jobs.map(({ name }) => name)).toEqual(['one', 'two', 'none.yaml']);
    expect(jobs.every(({ outcome, error }) => outcome === 'failed' && error.code === 'SPEC_INVALID')).toBe(
      true,
    );
  });

  it('drains after --duration, which counts as completed', async () => {
    await write('endless.yaml', ENDLESS);
    const { code, out } = await tickloom(['run', 'endless.yaml', '--duration', '100ms', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      jobs: [{ outcome: 'completed', reason: 'bounded', bound: 'duration', rowsPending: 0 }],
    });
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('drains on %s, says so, and ends with %i', async (signal, exitCode) => {
    await write('endless.yaml', ENDLESS);
    let sent = false;
    const { code, out, err } = await tickloom(['run', 'endless.yaml', '--json'], (text, child) => {
      if (!sent && text.includes('endless: running')) sent = child.kill(signal);
    });
    expect(code).toBe(exitCode);
    expect(err).toContain(`${signal}: draining`);
    expect(JSON.parse(out)).toMatchObject({ jobs: [{ outcome: 'completed', reason: 'drained' }] });
  });

  it('stops a job that does not drain on the second Ctrl-C', async () => {
    await write(
      'stuck.mjs',
      'export default { plan: (_, input) => input, create: (_, output) => ({ output, process() { for (;;); }, flush() {} }) };\n',
    );
    await write(
      'stuck.yaml',
      'name: stuck\nsource: { use: synthetic }\noperators: [{ use: filter, where: "bid > 0" }, { use: module, path: ./stuck.mjs }]\nsink: { use: "null" }\n',
    );
    let timer: NodeJS.Timeout | undefined;
    const { code, out, err } = await tickloom(['run', 'stuck.yaml', '--json'], (text, child) => {
      // Signals that come close together are one press: sent until one is taken as the second.
      if (text.includes('stuck: running')) timer ??= setInterval(() => child.kill('SIGINT'), 300);
      if (text.includes('stopping at once')) clearInterval(timer);
    }).finally(() => clearInterval(timer));
    expect(err).toContain('SIGINT: draining');
    expect(code).toBe(130);
    expect(JSON.parse(out)).toMatchObject({ jobs: [{ outcome: 'stopped' }] });
  });
});

describe('tickloom show', () => {
  it('prints what is in the folders of partitions', async () => {
    const sink = { use: 'csv', path: 'by', partitionBy: ['symbol'] };
    const source = { use: 'synthetic', rows: 6, symbols: 2 };
    await write('by.json', JSON.stringify({ name: 'by', source, sink }));
    expect(await tickloom(['run', 'by.json'])).toMatchObject({ code: 0 });
    const { code, out } = await tickloom(['show', 'by', '--rows', '1']);
    expect(code).toBe(0);
    expect(out).toMatch(/symbol=SYM000\/by-.*\.csv: first 1 .*symbol=SYM001\/by-/s);
  });

  it('goes on after a file that it cannot read, says what is wrong with it, and ends with 1', async () => {
    await write('empty.parquet', '');
    await write('text.parquet', 'no Parquet, but longer than that');
    await write('half.jsonl', '{"a":1}\n{"a"');
    await write('good.csv', 'a,b\n1,"x,y"\n');
    const files = ['none.csv', 'empty.parquet', 'text.parquet', 'half.jsonl', 'good.csv'];
    const { code, out, err } = await tickloom(['show', ...files]);
    expect(code).toBe(1);
    expect(err.split('\n')).toEqual([
      'none.csv: expected a file or directory, found none of that name',
      'empty.parquet: expected a Parquet file, found one of 0 bytes',
      expect.stringMatching(/^text\.parquet: cannot be read: /),
      'half.jsonl: line 2: expected JSON, found "{"a""',
      '',
    ]);
    expect(out).toMatch(/^good\.csv: first 1 row\n/);
    expect(out).toContain('x,y');
  });
});

describe('tickloom', () => {
  it('prints the version of the package', async () => {
    const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(await tickloom(['--version'])).toEqual({ code: 0, out: `${version}\n`, err: '' });
  });

  it('ends with 2 and a suggestion on a command or option that it does not know', async () => {
    const command = await tickloom(['rnu']);
    expect(command).toMatchObject({ code: 2, out: '' });
    expect(command.err).toContain('run');
    const option = await tickloom(['run', 'x.yaml', '--jsno']);
    expect(option).toMatchObject({ code: 2, out: '' });
    expect(option.err).toContain('--json');
  });

  it('says ok of a spec that can be run, and names a wrong override by its text', async () => {
    await write('endless.yaml', ENDLESS);
    expect(await tickloom(['validate', 'endless.yaml'])).toMatchObject({
      code: 0,
      out: 'endless.yaml: endless: ok\n',
    });
    const refused = await tickloom(['validate', 'endless.yaml', '--set', 'batcher.maxRows=0']);
    expect(refused).toMatchObject({ code: 2, out: '' });
    expect(refused.err).toMatch(/^--set batcher\.maxRows=0: batcher\.maxRows: expected /);
  });

  it('refuses specs that read or write one file, with the line of the later one, before anything starts', async () => {
    const replay = '{ use: replay, path: "*.csv", kind: custom, columns: { price: { from: price } } }';
    await write('ticks.csv', 'price\n1\n');
    await write(
      'specs.yaml',
      `name: first
source: ${replay}
sink: { use: jsonl, path: out/first.jsonl }
---
name: second
source: { use: synthetic, rows: 10 }
sink:
  use: csv
  path: ./all.csv
deadLetter: { path: out/../out/first.jsonl }
`,
    );
    const problems = [
      'specs.yaml:9:3 sink.path: expected a path that nothing reads, found "./all.csv", and the glob "*.csv" of ' +
        'source.path of spec "first" matches it; choose another path',
      'specs.yaml:10:15 deadLetter.path: expected a path of its own, found "out/../out/first.jsonl", where ' +
        'sink.path of spec "first" writes (as "out/first.jsonl"); choose another path',
    ];
    const checked = await tickloom(['validate', 'specs.yaml']);
    expect(checked).toMatchObject({ code: 2, out: 'specs.yaml: first: ok\n' });
    expect(checked.err.trim().split('\n').toSorted()).toEqual(problems.toSorted());
    const ran = await tickloom(['run', 'specs.yaml']);
    expect(ran).toEqual({ code: 2, out: '', err: checked.err });
    expect(await readdir(folder)).toEqual(['specs.yaml', 'ticks.csv']);
  });

  it('refuses a glob that matches the output of its own spec, each of three times', async () => {
    await write('a.csv', 'price\n1\n');
    await write(
      'own.yaml',
      'name: own\nsource: { use: replay, path: "*.csv", kind: custom, columns: { price: price } }\n' +
        'sink: { use: csv, path: all.csv, ifExists: replace }\n',
    );
    for (let run = 0; run < 3; run++) {
      const refused = await tickloom(['run', 'own.yaml']);
      expect(refused).toMatchObject({ code: 2, out: '' });
      expect(refused.err).toMatch(
        /^own\.yaml:2:24 source\.path: .*the glob "\*\.csv", which matches "all\.csv"/,
      );
    }
    for (let run = 0; run < 3; run++) {
      expect(
        (await tickloom(['run', 'own.yaml', '--set', 'source.path=a*.csv', '--set', 'sink.path=out/all.csv']))
          .code,
      ).toBe(0);
      expect(await readFile(join(folder, 'out/all.csv'), 'utf8')).toBe('price\n1\n');
    }
  });

  it.each(['run', 'validate'])(
    'refuses a job that cannot run in the host that its spec names (%s)',
    async (command) => {
      await write(
        'shares.yaml',
        `name: shares\nsource: { use: synthetic }\nsink: { use: topic, topic: t }\nisolation: process\n`,
      );
      const ended = await tickloom([command, 'shares.yaml']);
      expect(ended).toMatchObject({ code: 2, out: '' });
      expect(ended.err).toContain(
        'isolation: expected "thread", since topics cannot reach into another process yet',
      );
    },
  );

  it('refuses a dead-letter file that is anything else, and says so when it is validated', async () => {
    await write('bad.yaml', `${ENDLESS}deadLetter: { path: bad.yaml }\n`);
    for (const command of ['validate', 'run']) {
      const refused = await tickloom([command, 'bad.yaml']);
      expect(refused).toMatchObject({ code: 2, out: '' });
      expect(refused.err).toMatch(
        /^bad\.yaml:4:15 deadLetter\.path: expected a new file, an empty file or a dead-letter/,
      );
    }
    expect(await readFile(join(folder, 'bad.yaml'), 'utf8')).toContain(ENDLESS);
  });

  it('prints a JSON Schema and the components with their options', async () => {
    const schema = await tickloom(['schema']);
    expect(JSON.parse(schema.out)).toMatchObject({ type: 'object', properties: { source: {}, sink: {} } });
    const { out } = await tickloom(['components', 'bars']);
    expect(out).toContain('every ("session" | duration 10us to 30d, required)');
  });
});
