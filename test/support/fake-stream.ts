import type { ControlRecord } from '../../src/columns/control-record.js';
import { copyRow, type Row, rowsOf } from '../../src/columns/row-view.js';
import { uncheckedSpec } from '../../src/plan/typed-spec.js';
import { createPipeline, type PipelineOptions } from '../../src/runtime/pipeline-builder.js';
import { callbackSink } from '../../src/stages/sinks/callback.js';
import { fakeProvider } from '../../src/testing/fake-provider.js';
import type { FakeScript } from '../../src/testing/fake-script.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';

/** Wall time at which a virtual clock begins, in ms. */
export const START_MS = 1_700_000_000_000;

export interface FakeStreamRun {
  readonly script?: FakeScript;
  readonly source?: object;
  readonly operators?: readonly object[];
  /** Further keys of the spec. */
  readonly spec?: object;
  readonly options?: PipelineOptions;
  readonly clock?: VirtualClock;
}

/** Runs a stream of a fake provider on a virtual clock. Time stands still until it runs. */
export async function runStream({
  script = {},
  source = {},
  operators = [],
  spec: more = {},
  options = {},
  clock = new VirtualClock(),
}: FakeStreamRun) {
  const rows: Row[] = [];
  const records: ControlRecord[] = [];
  /** Rows and records in their order. */
  const all: (Row | ControlRecord)[] = [];
  const sink = callbackSink((batch) => {
    const controls = [...batch.controls];
    const recordsAt = (at: number) => {
      for (const { record } of controls.filter(({ row }) => row === at)) {
        records.push(record);
        all.push(record);
      }
    };
    let at = 0;
    for (const row of rowsOf(batch)) {
      recordsAt(at++);
      rows.push(copyRow(row));
      all.push(copyRow(row));
    }
    recordsAt(at);
  });
  const spec = uncheckedSpec({
    name: 'fake',
    source: { use: 'fake', stream: 'trades', symbols: ['BTC'], ...source },
    operators,
    batcher: { maxRows: 1 },
    ...more,
  });
  const pipeline = createPipeline(spec, { components: [fakeProvider(script)], clock, sink, ...options });
  await pipeline.build(); // loads code, which takes no virtual time
  const outcome = pipeline.run();
  /** Of the source, as reported at the end. */
  const drained = async () => {
    await pipeline.drain();
    await clock.advance(0);
    return outcome;
  };
  return { clock, rows, records, all, pipeline, outcome, drained };
}

/** The records that are no watermark and no end. */
export const told = (records: readonly ControlRecord[]): ControlRecord[] =>
  records.filter(({ type }) => type !== 'watermark' && type !== 'end');
