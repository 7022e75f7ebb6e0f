import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { Schema } from '../../../src/columns/schema.js';
import { PipelineError } from '../../../src/core/errors.js';
import { answerRequest } from '../../../src/plan/user-code/answer-request.js';
import { readDeclaration, readPlanAnswer } from '../../../src/plan/user-code/read-answer.js';
import { secretsByJsonSchema } from '../../../src/settings/secret-options.js';
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
    spec: { hasDeadLetters: false, inputs: {} },
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
    expect(problems[0]!.message).toHaveLength(1_000);
    expect(problems.at(-1)!.message).toBe('and 99900 more problems');
  });

  it('is refused where it is too long to be meant', async () => {
    const columns = 'Array.from({ length: 1e5 }, (_, i) => ({ name: "column" + i, type: "float64" }))';
    await expect(answerOf(`return { kind: 'custom', columns: ${columns} };`, TICKS)).rejects.toThrow(
      /what it declares takes \d+ characters \(columns, options and problems\), expected at most 1048576/,
    );
  });

  it('shows no part of a secret where a message is cut', async () => {
    const file = join(folder, `operator-${files++}.mjs`);
    writeFileSync(
      file,
      `export default { plan(options, input, problems) {
        const { key, before } = options;
        problems.add([], 'x'.repeat(990 - before) + key);
        throw new Error('x'.repeat(490 - before) + key);
      }, create() {} };`,
    );
    for (const before of [0, 20]) {
      const options = ModuleOptions.parse({ path: file, options: { key: 'planted-words-of-a-key', before } });
      const stage = { use: 'module', options, file, secrets: ['planted-words-of-a-key'] };
      const request = {
        job: 'a',
        kind: 'operator',
        stage,
        input: TICKS,
        spec: { hasDeadLetters: false, inputs: {} },
      } as const;
      const { problems } = readPlanAnswer(await answerRequest(request));
      expect(problems.map(({ message }) => message).join()).not.toContain('plan' + 'ted');
      expect(problems).toHaveLength(2);
    }
  });

  it('is the error that the module was refused with', async () => {
    const failing = answerOf('return 1n;', TICKS);
    expect((await failing).problems[0]!.message).toContain('expected its plan to return the output schema');
    const stage = {
      use: 'module',
      options: { path: 'a', export: 'default' },
      file: join(folder, 'none.mjs'),
    };
    const text = await answerRequest({
      job: 'a',
      kind: 'operator',
      stage,
      spec: { hasDeadLetters: false, inputs: {} },
    });
    expect(() => readPlanAnswer(text)).toThrow(/^module "a": it failed while loading: Cannot find module/);
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
      fc
        .record({
          options: fc.jsonValue(),
          loads: fc.constantFrom('native', 'odd', 7),
          files: fc.jsonValue(),
        })
        .map((checked) => JSON.stringify({ ...checked, output: null, problems: [] })),
      fc
        .record({ reads: fc.jsonValue(), writes: fc.array(fc.jsonValue()) })
        .map((files) => JSON.stringify({ loads: 'wasm', files, output: null, problems: [] })),
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

  it('has the options, loads and files of a component from outside, and nothing else of them', () => {
    const files = {
      reads: [{ path: 'a', at: ['from', 0], size: 7 }],
      writes: [{ path: 'b', at: ['to'], partsEndIn: 'csv', partitionBy: ['symbol'], isShared: true, run: 1 }],
    };
    const options = { rows: 5, nested: [{ deep: null }] };
    const groupsBy = { column: 'venue', option: 'by', more: 1 };
    const facts = {
      keepsTime: true,
      leavesRowsUnrouted: 'no',
      usesSeed: true,
      moduleOption: 'path',
      groupsBy,
      replayOnly: { input: 'with', option: 'wait', message: 'expected a bound', more: 1 },
    };
    const answer = { options, loads: 'native', facts, files, output: null, problems: [], more: 1 };
    expect(readPlanAnswer(JSON.stringify(answer))).toEqual({
      problems: [],
      checked: {
        options,
        loads: 'native',
        facts: {
          keepsTime: true,
          groupsBy: { column: 'venue', option: 'by' },
          replayOnly: { input: 'with', option: 'wait', message: 'expected a bound' },
        },
        files: {
          reads: [{ path: 'a', at: ['from', 0] }],
          writes: [{ path: 'b', at: ['to'], partsEndIn: 'csv', partitionBy: ['symbol'], isShared: true }],
        },
      },
    });
    const ungrouped = JSON.stringify({ ...answer, facts: { groupsBy: { column: 7, option: 'by' } } });
    expect(() => readPlanAnswer(ungrouped)).toThrow('no column to group by');
    const withoutInput = JSON.stringify({
      ...answer,
      facts: { replayOnly: { option: 'wait', message: '' } },
    });
    expect(() => readPlanAnswer(withoutInput)).toThrow('no input that has to be replayed');
    let deep: unknown = 1;
    for (let level = 0; level < 100; level++) deep = [deep];
    const tooDeep = JSON.stringify({ ...answer, options: deep });
    expect(() => readPlanAnswer(tooDeep)).toThrow('more than 64 levels');
  });
});

