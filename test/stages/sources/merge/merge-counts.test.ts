import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { MemoryCheckpointStore } from '../../../../src/checkpoints/memory-checkpoint-store.js';
import { defineComponent } from '../../../../src/engine/component.js';
import { uncheckedSpec } from '../../../../src/plan/typed-spec.js';
import { createPipeline } from '../../../../src/runtime/pipeline-builder.js';
import type { Checkpoint } from '../../../../src/wire/checkpoint.js';
import { batchOf } from '../../../support/batch-rows.js';
import { countingSink } from '../../../support/counting-sink.js';
import { heldSink } from '../../../support/held-sink.js';
import { liveComponent } from '../../../support/nested-stages.js';
import { feedOf } from '../../../support/pipeline-rig.js';
import { scratchFolder } from '../../../support/recorded-data.js';
import { SimulatedClock } from '../../../support/simulated-clock.js';
import { IN_ORDER, ROWS } from './merge-rig.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const START = 1_700_000_000_000_000_000n;
const COUNT = 30;
const row = (n: number, symbol = 'A') => ({ time: START + BigInt(n) * 1_000_000n, symbol, price: n });

/** A replay of 30 rows, of which every third is bad, and each takes ten bytes. */
const numbers = defineComponent({
  kind: 'source',
  name: 'numbers',
  summary: 'Counts.',
  options: async () => z.strictObject({}),
  load: async () => ({
    plan: () => ROWS,
    create(_options, { dictionaries, rejects }) {
      let next = 1;
      let rejected = 0;
      let read = 0;
      return {
        schema: ROWS,
        order: IN_ORDER,
        capabilities: { delivery: 'replayable', bounded: true },
        async read() {
          for (; next <= COUNT && next % 3 === 0; next++) {
            rejects.add({ file: 'numbers', line: next, expected: 'a good row', found: 'a bad one' });
            rejected++;
            read++;
          }
          if (next > COUNT) return null;
          read++;
          return batchOf(ROWS, dictionaries, [row(next++)]);
        },
        stop() {},
        position: () => next,
        resume(position) {
          next = position as number;
        },
        get rowsRejected() {
          return rejected;
        },
        get bytesIn() {
          return 10 * read;
        },
      };
    },
  }),
});

describe('what a merge counts', () => {
  const counts = { rowsIn: 2 * COUNT, rowsRejected: 20, rowsOut: 40, bytesIn: 20 * COUNT };

  it('is the same over two starts, though its sources were further at the cut than what they had delivered', async () => {
    for (let stopAt = 1; stopAt < 40; stopAt += 3) {
      const path = `${SCRATCH.folder}/${stopAt}.jsonl`;
      const spec = uncheckedSpec({
        name: 'counted',
        source: { use: 'merge', sources: [{ use: 'numbers' }, { use: 'numbers' }] },
        batcher: { maxRows: 1 },
        sink: { use: 'null' },
        deadLetter: { path },
      });
      let taken: Promise<Checkpoint> | undefined;
      const first = createPipeline(spec, {
        components: [numbers],
        sink: countingSink([], stopAt, () => {
          taken ??= first.checkpoint().then(async (checkpoint) => {
            await first.stop();
            return checkpoint;
          });
          taken.catch(() => {});
        }),
      });
      await first.run();
      const checkpoint = JSON.parse(JSON.stringify(await taken)) as Checkpoint;
      const { rowsIn, rowsOut, rowsRejected } = checkpoint.counters;
      expect(rowsIn).toBeGreaterThanOrEqual(rowsOut + rowsRejected);

      const second = createPipeline(spec, { components: [numbers], sink: countingSink([]), checkpoint });
      const report = await second.run();
      expect(report).toMatchObject({ outcome: 'completed', rowsPending: 0, counters: counts });
      for (const { statistics } of report.stages.slice(1, 3)) {
        expect(statistics).toMatchObject({ rowsIn: COUNT, rowsRejected: 10, bytesIn: 10 * COUNT });
      }
    }
  });

  it('has what the full queue of a source has left out, over two starts', async () => {
    const store = new MemoryCheckpointStore();
    const start = async (atMs: number) => {
      const clock = new SimulatedClock({ wall: START + BigInt(atMs) * 1_000_000n });
      const feed = feedOf(ROWS);
      const held = heldSink();
      const builder = createPipeline(
        uncheckedSpec({
          name: 'left-out',
          source: { use: 'merge', sources: [{ use: 'feed', queue: { rows: 4, overflow: 'drop-oldest' } }] },
          batcher: { maxRows: 1 },
          sink: { use: 'null' },
        }),
        {
          clock,
          components: [liveComponent('feed', (_, context) => feed.make(context), ROWS)],
          sink: { create: () => held.sink },
          store,
        },
      );
      const pipeline = await builder.build();
      const run = builder.run();
      await clock.advance(1);
      for (let n = 1; n <= 20; n++) {
        feed.push(row(atMs + n));
        await clock.advance(n < 5 ? 1_000 : 1); // until the sink holds a row and another one waits for it
      }
      return { clock, feed, held, pipeline, run };
    };
    const first = await start(0);
    const ofSource = ({ pipeline }: Awaited<ReturnType<typeof start>>) =>
      Number(pipeline.describe()[1]!.statistics.rowsDroppedOldest);
    const dropped = ofSource(first);
    expect(dropped).toBeGreaterThan(5);
    first.pipeline.suspend();
    first.held.letGo();
    await first.clock.advance(500);
    expect(await first.run).toMatchObject({ reason: 'suspended', dropped: { overflow: dropped } });

    const second = await start(10_000);
    expect(ofSource(second)).toBe(dropped);
    second.feed.end();
    second.held.letGo();
    await second.clock.advance(500);
    const report = await second.run;
    const { overflow = 0 } = report.dropped;
    expect(overflow).toBeGreaterThanOrEqual(dropped);
    expect(report).toMatchObject({
      outcome: 'completed',
      rowsPending: 0,
      counters: { rowsIn: 40, rowsOut: 40 - overflow, rowsDropped: overflow },
    });
  });
});
