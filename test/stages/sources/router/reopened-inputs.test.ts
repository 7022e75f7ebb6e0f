import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { BatchPool } from '../../../../src/columns/batch-pool.js';
import { ProviderError } from '../../../../src/core/provider-error.js';
import type { SourceFactory } from '../../../../src/engine/factories.js';
import { uncheckedSpec } from '../../../../src/plan/typed-spec.js';
import { createPipeline } from '../../../../src/runtime/pipeline-builder.js';
import { batchOf } from '../../../support/batch-rows.js';
import { liveComponent } from '../../../support/nested-stages.js';
import { isRow, keepingSink, type Stream } from '../../../support/pipeline-rig.js';
import { scratchFolder } from '../../../support/recorded-data.js';
import { NUMBERED, routed, row, Scripted } from './router-rig.js';

const scratch = scratchFolder();
afterAll(() => scratch.remove());
const outage = () => new ProviderError('disconnected', 'the socket was closed');

async function run(
  source: object,
  components: readonly ReturnType<typeof liveComponent>[] = [],
  more: object = {},
) {
  const kept = keepingSink();
  const spec = uncheckedSpec({ name: 'reopened', source, sink: { use: 'null' }, ...more });
  const report = await createPipeline(spec, { sink: { create: () => kept.sink }, components }).run();
  return { report, stream: kept.stream as Stream };
}

/** A log of ten rows that breaks off now and then, each time in another place. */
function brittle(failsAt: readonly number[]) {
  const left = [...failsAt];
  let made = 0;
  const create: SourceFactory<unknown>['create'] = (_options, { dictionaries }) => {
    made++;
    let next = 1;
    return {
      schema: NUMBERED,
      capabilities: { delivery: 'replayable', bounded: true },
      async read() {
        if (next === left[0]) {
          left.shift();
          throw outage();
        }
        if (next > 10) return null;
        return batchOf(NUMBERED, dictionaries, [row(next, next++)]);
      },
      stop() {},
      position: () => next,
      resume(position) {
        next = position as number;
      },
    };
  };
  return { component: liveComponent('brittle', create, NUMBERED), made: () => made };
}

