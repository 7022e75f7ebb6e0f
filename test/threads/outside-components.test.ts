import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import pino from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type InvalidSpecError,
  type RuntimeOptions,
  resolveSpec,
  uncheckedSpec,
} from '../../dist/src/index.js';
import { countThreads, discard, endless, startRuntime, until } from './threads-support.js';

/** What stands at the top of every module here. */
const HEAD = `
import { existsSync, appendFileSync, openSync, writeSync, closeSync } from 'node:fs';
import Module from 'node:module';
import { BatchPool, ProviderError, defineComponent, secret, writeEpochMillis } from 'tickloom/stages';

const schema = { kind: 'custom', columns: [{ name: 'time', type: 'timestamp' }, { name: 'number', type: 'float64' }] };
const options = (shape) => async () => {
  const { z } = await import('zod');
  return z.strictObject(shape(z));
};
`;

/** A source that counts, and fails or misbehaves as it is asked to. */
const COUNTER = `defineComponent({
  kind: 'source',
  name: 'counter',
  summary: 'Counts.',
  options: options((z) => ({
    rows: z.int('expected a whole number').min(1, 'expected 1 or more').default(10),
    key: secret(z.string()).optional(),
    failAt: z.int().optional(),
    outages: z.int().default(0),
    does: z.string().optional(),
  })),
  load: async ({ does }) => {
    if (does === 'exits') process.exit(7);
    return {
      plan({ key, does }, problems) {
        if (does === 'tells') {
          console.log('planned with', key);
          problems.add(['key'], 'no such key: ' + key);
        }
        if (does === 'loops') for (;;) {}
        if (does === 'fills') for (const kept = []; ; ) kept.push(new Array(1e4).fill(kept.length));
        return schema;
      },
      create({ rows, key, failAt, outages }, { dictionaries, batchRows, log, gate }) {
        const pool = new BatchPool(schema, batchRows, dictionaries);
        let at = 0;
        let failed = 0;
        return {
          schema,
          capabilities: { delivery: 'replayable', bounded: true },
          gatesItsCalls: true,
          open() {
            log.info({ key }, 'opened with ' + key);
          },
          async read() {
            if (at >= rows) return null;
            return gate.call(() => {
              if (at === failAt) throw new Error('refused: ' + key);
              if (failed < outages) {
                failed++;
                throw new ProviderError('unavailable', 'away');
              }
              const batch = pool.acquire();
              writeEpochMillis(batch.int32('time'), 0, 1_700_000_000_000 + at, 0);
              batch.float64('number')[0] = at++;
              batch.length = 1;
              return batch;
            });
          },
          stop() {},
          position: () => at,
          resume(position) {
            at = position;
          },
          close: () => pool.close(),
        };
      },
    };
  },
})`;

/** A sink that writes a file of numbers, and which Zod its thread has loaded. */
const NUMBERS = `defineComponent({
  kind: 'sink',
  name: 'numbers',
  summary: 'A number a line.',
  options: options((z) => ({ path: z.string() })),
  load: async () => ({
    files: ({ path }) => ({ writes: [{ path, at: ['path'] }] }),
    create({ path }) {
      let file;
      let rows = 0;
      return {
        capabilities: { delivery: 'append' },
        open() {
          file = openSync(path, 'w');
          const hasZod = Object.keys(Module._cache).some((name) => /node_modules.zod./.test(name));
          writeSync(file, hasZod ? 'zod is loaded\\n' : '');
        },
        write(batch) {
          for (const number of batch.float64('number').subarray(0, batch.length)) writeSync(file, number + '\\n');
          rows += batch.length;
          batch.release();
        },
        flush: () => ({ rows, position: null }),
        outputs: () => [path],
        close: () => closeSync(file),
      };
    },
  }),
})`;

