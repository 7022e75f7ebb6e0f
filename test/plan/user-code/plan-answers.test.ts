import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { Schema } from '../../../src/columns/schema.js';
import { PipelineError } from '../../../src/core/errors.js';
import { answerRequest } from '../../../src/plan/user-code/answer-request.js';
import { readPlanAnswer } from '../../../src/plan/user-code/read-answer.js';
import { ModuleOptions } from '../../../src/stages/operators/module/options.js';
import { schemaComplaint } from '../../../src/stages/operators/module/schema-check.js';

const folder = mkdtempSync(join(tmpdir(), 'tickloom-answers-'));
afterAll(() => rmSync(folder, { recursive: true }));

const TICKS: Schema = { kind: 'custom', columns: [{ name: 'price', type: 'float64', nullable: true }] };
let files = 0;

/** What comes back from a module with this plan. */
async function answerOf(plan: string, input?: Schema) {
  const file = join(folder, `operator-${files++}.mjs`);
  writeFileSync(file, `export default { plan(options, input, problems) { ${plan} }, create() {} };`);
  const stage = { use: 'module', options: ModuleOptions.parse({ path: file }), runsUserCode: true, file };
  const text = await answerRequest({
    job: 'a',
    kind: 'operator',
    stage,
    spec: { hasDeadLetters: false },
    ...(input && { input }),
  });
  return readPlanAnswer(text);
}

describe('the answer of a plan', () => {
  it('has the columns that come out, of every type, and the problems', async () => {
    const columns = [
      { name: 'time', type: 'timestamp' },
      { name: 'symbol', type: 'string', dictionary: 'symbols' },
      { name: 'side', type: 'enum', values: ['buy', 'sell'] },
      { name: 'price', type: 'float64', nullable: true },
    ];
    const output = { kind: 'bar', columns, barNs: 60_000_000_000 };
    const { output: found, problems } = await answerOf(
      `problems.add(['levels', 1], 'expected less'); return ${JSON.stringify(output)};`,
      TICKS,
    );
    expect(found).toEqual(output);
    expect(problems).toEqual([{ path: ['options', 'levels', 1], message: 'expected less' }]);
  });

  it('has neither without the columns that come in', async () => {
    expect(await answerOf('throw new Error("not asked")')).toEqual({ problems: [] });
  });

  it('has nothing that is no part of a schema', async () => {
    const { output } = await answerOf(
      'return { ...input, rows: [1, 2, 3], columns: input.columns.map((c) => ({ ...c, run() {} })) };',
      TICKS,
    );
    expect(output).toEqual(TICKS);
  });

  it('counts problems past the hundredth', async () => {
    const { problems } = await answerOf(
      'for (let i = 0; i < 1e5; i++) problems.add([i], "x".repeat(2000)); return input;',
      TICKS,
    );
    expect(problems).toHaveLength(101);
    expect(problems[0]!.message).toHaveLength(1_001);
    expect(problems.at(-1)!.message).toBe('and 99900 more problems');
  });

  it('is refused where it is too long to be meant', async () => {
    const columns = 'Array.from({ length: 1e5 }, (_, i) => ({ name: "column" + i, type: "float64" }))';
    await expect(answerOf(`return { kind: 'custom', columns: ${columns} };`, TICKS)).rejects.toThrow(
      /what it declares takes \d+ characters \(columns, options and problems\), expected at most 1048576/,
    );
  });

  it('is the error that the module was refused with', async () => {
    const failing = answerOf('return 1n;', TICKS);
    expect((await failing).problems[0]!.message).toContain('expected its plan to return the output schema');
    const stage = {
      use: 'module',
      options: { path: 'a', export: 'default' },
      file: join(folder, 'none.mjs'),
    };
    const text = await answerRequest({ job: 'a', kind: 'operator', stage, spec: { hasDeadLetters: false } });
    expect(() => readPlanAnswer(text)).toThrow(
      /^module "a": it failed while loading: Cannot find module/,
    );
  });

  it('is not taken on trust: what is none is an error of the module, whatever it is', () => {
    const answers = fc.oneof(
      fc.anything(),
      fc.json(),
      fc
        .record({ name: fc.string(), type: fc.constant('float64'), values: fc.jsonValue() })
        .map((column) => ({ output: { kind: 'custom', columns: [column] }, problems: [] }))
        .map((answer) => JSON.stringify(answer)),
      fc.jsonValue().map((output) => JSON.stringify({ output, problems: [] })),
      fc.jsonValue().map((problem) => JSON.stringify({ output: null, problems: [problem, 1] })),
    );
    fc.assert(
      fc.property(answers, (text) => {
        let answer: ReturnType<typeof readPlanAnswer>;
        try {
          answer = readPlanAnswer(text);
        } catch (error) {
          expect(error).toBeInstanceOf(PipelineError);
          return;
        }
        expect(answer.output && schemaComplaint(answer.output)).toBeUndefined();
        expect(answer.problems).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });
});
