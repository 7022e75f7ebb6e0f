import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { BatchPool } from '../../../src/columns/batch-pool.js';
import { DictionarySet } from '../../../src/columns/dictionary.js';
import type { Schema } from '../../../src/columns/schema.js';
import { PipelineError } from '../../../src/core/errors.js';
import { InvariantError } from '../../../src/core/invariant.js';
import { loadModuleOperator } from '../../../src/stages/operators/module/module.js';
import { ModuleOptions } from '../../../src/stages/operators/module/options.js';
import { stageContext } from '../../support/stage-context.js';
import { batchOf, plan, run } from './operator-rig.js';

const folder = mkdtempSync(join(tmpdir(), 'tickloom-module-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TICKS: Schema = { kind: 'custom', columns: [{ name: 'price', type: 'float64', nullable: true }] };
let files = 0;

/** Writes a module and loads the operator in it. */
async function load(code: string, given: Partial<ModuleOptions> = {}) {
  const path = join(folder, `operator-${files++}.mjs`);
  writeFileSync(path, code);
  const options = ModuleOptions.parse({ path, ...given });
  return { options, factory: await loadModuleOperator(options, path) };
}

const DOUBLE = `export default {
  plan: (options, input) => input,
  create: (options, input) => ({
    output: input,
    process(batch, emit) {
      const price = batch.float64('price');
      for (let row = 0; row < batch.length; row++) price[row] *= options.factor;
      emit(batch);
    },
  }),
};`;

/** An operator whose `process` is this code. */
const processing = (body: string) => `export default {
  plan: (options, input) => input,
  create: (options, input, context) => ({ output: input, process(batch, emit) { ${body} } }),
};`;

describe('a module', () => {
  it('is given its own options', async () => {
    const { factory, options } = await load(DOUBLE, { options: { factor: 3 } });
    const context = stageContext();
    expect(plan(factory, options, TICKS)).toEqual({ output: TICKS, problems: [] });
    const operator = factory.create(options, TICKS, context);
    const [out] = run(operator, [batchOf(TICKS, [{ price: 2 }], context.dictionaries)]);
    expect(out!.rows).toEqual([{ price: 6 }]);
  });

  it('may be CommonJS, and may export its operator under a name', async () => {
    const path = join(folder, 'named.cjs');
    writeFileSync(path, `exports.twice = ${DOUBLE.replace('export default', '').replace(/;\s*$/, '')};`);
    const options = ModuleOptions.parse({ path, export: 'twice', options: { factor: 2 } });
    const factory = await loadModuleOperator(options, path);
    expect(
      factory.plan(options, TICKS, { add: () => expect.fail() }, { hasDeadLetters: false, inputs: {} }),
    ).toBe(TICKS);
  });

  it('reports problems of its plan under its options', async () => {
    const { factory, options } = await load(`export default {
      plan(options, input, problems) { problems.add(['factor'], 'expected a number'); return input; },
      create() {},
    };`);
    expect(plan(factory, options, TICKS).problems).toEqual(['options.factor: expected a number']);
  });

  it.each([
    ['throws', "throw new Error('no plan')", 'its plan failed: no plan'],
    ['returns nothing', '', 'expected its plan to return the output schema, found nothing'],
    [
      'returns an array',
      'return { kind: "custom", columns: [{ name: "a", type: "float" }] }',
      'a column "a" of unknown type',
    ],
    [
      'doubles a name',
      'return { kind: "custom", columns: [...input.columns, ...input.columns] }',
      'two columns "price"',
    ],
  ])('has a plan that %s: that is a problem like others', async (_, body, message) => {
    const { factory, options } = await load(
      `export default { plan(options, input) { ${body} }, create() {} };`,
    );
    const { problems, output } = plan(factory, options, TICKS);
    expect(problems.join()).toContain(message);
    expect(output).toBe(TICKS);
  });

  it.each([
    ['throws while it loads', "throw new Error('broken at the root')", 'broken at the root'],
    ['does not parse', 'export default {', 'it failed while loading'],
    ['imports what is not there', "import 'no-such-dependency'; export default 1;", 'no-such-dependency'],
    ['has no default export', 'export const a = 1, b = 2;', 'expected an export "default", found a, b'],
    ['exports nothing', '', 'expected an export "default", found nothing'],
    ['exports a number', 'export default 7;', 'found 7'],
    ['exports another object', 'export default { name: 1 };', 'found an object with name'],
    ['exports half an operator', 'export default { plan() {} };', 'found an object with plan'],
  ])('that %s is refused', async (_, code, message) => {
    const error = await refusal(load(code));
    expect(error.code).toBe('MODULE_INVALID');
    expect(error.message).toContain(message);
    expect(error.message).toMatch(/^module ".*operator-\d+\.mjs": /);
  });

  it('that makes something else than an operator is refused when it is made', async () => {
    const { factory, options } = await load(
      'export default { plan: (o, input) => input, create: () => ({ run() {} }) };',
    );
    expect(() => factory.create(options, TICKS, stageContext())).toThrow(
      /expected its create to return an operator with a function "process", found an object with run/,
    );
  });
});

async function refusal(loading: Promise<unknown>): Promise<PipelineError> {
  const error = await loading.then(
    () => expect.fail('it was loaded'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(PipelineError);
  return error as PipelineError;
}

describe('an operator from a module', () => {
  async function created(code: string) {
    const { factory, options } = await load(code);
    const dictionaries = new DictionarySet();
    const pool = new BatchPool(TICKS, 8, dictionaries);
    const operator = factory.create(options, TICKS, stageContext({ dictionaries }));
    return { operator, pool, batch: () => batchOf(TICKS, [{ price: 1 }], dictionaries, { pool }) };
  }

  it('that throws fails with a code and the name of its module', async () => {
    const { operator, batch } = await created(processing("throw new Error('out of luck')"));
    expect(() => operator.process(batch(), () => {})).toThrow(
      expect.objectContaining({
        code: 'OPERATOR_FAILED',
        message: expect.stringMatching(/^The operator of module ".*" failed in process: out of luck$/),
        cause: expect.objectContaining({ message: 'out of luck' }),
      }),
    );
  });

  it('may answer with a promise, which fails in the same way', async () => {
    const good = await created(processing('return Promise.resolve().then(() => emit(batch))'));
    const found: number[] = [];
    await good.operator.process(good.batch(), (batch) => {
      found.push(batch.length);
      batch.release();
    });
    expect(found).toEqual([1]);
    const bad = await created(processing("return Promise.reject(new Error('later'))"));
    await expect(bad.operator.process(bad.batch(), () => {})).rejects.toMatchObject({
      code: 'OPERATOR_FAILED',
      message: expect.stringContaining('later'),
    });
  });

  it('is not blamed for what a later stage throws', async () => {
    const { operator, batch } = await created(processing('emit(batch)'));
    const beyond = new InvariantError('a bug further on');
    expect(() =>
      operator.process(batch(), () => {
        throw beyond;
      }),
    ).toThrow(beyond);
  });

  it('may emit an empty batch, which is released and goes no further', async () => {
    const { operator, batch, pool } = await created(processing('batch.length = 0; emit(batch)'));
    operator.process(batch(), () => expect.fail('an empty batch was emitted'));
    expect(pool.outstanding).toBe(0);
  });

  it('that emits other columns than it said is refused', async () => {
    const other: Schema = { kind: 'custom', columns: [{ name: 'x', type: 'float64' }] };
    const { factory, options } = await load(`export default {
      plan: (o, input) => input,
      create: (o, input) => ({ output: { kind: 'custom', columns: [{ name: 'y', type: 'int32' }] }, process(b, emit) { emit(b) } }),
    };`);
    const context = stageContext();
    const operator = factory.create(options, other, context);
    expect(() => operator.process(batchOf(other, [{ x: 1 }], context.dictionaries), () => {})).toThrow(
      'it emitted a batch with the columns [x], expected [y] as its "output" says',
    );
  });

  it('has the hooks that it has, and no others', async () => {
    const { operator } = await created(`export default {
      plan: (o, input) => input,
      create: (o, input) => ({
        output: input, total: 5,
        process(batch, emit) { emit(batch) },
        snapshot() { return { total: this.total } },
        restore(state) { this.total = state.total },
      }),
    };`);
    expect(operator.snapshot?.()).toEqual({ total: 5 });
    operator.restore?.({ total: 9 });
    expect(operator.snapshot?.()).toEqual({ total: 9 });
    expect(operator).not.toHaveProperty('flush');
    expect(operator).not.toHaveProperty('tally');
  });

  it('says at any time whether it has more to emit, how far time is, and whether it changes time', async () => {
    const { operator, batch } = await created(`export default {
      plan: (o, input) => input,
      create: (o, input) => {
        const state = { held: [], emitted: 0 };
        return {
          output: input, order: { scope: 'symbol', maxDelayNs: 5 }, changesTime: true,
          process(batch, emit) { state.held.push(batch) },
          get hasMore() { return state.held.length > 0 },
          emitMore(emit) { emit(state.held.pop()); state.emitted++ },
          watermark: () => BigInt(state.emitted),
        };
      },
    };`);
    expect(operator).toMatchObject({ order: { scope: 'symbol', maxDelayNs: 5 }, changesTime: true });
    operator.process(batch(), () => {});
    operator.process(batch(), () => {});
    let out = 0;
    for (; operator.hasMore; out++) operator.emitMore?.((made) => made.release());
    expect(out).toBe(2);
    expect(operator.watermark?.()).toBe(2n);
  });

  it('that fails in emitMore is told so, and emits no other columns there either', async () => {
    const { operator, batch } = await created(`export default {
      plan: (o, input) => input,
      create: (o, input) => ({
        output: input, hasMore: true, process(batch) { batch.release() },
        emitMore() { throw new Error('no more') },
      }),
    };`);
    operator.process(batch(), () => {});
    expect(() => operator.emitMore?.(() => {})).toThrow('failed in emitMore: no more');
  });

  it('that has more to emit and no emitMore, or a watermark that is no bigint, is told so', async () => {
    const { operator } = await created(`export default {
      plan: (o, input) => input,
      create: (o, input) => ({ output: input, hasMore: true, process() {}, watermark: () => 5 }),
    };`);
    expect(() => operator.emitMore?.(() => {})).toThrow('failed in emitMore: it reports "hasMore"');
    expect(() => operator.watermark?.()).toThrow('failed in watermark: expected ns since 1970 as a bigint');
  });

  it('that cuts rows off and leaves the records where they were has them behind what is left', async () => {
    const { operator, batch } = await created(processing('batch.length = 0; emit(batch);'));
    const given = batch();
    const record = { type: 'watermark', at: 5n } as never;
    given.controls = [
      { row: 0, record },
      { row: given.length, record },
    ];
    const rows: number[] = [];
    operator.process(given, (made) => {
      rows.push(...made.controls.map(({ row }) => row));
      made.release();
    });
    expect(rows).toEqual([0, 0]);
  });

  it.each([
    'null',
    '{ scope: "all" }',
    '{ scope: "some", maxDelayNs: 0 }',
    '{ scope: "all", maxDelayNs: 0.5 }',
  ])('that promises %s of its order is refused', async (order) => {
    const { factory, options } = await load(`export default {
        plan: (o, input) => input,
        create: (o, input) => ({ output: input, order: ${order}, process() {} }),
      };`);
    expect(() => factory.create(options, TICKS, stageContext())).toThrow(
      'expected its operator to say in "order"',
    );
  });
});
