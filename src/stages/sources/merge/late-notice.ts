import type { Batch } from '../../../columns/batch.js';
import { readInt64 } from '../../../columns/int64.js';
import { formatIsoNanos } from '../../../columns/iso-nanos.js';
import { OnceAMinute } from '../../../core/once-a-minute.js';
import { type LateSpot, textOfSpot } from '../../../engine/event-time/late-spot.js';
import type { StageContext } from '../../../engine/stage.js';

/** Rows of an input that came behind its own watermark. */
export interface LateRowsOfInput {
  /** As in the options: `sources[1]`. */
  readonly input: string;
  readonly rows: number;
  readonly batch: Batch;
  /** One of them. */
  readonly row: number;
  /** Where the times are. */
  readonly times: Int32Array;
  /** Rows that the input had given before the batch. */
  readonly before: number;
}

/** Warns of rows that leave the merged stream out of order: at once, then at most once a minute for each input. */
export class LateNotice {
  readonly #context: Pick<StageContext, 'id' | 'clock' | 'log'>;
  readonly #inputs = new Map<string, { readonly warning: OnceAMinute; rows: number }>();

  constructor(context: Pick<StageContext, 'id' | 'clock' | 'log'>) {
    this.#context = context;
  }

  add({ input, rows, batch, row, times, before }: LateRowsOfInput): void {
    const { id, clock, log } = this.#context;
    const told = this.#inputs.get(input) ?? { warning: new OnceAMinute(clock), rows: 0 };
    this.#inputs.set(input, told);
    told.rows += rows;
    if (!told.warning.isDue()) return;
    const stage = `${id}.${input}`;
    const spot: LateSpot = batch.origin?.at(row) ?? { stage, row: before + row + 1 };
    const time = formatIsoNanos(readInt64(times, row));
    log.warn(
      { input: stage, rows: told.rows, latest: `${textOfSpot(spot)}: the row at ${time} came late` },
      'rows of a source of merge came behind later ones, so the merged rows are out of order: set "maxDelay" of ' +
        'that source, if it has one, or sort its rows',
    );
    told.rows = 0;
  }
}