describe('what a module declares', () => {
  const COMPONENT = {
    kind: 'sink',
    name: 'own',
    summary: 'Own.',
    loads: 'javascript',
    mayChange: ['rows'],
    options: { type: 'object', properties: { key: { type: 'string', writeOnly: true } } },
  };

  it('is read where it is whole, and not where a part is missing or odd', () => {
    const read = (...components: unknown[]) => readDeclaration(JSON.stringify({ components }));
    expect(read({ ...COMPONENT, load: 7 })).toEqual([COMPONENT]);
    let deep: object = {};
    for (let level = 0; level < 100; level++) deep = { items: deep };
    for (const [key, value] of [
      ['kind', 'job'],
      ['name', ''],
      ['summary', 7],
      ['summary', 'x'.repeat(1_001)],
      ['loads', 'all'],
      ['mayChange', [7]],
      ['options', []],
      ['options', deep],
      ['options', { properties: { key: { anyOf: [{ $ref: 7 }] } } }],
    ] as const) {
      expect(() => read({ ...COMPONENT, [key]: value })).toThrow(PipelineError);
    }
  });

  it('is not taken on trust, whatever it is', () => {
    const schema = fc.letrec((tie) => ({
      node: fc.record(
        {
          type: fc.oneof(fc.string(), fc.jsonValue()),
          properties: fc.oneof(
            { maxDepth: 3, depthIdentifier: 'schema' },
            fc.jsonValue(),
            fc.dictionary(fc.string(), tie('node'), { maxKeys: 3, depthIdentifier: 'schema' }),
          ),
          prefixItems: fc.oneof(
            { maxDepth: 3, depthIdentifier: 'schema' },
            fc.jsonValue(),
            fc.array(tie('node'), { maxLength: 3, depthIdentifier: 'schema' }),
          ),
          items: fc.oneof({ maxDepth: 3, depthIdentifier: 'schema' }, fc.jsonValue(), tie('node')),
          $ref: fc.oneof(fc.constant('#'), fc.jsonValue()),
        },
        { requiredKeys: [] },
      ),
    })).node;
    const texts = fc.oneof(
      fc.anything(),
      fc.jsonValue().map((components) => JSON.stringify({ components })),
      schema.map((options) => JSON.stringify({ components: [{ ...COMPONENT, options }] })),
    );
    fc.assert(
      fc.property(texts, (text) => {
        let declared: ReturnType<typeof readDeclaration>;
        try {
          declared = readDeclaration(text);
        } catch (error) {
          expect(error).toBeInstanceOf(PipelineError);
          return;
        }
        // What walks a schema that was taken does not fail on it.
        for (const { options } of declared) secretsByJsonSchema(options, { key: 'planted' });
      }),
      { numRuns: 1_000 },
    );
  });
});
