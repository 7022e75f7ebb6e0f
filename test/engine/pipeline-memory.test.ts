import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import type { Batch } from '../../src/columns/batch.js';
import { ColumnMemory, megabytes } from '../../src/columns/column-memory.js';
import type { SourceFactory } from '../../src/engine/factories.js';
import type { Source } from '../../src/engine/source.js';
import type { OpenSpec } from '../../src/plan/typed-spec.js';
import { createPipeline, type PipelineBuilder } from '../../src/runtime/pipeline-builder.js';
import { callbackSink } from '../../src/stages/sinks/callback.js';
import { SyntheticOptions } from '../../src/stages/sources/synthetic/options.js';
import { syntheticSource } from '../../src/stages/sources/synthetic/synthetic.js';
import { batchOf } from '../support/batch-rows.js';
import { TRADES } from '../support/pipeline-rig.js';
import { scratchFolder } from '../support/recorded-data.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);
afterEach(() => vi.restoreAllMocks());

/** An operator of a user's. It neither emits nor releases the batch at which it fails. */
const FAILING = SCRATCH.write(
  'failing.mjs',
  `export default {
    plan: (options, input) => input,
    create: (options, input) => ({
      output: input,
      process(batch, emit) {
        if (options.batches-- === 0) throw new Error('as asked');
        emit(batch);
      },
    }),
  };`,
);

/** An operator by rows that adds one for each that it sees, and a column. */
const WIDENING = SCRATCH.write(
  'widening.mjs',
  `import { defineRowOperator } from ${JSON.stringify(join(import.meta.dirname, '../../src/stages/operators/row-operator/define-operator.ts'))};
  export default defineRowOperator({
    columns: [{ name: 'twice', type: 'float64', nullable: true }],
    onRow(row, { emit }) { row.twice = 2 * row.bid; emit({ ...row }); },
  });`,
);

/** Runs a pipeline and looks at its account when all stages are closed. */
async function runAndLook(pipeline: PipelineBuilder) {
  const close = vi.spyOn(ColumnMemory.prototype, 'close');
  const report = await pipeline.run();
  const memory = close.mock.contexts.at(-1) as ColumnMemory;
  close.mockRestore();
  return { report, memory };
}

const TICKS_CSV = SCRATCH.write(
  'ticks.csv',
  `time,symbol,bid,ask\n${Array.from({ length: 500 }, (_, i) => `${1_700_000_000_000 + i},S${i % 9},1,2`).join('\n')}\n`,
);

const sources = {
  synthetic: { use: 'synthetic', rows: 3_000, symbols: 20, faults: { disorderEvery: 7, gapEvery: 500 } },
  replay: {
    use: 'replay',
    path: TICKS_CSV,
    format: 'csv',
    kind: 'quote',
    speed: 'max',
    columns: { time: { from: 'time', unit: 'ms', zone: 'UTC' }, symbol: 'symbol', bid: 'bid', ask: 'ask' },
  },
} satisfies Record<string, OpenSpec['source']>;

const operators = {
  filter: { use: 'filter', where: 'bid * 2 > 1 and symbol != "SYM001"' },
  derive: { use: 'derive', columns: { mid: '(bid + ask) / 2', name: 'symbol' } },
  select: { use: 'select', columns: ['time', 'symbol', 'bid', 'ask'] },
  rows: { use: 'module', path: WIDENING },
  bars: { use: 'bars', every: '10ms', price: 'bid', lateness: '10ms' },
};

let outputs = 0;
const sinks = {
  null: () => ({ use: 'null' }),
  csv: () => ({ use: 'csv', path: join(SCRATCH.folder, `${outputs++}.csv`) }),
  gzip: () => ({ use: 'csv', path: join(SCRATCH.folder, `${outputs++}.csv.gz`) }),
  jsonl: () => ({ use: 'jsonl', path: join(SCRATCH.folder, `${outputs++}`), rotate: { rows: 1_000 } }),
  parquet: () => ({ use: 'parquet', path: join(SCRATCH.folder, `${outputs++}`), rowGroupRows: 1_024 }),
};

