import type { Batch } from '../../../columns/batch.js';
import { readInt64 } from '../../../columns/int64.js';
import { formatIsoNanos } from '../../../columns/iso-nanos.js';
import { PipelineError } from '../../../core/errors.js';
import { OnceAMinute } from '../../../core/once-a-minute.js';
import { type LateSpot, spotOfLetter, textOfSpot } from '../../../engine/event-time/late-spot.js';
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
  readonly #main: GivenRows;
  readonly #side: GivenRows;
  readonly #settings: LateJoinSettings;
  readonly #warning: OnceAMinute;

  constructor(settings: LateJoinSettings) {
    this.#settings = settings;
    this.#warning = new OnceAMinute(settings.context.clock);
    const { id } = settings.context;
    this.#main = new GivenRows(id);
    this.#side = new GivenRows(`${id}.with`);
  }

  /** Called with each batch of the main input before its rows are joined. */
  beginMain({ length }: Batch): void {
    this.#main.begin(length);
  }

  /** Called with each batch of the side input before it is joined with. */
  beginSide({ length }: Batch): void {
    this.#side.begin(length);
  }

  /** Of the late rows of the second source, those that are in no dead-letter file. */
  get sideRowsDropped(): number {
    return this.#keeps ? 0 : this.sideRows;
  }

  get #keeps(): boolean {
    const { policy, context } = this.#settings;
    return policy === 'keep' && context.rejects.keepsRows;
  }

  sideRow(batch: Batch, row: number): void {
    this.sideRows++;
    const { side } = this.#settings.columns;
    const spot = () => this.#side.spotOf(batch, row);
    this.#add(
      batch,
      row,
      side,
      spot,
      `of the second source came late for ${this.#id}: rows at or after it were joined without it`,
    );
  }

  mainRow(batch: Batch, row: number): void {
    this.mainRows++;
    const { main } = this.#settings.columns;
    const spot = () => this.#main.spotOf(batch, row);
    this.#add(
      batch,
      row,
      main,
      spot,
      `came late for ${this.#id}: what it would have been joined with is no longer kept`,
    );
  }

  get #id(): string {
    return this.#settings.context.id;
  }

  #add(
    batch: Batch,
    row: number,
    { time, symbol }: { readonly time: number; readonly symbol: number },
    spotOf: () => LateSpot,
    complaint: string,
  ): void {
    const { policy, context } = this.#settings;
    if (policy === 'drop' && !this.#warning.isDue()) return;
    const iso = formatIsoNanos(readInt64(batch.columns[time] as Int32Array, row));
    const of = symbol < 0 ? null : symbolOf(batch, symbol, row);
    const spot = spotOf();
    const text = `${textOfSpot(spot)}: the row of ${of === null ? 'no symbol' : `"${of}"`} at ${iso} ${complaint}`;
    if (policy === 'stop') {
      throw new PipelineError(
        'LATE_ROW',
        `${text}. Set "maxDelay" of its source, if rows may come so much out of order; or "late" of asof to ` +
          '"drop" or "keep", to continue without such rows',
      );
    }
    if (this.#keeps) {
      context.rejects.add({
        ...spotOfLetter(spot),
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

/** Counts the rows of an input, for those of which nobody knows where they were read. */
class GivenRows {
  readonly #stage: string;
  #before = 0;
  #current = 0;

  constructor(stage: string) {
    this.#stage = stage;
  }

  begin(rows: number): void {
    this.#before += this.#current;
    this.#current = rows;
  }

  spotOf(batch: Batch, row: number): LateSpot {
    return batch.origin?.at(row) ?? { stage: this.#stage, row: this.#before + row + 1 };
  }
}

function symbolOf(batch: Batch, column: number, row: number): string | null {
  const id = (batch.columns[column] as Int32Array)[row]!;
  return id < 0 ? null : batch.dictionary(batch.schema.columns[column]!).at(id);
}
