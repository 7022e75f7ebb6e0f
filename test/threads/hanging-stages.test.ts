import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { uncheckedSpec } from '../../dist/src/index.js';
import { startRuntime, until } from './threads-support.js';

/** Batches that pass before a stage hangs, and the rows of each. */
const BATCHES = 5;
const ROWS = 100;
const DEADLINE_MS = 300;
/** Machines that test for many are slow; how late it was is printed. */
const OVERSHOOT_MAX_MS = 5_000;

/** The ways in which JavaScript can hang, and two in which a call of the system keeps it. */
const WAYS = {
  'awaits for ever': 'await new Promise(() => {});',
  'awaits a timer that is far away': 'await new Promise((resolve) => setTimeout(resolve, 1e8));',
  'runs in a busy loop': 'for (;;);',
  'runs in a loop of microtasks': 'for (;;) await undefined;',
  'waits on an atomic': 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);',
  'is in a read of a pipe that waits': 'readSync(openSync(options.pipe, "r+"), Buffer.alloc(1));',
  'awaits a read of a pipe': 'await (await open(options.pipe, "r+")).read(Buffer.alloc(1));',
} as const;
type Way = keyof typeof WAYS;

const HEAD = `
import { appendFileSync, openSync, readSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { BatchPool, defineComponent, writeEpochMillis } from 'tickloom/stages';
import { z } from 'zod';

const schema = { kind: 'custom', columns: [{ name: 'time', type: 'timestamp' }, { name: 'number', type: 'float64' }] };
const options = () => z.strictObject({
  way: z.string().optional(), pipe: z.string().optional(), begun: z.string().optional(), path: z.string().optional(),
});
const hangs = {
  ${Object.entries(WAYS)
    .map(([way, code]) => `${JSON.stringify(way)}: async (options) => { ${code} }`)
    .join(',\n')}
};
const hang = (options) => {
  writeFileSync(options.begun, '');
  return hangs[options.way](options);
};
`;

/** Each stage passes some batches, and then hangs if it has a way to. */
const COMPONENTS = `export default [
  defineComponent({
    kind: 'source', name: 'numbers', summary: 'Counts.', options,
    load: async () => ({
      plan: () => schema,
      create(options, { dictionaries }) {
        const pool = new BatchPool(schema, ${ROWS}, dictionaries);
        let at = 0;
        return {
          schema,
          capabilities: { delivery: 'replayable', bounded: true },
          async read() {
            if (options.way && at === ${BATCHES * ROWS}) await hang(options);
            if (at === ${2 * BATCHES * ROWS}) return null;
            const batch = pool.acquire();
            for (let row = 0; row < ${ROWS}; row++, at++) {
              writeEpochMillis(batch.int32('time'), row, 1_700_000_000_000 + at, 0);
              batch.float64('number')[row] = at;
            }
            batch.length = ${ROWS};
            return batch;
          },
          stop() {}, position: () => at, resume(position) { at = position; }, close: () => pool.close(),
        };
      },
    }),
  }),
  defineComponent({
    kind: 'operator', name: 'passing', summary: 'Lets all pass.', options,
    load: async () => ({
      plan: (_options, input) => input,
      create(options, input) {
        let batches = 0;
        return {
          output: input,
          process(batch, emit) {
            if (options.way && ++batches > ${BATCHES}) return hang(options);
            emit(batch);
          },
        };
      },
    }),
  }),
  defineComponent({
    kind: 'sink', name: 'lines', summary: 'A number a line.', options,
    load: async () => ({
      files: ({ path }) => ({ writes: [{ path, at: ['path'] }] }),
      create(options) {
        let batches = 0;
        let rows = 0;
        return {
          capabilities: { delivery: 'append' },
          open() { writeFileSync(options.path, ''); },
          async write(batch) {
            if (options.way && ++batches > ${BATCHES}) await hang(options);
            for (const number of batch.float64('number').subarray(0, batch.length)) appendFileSync(options.path, number + '\\n');
            rows += batch.length;
            batch.release();
          },
          flush: () => ({ rows, position: null }),
          outputs: () => [options.path],
        };
      },
    }),
  }),
];`;

function workplace() {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-hanging-'));
  const module = join(folder, 'components.mjs');
  // Packages are found from where this file is.
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  execFileSync('ln', ['-s', join(process.cwd(), 'node_modules'), join(folder, 'node_modules')]);
  writeFileSync(
    module,
    HEAD.replace("'tickloom/stages'", JSON.stringify(join(process.cwd(), 'dist/src/stages.js'))) + COMPONENTS,
  );
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  onTestFinished(() => {
    // Whoever still reads from it goes on, or the process of the tests could not end.
    const to = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
    writeFileSync(to, 'x'.repeat(100));
    setTimeout(() => {
      closeSync(to);
      rmSync(folder, { recursive: true, force: true });
    }, 1_000);
  });
  return { folder, module, pipe };
}

const linesIn = (path: string): number =>
  existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : 0;

describe.each(['source', 'operator', 'sink'] as const)('a drain of a job whose %s hangs', (place) => {
  it('ends at its deadline, however it hangs, and says what is on the disk', async () => {
    const { folder, module, pipe } = workplace();
    const runtime = await startRuntime({ components: [module] });
    for (const way of Object.keys(WAYS) as Way[]) {
      const begun = join(folder, `begun ${way}`);
      const path = join(folder, `lines ${way}`);
      const given = (of: string) => (of === place ? { way, pipe, begun } : {});
      const job = await runtime.submit(
        uncheckedSpec({
          name: 'hangs',
          source: { use: 'numbers', ...given('source') },
          operators: [{ use: 'passing', ...given('operator') }],
          batcher: { maxRows: ROWS },
          sink: { use: 'lines', path, ...given('sink') },
        }),
      );
      await until(() => existsSync(begun));
      const beganMs = performance.now();
      const report = await job.drain({ deadlineMs: DEADLINE_MS });
      const lateMs = performance.now() - beganMs - DEADLINE_MS;
      const lines = linesIn(path);
      process.stderr.write(`a ${place} that ${way}: ${lateMs.toFixed(0)} ms after the deadline\n`);
      expect([way, lateMs < OVERSHOOT_MAX_MS]).toEqual([way, true]);
      const codes = ['DRAIN_TIMED_OUT', 'THREAD_LEFT_RUNNING'];
      expect([way, report.outcome, codes.includes(report.error?.code ?? '')]).toEqual([way, 'stopped', true]);
      expect([way, report.counters.rowsOut]).toEqual([way, lines]);
      if (report.durable) expect([way, report.durable.rows]).toEqual([way, lines]);
      expect([way, lines]).toEqual([way, linesIn(path)]);
    }
  });
});
