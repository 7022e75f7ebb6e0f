import { describe, expect, it } from 'vitest';
import * as checkpoints from '../../src/checkpoints/checkpoints.js';
import * as arrow from '../../src/columns/arrow/arrow.js';
import { RuntimeError } from '../../src/core/errors.js';
import * as main from '../../src/index.js';
import * as breaker from '../../src/resilience/breaker/breaker.js';
import * as rate from '../../src/resilience/rate/rate.js';
import * as resilience from '../../src/resilience/resilience.js';
import * as stages from '../../src/stages.js';

const SPEC = { name: 'a', source: { use: 'synthetic', rows: 1 }, sink: { use: 'null' } } as const;
const BUDGET = { permits: 1, per: '1s' } as const;
const HANDLE = new rate.RateCoordinator({ providers: { p: BUDGET } }).handle();
const BREAKER = breaker.createBreaker({ name: 'b' });

/** Calls with one argument that is wrong, by what is called. The type of that argument is what it should be. */
const CALLS: Readonly<Record<string, readonly ((wrong: never) => unknown)[]>> = {
  createRuntime: [
    (wrong) => main.createRuntime(wrong),
    (wrong) => main.createRuntime({ budgets: wrong, logger: wrong }),
  ],
  createPipeline: [
    (wrong) => main.createPipeline(wrong).build(),
    (wrong) => main.createPipeline(SPEC, wrong),
  ],
  PipelineBuilder: [(wrong) => new main.PipelineBuilder(SPEC, wrong)],
  resolveSpec: [(wrong) => main.resolveSpec(wrong), (wrong) => main.resolveSpec(SPEC, wrong)],
  specJsonSchema: [(wrong) => main.specJsonSchema(wrong)],
  Registry: [(wrong) => new main.Registry([wrong]), (wrong) => new main.Registry().with([wrong])],
  hideSecrets: [(wrong) => main.hideSecrets([wrong, ''])],
  responseError: [(wrong) => Promise.reject(main.responseError(wrong, 'who', 0))],
  callbackSink: [(wrong) => main.callbackSink(wrong)],
  defineOperator: [(wrong) => main.defineOperator(wrong)],
  defineRowOperator: [(wrong) => main.defineRowOperator(wrong)],
  inputOption: [(wrong) => main.inputOption('source', wrong)],
  branchOption: [(wrong) => main.branchOption(wrong)],
  secret: [(wrong) => main.secret(wrong)],
  RateCoordinator: [
    (wrong) => new rate.RateCoordinator(wrong),
    (wrong) => new rate.RateCoordinator().set({ provider: 'p' }, wrong),
    (wrong) => new rate.RateCoordinator().set(wrong, BUDGET),
    (wrong) => new rate.RateCoordinator().remove(wrong),
    (wrong) => new rate.RateCoordinator().limiter(wrong),
    (wrong) => new rate.RateCoordinator().status(wrong),
    (wrong) => new rate.RateCoordinator().cooldown(wrong, 1),
    (wrong) => new rate.RateCoordinator().observeUsed({ provider: 'p' }, wrong),
  ],
  Pacer: [(wrong) => new rate.Pacer(wrong), (wrong) => new rate.Pacer(BUDGET, wrong)],
  openPacer: [(wrong) => rate.openPacer(wrong), (wrong) => rate.openPacer(HANDLE, wrong)],
  openRates: [(wrong) => rate.openRates(wrong), (wrong) => rate.openRates(HANDLE, wrong)],
  createBreaker: [
    (wrong) => breaker.createBreaker(wrong),
    (wrong) => breaker.createBreaker({ name: 'b' }, wrong),
    (wrong) => breaker.createBreaker({ name: 'b' }, { saved: wrong ?? null }),
  ],
  openBreaker: [
    (wrong) => breaker.openBreaker(wrong),
    (wrong) => breaker.openBreaker(BREAKER.handle(), wrong),
  ],
  ResilienceCoordinator: [
    (wrong) => new resilience.ResilienceCoordinator(wrong),
    (wrong) => new resilience.ResilienceCoordinator({ breakers: wrong }),
    (wrong) => new resilience.ResilienceCoordinator().breaker(wrong),
  ],
  openResilience: [(wrong) => resilience.openResilience(wrong)],
  FileCheckpointStore: [
    (wrong) => new checkpoints.FileCheckpointStore(wrong === 'text' ? ('' as never) : wrong),
    (wrong) => new checkpoints.FileCheckpointStore('folder', wrong),
  ],
  decodeCheckpoint: [(wrong) => checkpoints.decodeCheckpoint(wrong, 'bytes')],
  encodeCheckpoint: [(wrong) => checkpoints.encodeCheckpoint(wrong)],
};

/** Exports that nothing is taken out of, and those for loops over rows, which check nothing for each row. */
const UNCHECKED = new Set([
  ...[
    'Batch',
    'BatchPool',
    'RowView',
    'rowsOf',
    'copyRow',
    'asBigInt64Array',
    'compareInt64',
    'readEpochMillis',
  ],
  ...['readInt64', 'readNanos', 'readSubMillis', 'writeEpochMillis', 'writeInt64', 'millis', 'nanos'],
  ...['defineComponent', 'uncheckedSpec', 'toArrow', 'fromArrow', 'MemoryCheckpointStore', 'classifyError'],
  // Made by functions of the package alone.
  ...['RateClient', 'ResilienceClient', 'CircuitBreaker', 'PipelineRuntime'],
]);

const WRONG: readonly unknown[] = [null, 5, 'text', true, [null], Symbol('wrong')];

describe('a public call', () => {
  const calls = Object.entries(CALLS).flatMap(([name, list]) =>
    list.map((call, i) => [`${name} ${i}`, call] as const),
  );

  it.each(calls)('with a wrong argument fails with an error that has a code: %s', async (_, call) => {
    for (const wrong of WRONG) {
      const thrown = await Promise.resolve()
        .then(() => call(wrong as never))
        .then(
          () => undefined,
          (error: unknown) => error,
        );
      expect([wrong, thrown]).toEqual([wrong, expect.any(RuntimeError)]);
    }
  });

  it('is among those above, whatever entry it is of', () => {
    const exported = [main, stages, rate, breaker, resilience, checkpoints, arrow].flatMap((entry) =>
      Object.entries(entry)
        .filter(([, value]) => typeof value === 'function' && !(value.prototype instanceof Error))
        .map(([name]) => name),
    );
    expect([...new Set(exported)].filter((name) => !UNCHECKED.has(name) && !(name in CALLS))).toEqual([]);
  });
});