describe('the memory of a pipeline', () => {
  it('is given back to the last byte, whatever its stages are and however it ends', async () => {
    const keys = <K extends string>(of: Record<K, unknown>) => Object.keys(of) as K[];
    const ending = fc.constantFrom('end', 'stop', 'drain', 'operator', 'sink', 'source');
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...keys(sources)),
        fc.subarray(keys(operators).slice(0, 4), { minLength: 0 }),
        fc.boolean(),
        fc.option(fc.constantFrom(3, 1_000)),
        fc.constantFrom(...keys(sinks)),
        fc.constantFrom(1, 7, 100, 8_192),
        ending,
        async (source, chosen, withBars, maxKeys, sink, batchRows, ends) => {
          const stages = [...chosen, ...(withBars ? (['bars'] as const) : [])].map((use) => operators[use]);
          let batches = 0;
          const act = (): void => {
            if (++batches !== 3) return;
            if (ends === 'sink') throw new Error('as asked');
            if (ends === 'stop') void pipeline.stop();
            if (ends === 'drain') void pipeline.drain();
          };
          const inCode = ends === 'sink' || ends === 'stop' || ends === 'drain';
          const failing = { use: 'module', path: FAILING, options: { batches: 2 } } as const;
          const isFaulty = ends === 'source' && source === 'synthetic';
          const pipeline: PipelineBuilder = createPipeline(
            {
              name: 'memory',
              source: isFaulty ? { ...sources.synthetic, faults: { errorAtRow: 900 } } : sources[source],
              operators: ends === 'operator' ? [...stages, failing] : stages,
              batcher: { maxRows: 500, ...(maxKeys !== null && { key: 'symbol', maxKeys }) },
              batchRows,
              ...(!inCode && { sink: sinks[sink]() }),
            } as OpenSpec,
            inCode ? { sink: callbackSink(act) } : {},
          );
          const { report, memory } = await runAndLook(pipeline);
          expect(memory.holders).toEqual({});
          expect(report.columnBytesPeak).toBe(memory.peak);
          expect(memory.peak).toBeGreaterThan(0);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('is given back of a batch that was read while the one before it could not be delivered', async () => {
    let read = 0;
    let isWritten = () => {};
    const written = new Promise<void>((resolve) => {
      isWritten = resolve;
    });
    let isStopped = () => {};
    const stopped = new Promise<void>((resolve) => {
      isStopped = resolve;
    });
    const sink = callbackSink(async () => {
      isWritten(); // of age, while the source waits
      await new Promise((resolve) => setImmediate(resolve));
      throw new Error('as asked');
    });
    const source: SourceFactory<unknown> = {
      plan: () => TRADES,
      create: (_options, { dictionaries }) => ({
        schema: TRADES,
        capabilities: { delivery: 'live-only', bounded: false },
        async read() {
          if (++read > 1) await written;
          if (read > 2) await stopped;
          return batchOf(TRADES, dictionaries, [{ time: 1n, symbol: 'A', price: 1 }]);
        },
        stop: () => isStopped(),
        position: () => null,
        resume() {},
      }),
    };
    const batcher = { maxDelayMs: 100 }; // not due before the source waits, on a busy machine either
    const { report, memory } = await runAndLook(createPipeline({ name: 'late', batcher }, { source, sink }));
    expect(report.error).toMatchObject({ code: 'SINK_FAILED' });
    expect(read).toBeGreaterThan(1);
    expect(memory.holders).toEqual({});
  });

  it('counts what every kind of stage holds', async () => {
    const held = new Map<string, number>();
    const take = ColumnMemory.prototype.take;
    vi.spyOn(ColumnMemory.prototype, 'take').mockImplementation(function (this: ColumnMemory, bytes, holder) {
      take.call(this, bytes, holder);
      held.set(holder, Math.max(held.get(holder) ?? 0, this.holders[holder] ?? 0));
    });
    const stages = { operators: [operators.filter, operators.derive], batchRows: 1_000 };
    const keyed = { key: 'symbol' };
    for (const spec of [
      { source: { use: 'synthetic', rows: 5_000 }, sink: { ...sinks.parquet(), rowGroupRows: 5_000 } },
      { source: sources.replay, batcher: keyed, sink: sinks.csv() },
    ]) {
      const report = await createPipeline({ name: 'counted', ...stages, ...spec } as OpenSpec).run();
      expect(report.outcome).toBe('completed');
    }
    const least = {
      batches: 2 * 1_000 * 44, // rows of a quote with sizes, in the source and in an operator
      expressions: 1_000 * 8,
      'parquet row group': 5_000 * (44 + 8 + 4 + 13), // with the derived columns; and scratch
      'text buffer': 16_384, // to begin with
      batcher: 1_000 * 8,
      'csv reader': 1_000, // the bytes of the file, which is short
    };
    expect([...held.keys()].sort()).toEqual(Object.keys(least).sort());
    for (const [holder, bytes] of Object.entries(least)) {
      expect([holder, held.get(holder)! >= bytes]).toEqual([holder, true]);
      expect([holder, held.get(holder)! < 20 * bytes]).toEqual([holder, true]);
    }
  });

  it.each<[string, Partial<OpenSpec>, RegExp]>([
    [
      'a row group',
      { sink: { use: 'parquet', path: join(SCRATCH.folder, 'large'), rowGroupRows: 1_000_000 } },
      /in use: .*batches .*; requested: .* for parquet row group\. Raise "maxMemoryMb", or lower .*"rowGroupRows"/,
    ],
    [
      'open batches of many keys',
      {
        sink: { use: 'null' },
        batcher: { key: 'symbol', maxKeys: 10_000, maxRows: 65_536, maxDelayMs: 60_000 },
      },
      /in use: batches 15\.\d MB.*; requested: .* for batches.*"maxKeys"/,
    ],
    [
      'batches that a module keeps to itself',
      {
        sink: { use: 'null' },
        operators: [{ use: 'module', path: SCRATCH.write('hoarder.mjs', operatorCode('kept.push(batch);')) }],
      },
      /in use: batches 15\.\d MB.*; requested: .* for batches/,
    ],
  ])('has a limit that %s may not pass', async (_what, stages, message) => {
    const source = { use: 'synthetic', rows: 1_000_000, symbols: 1_000 } as const;
    const { report, memory } = await runAndLook(
      createPipeline({ name: 'limited', maxMemoryMb: 16, source, ...stages } as OpenSpec),
    );
    expect(report).toMatchObject({
      outcome: 'failed',
      error: { code: 'MEMORY_EXHAUSTED', retryable: false, message: expect.stringMatching(message) },
      outputs: [],
    });
    expect(memory.limitBytes).toBe(megabytes(16));
    expect(report.columnBytesPeak).toBeLessThanOrEqual(megabytes(16));
    if (!stages.operators) expect(memory.holders).toEqual({}); // the module never gives its batches back
  });

  it('suffices for the same within its limit', async () => {
    const source = { use: 'synthetic', rows: 1_000_000, symbols: 1_000 } as const;
    const { report } = await runAndLook(
      createPipeline({ name: 'fits', maxMemoryMb: 16, source, sink: { use: 'null' } }),
    );
    expect(report.outcome).toBe('completed');
    expect(report.columnBytesPeak).toBeGreaterThan(0);
  });
});

/** An operator of a user's; `kept` is what it keeps from batch to batch. */
function operatorCode(body: string): string {
  return `export default {
    plan: (options, input) => input,
    create: (options, input) => {
      const kept = [];
      return { output: input, process(batch, emit) { ${body} } };
    },
  };`;
}

describe('a batch that was released', () => {
  const spec = {
    name: 'keeper',
    source: { use: 'synthetic', rows: 1_000 },
    batchRows: 100,
    batcher: { maxRows: 100 },
    sink: { use: 'null' },
  } as const;

  it.each([
    ['reads its column', `if (kept[0]) kept[0].float64('bid')[0]; kept[0] = batch; emit(batch);`],
    ['reads the list of its columns', `if (kept[0]) kept[0][2][0]; kept[0] = batch.columns; emit(batch);`],
    ['counts its rows', 'if (kept[0]) kept[0].length; kept[0] = batch; emit(batch);'],
    ['emits it once more', 'if (kept[0]) emit(kept[0]); kept[0] = batch; emit(batch);'],
    ['releases it once more', 'kept.push(batch); emit(batch); if (kept.length === 3) kept[0].release();'],
  ])('fails the job of a module that kept it and %s', async (what, body) => {
    const path = SCRATCH.write(`keeper-${what.replaceAll(' ', '-')}.mjs`, operatorCode(body));
    const { report } = await runAndLook(
      createPipeline({ ...spec, operators: [{ use: 'module', path }] } as OpenSpec),
    );
    expect(report).toMatchObject({
      outcome: 'failed',
      error: {
        code: 'OPERATOR_FAILED',
        message: expect.stringMatching(
          /keeper-.*failed in process: .*a batch is (not used after its release \(copy what is to be kept\)|released once)/,
        ),
      },
    });
  });

  it('fails the job of a source in code that gives it out once more', async () => {
    const source: SourceFactory<unknown> = {
      plan: (_options, problems, facts) => syntheticSource.plan(OPTIONS, problems, facts),
      create(_options, context) {
        const inner = syntheticSource.create(OPTIONS, context);
        let kept: Batch | undefined;
        const keeper: Source = {
          schema: inner.schema,
          capabilities: inner.capabilities,
          open: () => inner.open?.(),
          read() {
            kept ??= inner.read() as Batch;
            return kept;
          },
          stop: () => inner.stop(),
          position: () => null,
          resume() {},
          close: () => inner.close?.(),
        };
        return keeper;
      },
    };
    const { source: _, ...rest } = spec;
    const { report } = await runAndLook(createPipeline(rest, { source }));
    expect(report).toMatchObject({
      outcome: 'failed',
      error: { message: expect.stringContaining('a batch is not used after its release') },
    });
  });
});

const OPTIONS = SyntheticOptions.parse({ rows: 1_000 });
