import type { ControlRecord } from '../../../src/columns/control-record.js';
import { copyRow, type Row, rowsOf } from '../../../src/columns/row-view.js';
import { uncheckedSpec } from '../../../src/plan/typed-spec.js';
import { createPipeline, type PipelineOptions } from '../../../src/runtime/pipeline-builder.js';
import { callbackSink } from '../../../src/stages/sinks/callback.js';
import type { BinanceVenue } from './venue.js';

/** Waits between two connections would take most of a test. */
const TIMES_FASTER = 20;

export type Item = { readonly row: Row } | { readonly record: ControlRecord };

/** A pipeline from the venue to a list of its rows and records, in order. */
export function venuePipeline(
  venue: BinanceVenue,
  source: object,
  { operators = [], options = {} }: { operators?: readonly object[]; options?: PipelineOptions } = {},
) {
  const items: Item[] = [];
  let seen = () => {};
  const sink = callbackSink((batch) => {
    let at = 0;
    const recordsAt = (row: number) => {
      for (const { row: of, record } of batch.controls) if (of === row) items.push({ record });
    };
    for (const row of rowsOf(batch)) {
      recordsAt(at++);
      items.push({ row: copyRow(row) });
    }
    recordsAt(at);
    seen();
  });
  const spec = uncheckedSpec({
    name: 'venue',
    source: { use: venue.provider, symbols: ['BTCUSDT'], ...venue.options, ...source },
    operators,
    batcher: { maxRows: 1_024, maxDelayMs: 1 },
  });
  const pipeline = createPipeline(spec, { sink, clock: venue.clock(TIMES_FASTER), ...options });
  const rows = () => items.flatMap((item) => ('row' in item ? [item.row] : []));
  const records = (type?: ControlRecord['type']) =>
    items.flatMap((item) =>
      'record' in item && (type ?? item.record.type) === item.record.type ? [item.record] : [],
    );
  /** Resolves once something holds of what has come. */
  const until = (holds: () => boolean) =>
    new Promise<void>((resolve) => {
      seen = () => {
        if (holds()) resolve();
      };
      seen();
    });
  return {
    items,
    rows,
    until,
    records,
    /**
     * Runs it, plays the tape to its end, and drains it.
     *
     * @param isWhole - What is waited for behind the end of the tape: a book that has to begin anew may have waited
     *   longer than the tape takes.
     */
    async playThrough(isWhole = () => true) {
      const running = pipeline.run();
      running.catch(() => {}); // awaited below
      await Promise.race([venue.play(), running]);
      await Promise.race([until(isWhole), running]);
      await pipeline.drain();
      return running;
    },
    pipeline,
  };
}