/** Writes a module of a user's, where packages are found. @returns Its path. */
function moduleOf(exported = `[${COUNTER}, ${NUMBERS}]`, top = '') {
  mkdirSync('out', { recursive: true });
  const folder = mkdtempSync(join('out', 'components-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = `./${join(folder, 'components.mjs')}`;
  writeFileSync(path, `${HEAD}\n${top}\nexport default ${exported};\n`);
  return { path, output: join(folder, 'numbers.txt') };
}

const spec = (source: object, sink: object = discard) =>
  uncheckedSpec({ name: 'own', source: { use: 'counter', ...source }, sink });

async function refusalOf(submitted: Promise<unknown>): Promise<InvalidSpecError> {
  const error = await submitted.then(
    () => expect.fail('it was taken'),
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ code: 'SPEC_INVALID' });
  return error as InvalidSpecError;
}

const settings = { moduleDeadlineMs: 15_000, maxHeapMb: 32 };
/** For what is to be ended by it. */
const short = { ...settings, moduleDeadlineMs: 2_500 };

describe('a component of a module, in a thread', () => {
  it('delivers its rows to a sink of the same module, each in a thread without Zod that is not used again', async () => {
    const { path, output } = moduleOf();
    const runtime = await startRuntime({ components: [path] });
    const threads = countThreads();
    for (const name of ['a', 'b']) {
      const job = await runtime.submit({ ...spec({ rows: 5 }, { use: 'numbers', path: output }), name });
      expect(await job.outcome).toMatchObject({
        outcome: 'completed',
        counters: { rowsIn: 5, rowsOut: 5 },
        outputs: [output],
      });
      expect(readFileSync(output, 'utf8')).toBe('0\n1\n2\n3\n4\n');
    }
    // The source is asked, the sink is asked (answers are kept for a moment), and each job has its own.
    expect(threads.started).toBeGreaterThanOrEqual(4);
  });

  it('has its options refused with their paths', async () => {
    const { path } = moduleOf();
    const runtime = await startRuntime({ components: [path] });
    const { problems } = await refusalOf(runtime.submit(spec({ rows: 0, rwos: 1 })));
    expect(problems).toEqual([
      { path: ['source', 'rows'], message: 'expected 1 or more, found 0' },
      { path: ['source', 'rwos'], message: 'there is no such option (did you mean "rows"?)' },
    ]);
  });

  it.each([
    ['exits', 'it ended its thread with exit code 7'],
    ['loops', 'did not load and plan within 2500 ms'],
    ['fills', 'it needs more than the 32 MB of heap'],
  ])(
    'that %s as its options are checked is a problem of that spec, and other jobs go on',
    async (does, found) => {
      const { path } = moduleOf();
      const runtime = await startRuntime({
        ...(found.includes('2500') ? short : settings),
        components: [path],
      });
      const other = await runtime.submit({ name: 'other', source: endless, sink: discard });
      const { problems } = await refusalOf(runtime.submit(spec({ does })));
      expect(problems).toMatchObject([{ path: ['source'] }]);
      expect(problems[0]!.message).toMatch(/^source "counter" of module ".*components\.mjs": /);
      expect(problems[0]!.message).toContain(found);
      const before = other.inspect().counters.rowsOut;
      await until(() => other.inspect().counters.rowsOut > before);
    },
  );

  it('whose module ends its thread once a runtime knows it is a problem of each spec that names it', async () => {
    const { path } = moduleOf(
      undefined,
      'if (existsSync(new URL("flag", import.meta.url))) process.exit(9);',
    );
    const runtime = await startRuntime({ components: [path] });
    writeFileSync(join(dirname(path), 'flag'), '');
    const { problems } = await refusalOf(runtime.submit(spec({})));
    expect(problems[0]!.message).toContain('it ended its thread with exit code 9');
    const job = await runtime.submit({ name: 'ours', source: { use: 'synthetic', rows: 1 }, sink: discard });
    expect(await job.outcome).toMatchObject({ outcome: 'completed' });
  });

  it('shows a secret of its options in no log, report, event, refusal or print', async () => {
    const { path } = moduleOf();
    const lines: string[] = [];
    const write = (line: string) => {
      lines.push(line);
    };
    const { write: toStderr } = process.stderr;
    onTestFinished(() => {
      process.stderr.write = toStderr;
    });
    process.stderr.write = (text: string | Uint8Array) => {
      lines.push(String(text));
      return true;
    };
    const runtime = await startRuntime({ components: [path], logger: pino({ level: 'debug' }, { write }) });
    runtime.on((event) => lines.push(JSON.stringify(event)));
    const key = 'planted words';
    const { message } = await refusalOf(runtime.submit(spec({ key, does: 'tells' })));
    const job = await runtime.submit(spec({ key, failAt: 3 }));
    const report = await job.outcome;
    const all = [message, JSON.stringify([report, job.inspect()]), ...lines].join('\n');
    expect(report.error?.message).toContain('refused: [redacted]');
    expect(message).toContain('source.key: no such key: [redacted]');
    expect(all).toContain('planned with [redacted]');
    expect(all).toContain('opened with [redacted]');
    expect(all).not.toContain(key);
  });

  it('takes its calls to the gate, which waits out an outage by the breaker of the settings', async () => {
    const { path } = moduleOf();
    const runtime = await startRuntime({
      components: [path],
      budgets: { providers: { feed: { permits: 1_000, burst: 10 } } },
      breakers: { feed: { failuresInRow: 2, openMs: 20, openJitter: 0 } },
    });
    const job = await runtime.submit(
      spec({ rows: 4, outages: 3, budget: { provider: 'feed' }, breaker: 'feed' }),
    );
    expect(await job.outcome).toMatchObject({ outcome: 'completed', counters: { rowsOut: 4 } });
    expect(runtime.resilience?.rates.status({ provider: 'feed' }).permits).toBe(7);
  });

  it('runs where another runtime has checked its spec, and is refused where its folder may not be used', async () => {
    const { path, output } = moduleOf();
    const checked = await resolveSpec(spec({ rows: 2 }, { use: 'numbers', path: output }), {
      components: [path],
    });
    const runtime = await startRuntime();
    expect(await (await runtime.submitResolved(checked)).outcome).toMatchObject({ outcome: 'completed' });
    const strict = await startRuntime({ moduleFolders: ['test'] });
    const { problems } = await refusalOf(strict.submitResolved(checked));
    expect(problems.map((problem) => problem.path.join('.'))).toEqual(['source.use', 'sink.use']);
    expect(problems[0]!.message).toContain('"moduleFolders"');
  });

  it('is not run beside a job that writes the same file', async () => {
    const { path, output } = moduleOf();
    const runtime = await startRuntime({ components: [path] });
    const sink = { use: 'numbers', path: output };
    await runtime.submit(
      uncheckedSpec({ name: 'first', source: endless, operators: [], sink: { use: 'csv', path: output } }),
    );
    const { problems } = await refusalOf(runtime.submit(spec({}, sink)));
    expect(problems).toMatchObject([{ path: ['sink', 'path'] }]);
  });
});

describe('a module of components that a runtime is given', () => {
  const refused = (options: RuntimeOptions) => expect(startRuntime(options)).rejects;

  it.each([
    ['ends its thread', 'process.exit(7);', 'it ended its thread with exit code 7'],
    ['loops', 'for (;;) {}', 'did not load and plan within 2500 ms'],
    [
      'takes more heap than there is',
      'const kept = []; for (;;) kept.push(new Array(1e4).fill(kept.length));',
      'it needs more than the 32 MB of heap',
    ],
    ['waits for ever', 'await new Promise(() => {});', 'it never finishes loading'],
  ])('and %s is refused by its place, and touches no other runtime', async (_what, top, found) => {
    const { path } = moduleOf(undefined, top);
    const other = await startRuntime();
    const job = await other.submit({ name: 'other', source: endless, sink: discard });
    await until(() => job.inspect().counters.rowsOut > 0);
    const bounds = found.includes('2500') ? short : settings;
    const error = await startRuntime({ ...bounds, components: [path] }).catch((thrown: Error) => thrown);
    expect((error as Error).message).toContain(`components[0]: module "${path}": `);
    expect((error as Error).message).toContain(found);
    const before = job.inspect().counters.rowsOut;
    await until(() => job.inspect().counters.rowsOut > before);
  });

  it('is refused from outside of "moduleFolders", and where a name is taken', async () => {
    const { path } = moduleOf();
    await refused({ components: [path], moduleFolders: ['test'] }).toThrow(
      /components\[0\]: .*"moduleFolders"/s,
    );
    const again = moduleOf();
    await refused({ components: [path, again.path] }).toThrow(
      `components[1]: module "${again.path}" declares the source "counter", and module "${path}" has one`,
    );
  });

  it('is known to that runtime alone', async () => {
    const { path } = moduleOf();
    await startRuntime({ components: [path] });
    const bare = await startRuntime();
    const { problems } = await refusalOf(bare.submit(spec({})));
    expect(problems[0]!.message).toMatch(/^expected the name of a source \(.* found "counter"/);
  });
});
