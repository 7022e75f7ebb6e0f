import type { Batch } from '../../../columns/batch.js';
import { readInt64 } from '../../../columns/int64.js';
import { formatIsoNanos } from '../../../columns/iso-nanos.js';
import { PipelineError } from '../../../core/errors.js';
import { OnceAMinute } from '../../../core/once-a-minute.js';
import type { StageContext } from '../../../engine/stage.js';
import type { AsOfColumns, AsOfLateness } from './join.js';

/** What to do with late rows, and where to report them. */
export interface LateJoinSettings {
  readonly policy: 'stop' | 'drop' | 'keep';
  readonly columns: AsOfColumns;
  readonly context: StageContext;
}

/** Handles rows of either input that came too late for their join: fails, or counts them, warns and continues. */
export class LateJoins implements AsOfLateness {
  sideRows = 0;
  mainRows = 0;
  readonly #settings: LateJoinSettings;
  readonly #warning: OnceAMinute;

  constructor(settings: LateJoinSettings) {
    this.#settings = settings;
    this.#warning = new OnceAMinute(settings.context.clock);
  }

  sideRow(batch: Batch, row: number): void {
    this.sideRows++;
    const { side } = this.#settings.columns;
    this.#add(batch, row, side, 'of the second source came late: rows at or after it were joined without it');
  }

  mainRow(batch: Batch, row: number): void {
    this.mainRows++;
    const { main } = this.#settings.columns;
    this.#add(batch, row, main, 'came late: what it would have been joined with is no longer kept');
  }

  #add(
    batch: Batch,
    row: number,
    { time, symbol }: { readonly time: number; readonly symbol: number },
    complaint: string,
  ): void {
    const { policy, context } = this.#settings;
    if (policy === 'drop' && !this.#warning.isDue()) return;
    const iso = formatIsoNanos(readInt64(batch.columns[time] as Int32Array, row));
    const of = symbol < 0 ? null : symbolOf(batch, symbol, row);
    const spot = batch.origin?.at(row) ?? { file: context.job, line: row + 1 };
    const text = `${spot.file}:${spot.line}: the row of ${of === null ? 'no symbol' : `"${of}"`} at ${iso} ${complaint}`;
    if (policy === 'stop') {
      throw new PipelineError(
        'LATE_ROW',
        `${text}. Set "maxDelay" of its source, if rows may come so much out of order; or "late" of asof to ` +
          '"drop" or "keep", to go on without such rows',
      );
    }
    if (policy === 'keep' && context.rejects.keepsRows) {
      context.rejects.add({
        file: spot.file,
        line: spot.line,
        field: 'time',
        expected: 'a row in time for its join',
        found: `a row of ${iso}`,
        raw: JSON.stringify({ time: iso, symbol: of }),
      });
      return;
    }
    context.log.warn(
      { sideRows: this.sideRows, mainRows: this.mainRows, latest: text },
      'rows came late for their join',
    );
  }
}

function symbolOf(batch: Batch, column: number, row: number): string | null {
  const id = (batch.columns[column] as Int32Array)[row]!;
  return id < 0 ? null : batch.dictionary(batch.schema.columns[column]!).at(id);
}
