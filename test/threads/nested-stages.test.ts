import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type InvalidSpecError, uncheckedSpec } from '../../dist/src/index.js';
import { startRuntime } from './threads-support.js';

/** An operator that adds the numbers of an input to its own, and asks for it in its options. */
const BESIDE = `
import { defineComponent, inputOption } from 'tickloom/stages';
export default defineComponent({
  kind: 'operator',
  name: 'beside',
  summary: 'Adds the next bid of an input to each.',
  options: async () => {
    const { z } = await import('zod');
    const Stage = z.looseObject({ use: z.string() });
    return z.strictObject({
      with: inputOption('source', Stage),
      operators: inputOption('operators', z.array(Stage)).optional(),
    });
  },
  load: async () => ({
    plan(options, input, problems, { inputs }) {
      if (!inputs.with.columns.some(({ name }) => name === 'bid')) problems.add(['with'], 'expected a column "bid"');
      return input;
    },
    create: (options, output, { inputs }) => {
      let bids = [];
      return {
        output,
        async process(batch, emit) {
          const own = batch.float64('bid');
          for (let row = 0; row < batch.length; row++) {
            while (bids.length === 0) {
              const side = await inputs.with.read();
              bids = [...side.float64('bid').subarray(0, side.length)];
              side.release();
            }
            own[row] += bids.shift();
          }
          emit(batch);
        },
      };
    },
  }),
});
`;

/** A user's operator inside of the input. */
const HUNDRED = `
export default {
  plan: (options, input) => input,
  create: (options, output) => ({
    output,
    process(batch, emit) {
      batch.float64('bid').fill(100, 0, batch.length);
      emit(batch);
    },
  }),
};
`;

function modules() {
  mkdirSync('out', { recursive: true });
  const folder = mkdtempSync(join('out', 'nested-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const place = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return `./${join(folder, name)}`;
  };
  const [beside, hundred] = [place('beside.mjs', BESIDE), place('hundred.mjs', HUNDRED)];
  return { beside, hundred, output: join(folder, 'bids.csv') };
}

const SOURCE = { use: 'synthetic', kind: 'quote', rows: 20, symbols: ['A'] };
const settings = { moduleDeadlineMs: 15_000, maxHeapMb: 32 };

describe('code of users inside an input, in a thread', () => {
  it('is planned away from home with the stages around it, and runs with them', async () => {
    const { beside, hundred, output } = modules();
    const runtime = await startRuntime({ components: [beside], ...settings });
    const spec = (operators: object[]) => ({
      ...{ name: 'nested', source: SOURCE, sink: { use: 'csv', path: output, ifExists: 'replace' } },
      operators: [...operators, { use: 'select', columns: ['bid'] }],
    });
    const bids = async (operators: object[]) => {
      const job = await runtime.submit(uncheckedSpec(spec(operators)));
      const report = await job.outcome;
      expect(report.error).toBeUndefined();
      return {
        stages: report.stages.map(({ stage }) => stage),
        bids: readFileSync(output, 'utf8').trim().split('\n').slice(1).map(Number),
      };
    };
    const plain = await bids([]);
    const { stages, bids: added } = await bids([
      { use: 'beside', with: SOURCE, operators: [{ use: 'module', path: hundred }] },
    ]);
    expect(stages).toContain('operators[0].with');
    expect(stages).toContain('operators[0].operators[0]');
    expect(added.map((bid, i) => Math.round((bid - plain.bids[i]!) * 1e6) / 1e6)).toEqual(
      plain.bids.map(() => 100),
    );
  });

  it('has what is wrong with it named by its path', async () => {
    const { beside } = modules();
    const runtime = await startRuntime({ components: [beside], ...settings });
    const operators = [{ use: 'beside', with: SOURCE, operators: [{ use: 'module', path: './none.mjs' }] }];
    const submitted = runtime.submit(
      uncheckedSpec({ name: 'nested', source: SOURCE, operators, sink: { use: 'null' } }),
    );
    const { problems } = await submitted.then(
      () => expect.fail('it was taken'),
      (error: unknown) => error as InvalidSpecError,
    );
    expect(problems.map(({ path }) => path.join('.'))).toEqual(['operators.0.operators.0.path']);
  });
});