describe('a source that a router opens again', () => {
  it('goes on where it failed, if it can be replayed and no other one came in between', async () => {
    const { component, made } = brittle([4, 8, 8]);
    const { report, stream } = await run(
      { use: 'router', sources: [{ use: 'brittle' }], backOff: '1ms', backOffMax: '1ms' },
      [component],
    );
    expect(report).toMatchObject({ outcome: 'completed' });
    expect(stream.filter(isRow).map(({ price }) => price)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(stream.filter(({ type }) => type === 'gap' || type === 'switched')).toEqual([]);
    expect(made()).toBe(4);
  });

  it('has the operators behind it go on, too', async () => {
    const { component } = brittle([4, 8]);
    const source = { use: 'brittle', operators: [{ use: 'bars', every: '5ms' }] };
    const { stream } = await run({ use: 'router', sources: [source], backOff: '1ms', backOffMax: '1ms' }, [
      component,
    ]);
    const bars = stream.filter(isRow).map(({ count, open, close }) => [count, open, close]);
    expect(bars).toEqual([
      [4, 1, 4],
      [5, 5, 9],
      [1, 10, 10],
    ]);
  });

  it('may be a source of sources itself', async () => {
    const parts = [1, 2].map((seed) => ({ use: 'synthetic', kind: 'trade', rows: 500, seed, symbols: 2 }));
    const failing = { ...parts[0]!, faults: { errorAtRow: 100 } };
    const { report, stream } = await run({
      use: 'router',
      sources: [
        { use: 'merge', sources: [failing, parts[1]!] },
        { use: 'merge', sources: parts },
      ],
      backOff: '1h',
      backOffMax: '1h',
    });
    expect(report).toMatchObject({ outcome: 'completed' });
    const switched = stream.findIndex(({ type }) => type === 'switched');
    expect(stream.slice(switched).filter(isRow)).toHaveLength(1_000);
    const stages = report.stages.map(({ stage }) => stage);
    expect(stages).toEqual(
      expect.arrayContaining(['source', 'source.sources[1]', 'source.sources[1].sources[0]']),
    );
  });

  it('adds its bad rows to the dead letters, and counts them over all sources', async () => {
    const lines = Array.from({ length: 200 }, (_, i) => {
      const time = new Date(Date.parse('2024-03-04T10:00:00Z') + i * 1_000).toISOString();
      return `${time},A,${i === 2 ? 'x' : i}`;
    });
    const text = ['time,symbol,price', ...lines, ''].join('\n');
    const packed = gzipSync(text, { level: 0 });
    const cut = scratch.write('cut.csv.gz', packed.subarray(0, packed.length / 2));
    const whole = scratch.write('whole.csv', text);
    const letters = `${whole}.letters`;
    const columns = { time: 'time', symbol: 'symbol', price: 'price' };
    const replay = (path: string) => ({ use: 'replay', path, kind: 'trade', columns });
    const { report, stream } = await run({ use: 'router', sources: [replay(cut), replay(whole)] }, [], {
      deadLetter: { path: letters },
    });
    expect(report).toMatchObject({ outcome: 'completed' });
    const { rowsIn, rowsRejected, rowsOut } = report.counters;
    expect(rowsRejected).toBe(2);
    expect(rowsIn).toBe(rowsOut + 2);
    expect(stream.filter(isRow)).toHaveLength(rowsOut);
    expect(rowsOut).toBeGreaterThan(250);
    expect(readFileSync(letters, 'utf8').trim().split('\n')).toHaveLength(2);
  });

  it('is not opened before its last opening is closed, and each opening is closed once', async () => {
    const a = new Scripted('a');
    const create = a.create.bind(a);
    const closes: number[] = [];
    const { clock, pass, stop } = await routed({
      sources: [
        Object.assign(a, {
          create: (context: Parameters<typeof create>[0]) => {
            const made = create(context);
            const instance = closes.push(0) - 1;
            return {
              ...made,
              async close() {
                closes[instance]!++;
                await new Promise<void>((resolve) => void context.clock.setTimeout(resolve, 5_000));
                await made.close?.();
              },
            };
          },
        }),
      ],
      options: { openWithin: '1s', backOff: '1ms', backOffMax: '1ms' },
    });
    a.push(row(0, 1));
    await clock.advance(5);
    a.fail(outage());
    await pass(30_000, 100);
    expect(a.opened - a.closed).toBe(1);
    expect(a.made).toBe(2);
    expect(closes).toEqual([1, 0]);
    const run = stop();
    await pass(12_000, 100);
    await run;
    expect(closes).toEqual([1, 1]);
    expect(a.opened - a.closed).toBe(0);
  });

  it('leaves no memory behind, however often', async () => {
    const pools: BatchPool[] = [];
    const sources = [new Scripted('a')];
    const [a] = sources as [Scripted];
    const create = a.create.bind(a);
    const memory: { current: number }[] = [];
    a.create = (context) => {
      const pool = new BatchPool(NUMBERED, 1_024, context.dictionaries);
      pools.push(pool);
      memory.push(context.memory);
      const made = create(context);
      return {
        ...made,
        close() {
          pool.acquire().release(); // it keeps the memory as a spare
          return made.close?.();
        },
      };
    };
    const { pass, stop } = await routed({ sources, options: { backOff: '1ms', backOffMax: '1ms' } });
    for (let i = 0; i < 50; i++) {
      a.push(row(i, i));
      await pass(10, 5);
      a.fail(outage());
      await pass(20, 5);
    }
    expect(pools.length).toBeGreaterThan(40);
    expect(memory[0]!.current).toBeLessThan(200_000);
    await stop();
  });
});
