import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DictionarySet } from '../../src/columns/dictionary.js';
import type { Schema } from '../../src/columns/schema.js';
import type { ComponentKind, FactoryOf } from '../../src/engine/component.js';
import { builtIn } from '../../src/registry/built-in.js';
import { loadStage } from '../../src/registry/load-stage.js';
import { batchOf } from '../stages/operators/operator-rig.js';
import { stageContext } from '../support/stage-context.js';

const X: Schema = { kind: 'custom', columns: [{ name: 'x', type: 'float64' }] };

/** The factory of a component "own" whose factory is written as this. */
async function own<Kind extends ComponentKind>(kind: Kind, factory: string): Promise<FactoryOf<Kind>> {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'component.mjs');
  writeFileSync(
    file,
    `export default { kind: '${kind}', name: 'own', summary: 'Own.', options() {}, load: async () => (${factory}) };`,
  );
  return loadStage(builtIn, kind, { use: 'own', options: {}, file, outside: { module: './own.mjs' } });
}

const made = async (kind: 'batcher' | 'operator' | 'sink' | 'source', created: string) => {
  const factory = `{ plan: (options, input) => input, create: () => { ${created} } }`;
  const context = stageContext();
  if (kind === 'source') return (await own(kind, factory)).create({}, context);
  return (await own(kind, factory)).create({}, X, context);
};

const SOURCE = "capabilities: { delivery: 'replayable', bounded: true }, read() {}, stop() {}, position() {}";

describe('the stage of a component from outside', () => {
  it.each([
    ['source', 'throw new Error("no luck")', 'SOURCE_FAILED', 'could not be created: no luck'],
    ['operator', 'throw new Error("no luck")', 'OPERATOR_FAILED', 'could not be created: no luck'],
    ['batcher', 'throw new Error("no luck")', 'OPERATOR_FAILED', 'could not be created: no luck'],
    ['sink', 'throw new Error("no luck")', 'SINK_FAILED', 'could not be created: no luck'],
    ['source', '', 'MODULE_INVALID', 'with the function "read", found nothing'],
    ['source', `return { ${SOURCE} }`, 'MODULE_INVALID', 'with the function "resume", found an object with'],
    [
      'source',
      `return { ${SOURCE}, resume() {}, capabilities: { delivery: 'replayable' } }`,
      'MODULE_INVALID',
      '"capabilities" of { delivery: replayable, resumable or live-only, bounded: true or false }',
    ],
    ['operator', 'return {}', 'MODULE_INVALID', 'expected its create to return an operator with a function'],
    ['operator', 'return { process() {} }', 'MODULE_INVALID', 'to name its output columns in "output"'],
    [
      'batcher',
      'return { add() {} }',
      'MODULE_INVALID',
      'with the function "take", found an object with add',
    ],
    [
      'sink',
      'return { write() {} }',
      'MODULE_INVALID',
      'with the function "flush", found an object with write',
    ],
    [
      'sink',
      'return { write() {}, flush() {} }',
      'MODULE_INVALID',
      '"capabilities" of { delivery: transactional, idempotent or append }',
    ],
  ] as const)('of kind %s that is made by { %s } fails with %s', async (kind, created, code, message) => {
    await expect(made(kind, created)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(new RegExp(`^${kind} "own" of module "./own.mjs"`, 'i')),
    });
    await expect(made(kind, created)).rejects.toThrow(message);
  });

  it('has what its plan throws told with its name and module', async () => {
    const { plan } = await own('operator', '{ plan() { throw new Error("no luck") }, create() {} }');
    expect(() => plan({}, X, { add() {} }, { hasDeadLetters: false, inputs: {} })).toThrow(
      expect.objectContaining({
        code: 'MODULE_INVALID',
        message: 'operator "own" of module "./own.mjs": its plan failed: no luck',
      }),
    );
  });

  it('is refused the batches of an operator with other columns than it said', async () => {
    const output = "{ kind: 'custom', columns: [{ name: 'y', type: 'float64' }] }";
    const factory = `{ plan: () => (${output}), create: () => ({ output: ${output}, process(b, emit) { emit(b); } }) }`;
    const dictionaries = new DictionarySet();
    const operator = (await own('operator', factory)).create({}, X, stageContext({ dictionaries }));
    expect(() => operator.process(batchOf(X, [{ x: 1 }], dictionaries), () => {})).toThrow(
      'Operator "own" of module "./own.mjs" failed in process: it emitted a batch with the columns [x], expected [y]',
    );
  });

  it('keeps the files and the state of a factory that is an object of a class', async () => {
    const factory =
      'new (class { folder = "out"; files() { return { writes: [{ path: this.folder, at: [] }] }; } create() {} })()';
    const { files, plan } = await own('sink', factory);
    expect([files?.({}), plan]).toEqual([{ writes: [{ path: 'out', at: [] }] }, undefined]);
  });
});
