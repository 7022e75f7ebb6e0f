import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { uncheckedSpec } from '../../../src/plan/typed-spec.js';
import { createPipeline } from '../../../src/runtime/pipeline-builder.js';
import { scratchFolder } from '../../support/recorded-data.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const MODULE = SCRATCH.write(
  'adding.mjs',
  `export default {
    plan: (options, input) => input,
    create: ({ add }, input) => ({
      output: input,
      readsOnly: true, // not true, and not believed
      process(batch, emit) {
        const ask = batch.float64('ask');
        for (let row = 0; row < batch.length; row++) ask[row] += add;
        emit(batch);
      },
    }),
  };`,
);

const ROWS = 2_000;
const asksIn = (path: string): number[] =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).ask);

describe.each(['tee', 'split'])('the branches of a %s with modules that write', (use) => {
  it('do not see the writes of each other', async () => {
    const paths = [0, 1, 2].map((i) => `${SCRATCH.folder}/${use}-${i}.jsonl`);
    const branches = [0, 1_000, 2_000].map((add, i) => ({
      use: 'jsonl',
      path: paths[i],
      ...(add > 0 && { operators: [{ use: 'module', path: MODULE, options: { add } }] }),
    }));
    const routes = Object.fromEntries(branches.map((branch, i) => [`r${i}`, { when: 'ask > 0', ...branch }]));
    const report = await createPipeline(
      uncheckedSpec({
        name: use,
        source: { use: 'synthetic', rows: ROWS, seed: 3 },
        batchRows: 256,
        sink: use === 'tee' ? { use, branches } : { use, match: 'all', routes },
      }),
    ).run();
    expect(report.error).toBeUndefined();
    const [plain, more, most] = paths.map(asksIn);
    expect(plain).toHaveLength(ROWS);
    const rounded = (asks: readonly number[] | undefined, less: number) =>
      asks?.map((ask) => Number((ask - less).toFixed(6)));
    expect(rounded(more, 1_000)).toEqual(rounded(plain, 0));
    expect(rounded(most, 2_000)).toEqual(rounded(plain, 0));
  });
});
