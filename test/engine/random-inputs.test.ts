import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { MemoryCheckpointStore } from '../../src/checkpoints/memory-checkpoint-store.js';
import { sleep } from '../../src/core/clock.js';
import { millis } from '../../src/core/units.js';
import { type Component, defineComponent } from '../../src/engine/component.js';
import { uncheckedSpec } from '../../src/plan/typed-spec.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import type { PipelineReport } from '../../src/wire/pipeline-report.js';
import { type InputsSpec, inputsOf, MadeInputs } from '../support/random-inputs.js';
import { SimulatedClock } from '../support/simulated-clock.js';
import { TransactionalTable } from '../support/transactional-table.js';

/** Virtual time after which a run that has not ended is stuck. */
const STUCK_MS = 100_000;

/** A sink at each branch that takes its time, and what it leaves behind over all starts of a run. */
function tablesOf({ branches }: InputsSpec, clock: () => SimulatedClock) {
  const tables = branches.map(() => new TransactionalTable());
  const component: Component = defineComponent({
    kind: 'sink',
    name: 'kept',
    summary: 'Keeps rows for the test.',
    options: async () => z.strictObject({ id: z.int() }),
    load: async () => ({
      create({ id }, input, context) {
        const { delaysMs } = branches[id]!;
        let writes = 0;
        const slowly = async () => {
          await sleep(clock(), millis(delaysMs[writes++ % delaysMs.length]!));
        };
        return tables[id]!.sink((step) => (step === 'write' ? slowly() : undefined)).create(
          {},
          input,
          context,
        );
      },
    }),
  });
  return { tables, component };
}

/** Every row that came into an input, a branch or an operator is somewhere. */
function expectBalance({ stages }: PipelineReport): void {
  for (const { stage, kind, statistics } of stages) {
    const { rowsIn, rowsDerived, rowsOut, rowsFiltered, rowsHeld, rowsPending } = statistics;
    const left = kind === 'operator' ? rowsHeld : rowsPending;
    if (rowsOut === undefined || left === undefined) continue;
    expect([stage, rowsOut + rowsFiltered! + left]).toEqual([stage, rowsIn! + rowsDerived!]);
  }
}

describe('a tree of inputs', () => {
  it('is merged and joined to its end, whatever its queues, its paces and a restart on the way', async () => {
    const suspendAfterMs = fc.option(fc.integer({ min: 0, max: 400 }));
    await fc.assert(
      fc.asyncProperty(inputsOf(2), suspendAfterMs, async (inputs, afterMs) => {
        const made = new MadeInputs(inputs);
        let clock = new SimulatedClock();
        const { tables, component } = tablesOf(inputs, () => clock);
        const store = new MemoryCheckpointStore();
        const branches = made.branches.map(({ operators }, id) => {
          const batcher = { maxRows: 3, maxDelayMs: 5 };
          return { use: 'kept', id, operators, batcher, queue: inputs.branches[id]!.queue };
        });
        const { source, operators } = made;
        const whole = { name: 'inputs', source, operators, sink: { use: 'tee', branches } };
        const spec = uncheckedSpec({ ...whole, batcher: { maxRows: 4 } });
        // Built before it is run: that takes time of the machine, not of the clock.
        const start = () =>
          createPipeline(spec, { components: [made.component(), component], clock, store }).build();
        const ended = async (run: Promise<PipelineReport>) => {
          let report: PipelineReport | undefined;
          run.then((of) => {
            report = of;
          });
          for (let ms = 0; ms < STUCK_MS && !report; ms += 50) await clock.advance(50);
          if (!report) throw new Error('the run is stuck');
          expect(report.error).toBeUndefined();
          return report;
        };

        let pipeline = await start();
        let run = pipeline.run();
        if (afterMs !== null) {
          await clock.advance(afterMs);
          pipeline.suspend();
          const { reason } = await ended(run);
          if (reason === 'suspended') {
            clock = new SimulatedClock();
            pipeline = await start();
            run = pipeline.run();
          }
        }
        const report = await ended(run);
        expect(report.outcome).toBe('completed');
        for (const [i, { expected }] of made.branches.entries()) {
          expect([i, tables[i]!.visible]).toEqual([i, expected]);
        }
        expectBalance(report);
      }),
      { numRuns: 40 },
    );
  });
});
