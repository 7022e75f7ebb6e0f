import { Batch } from '../../../columns/batch.js';
import type { ControlRecord } from '../../../columns/control-record.js';
import type { DictionarySet } from '../../../columns/dictionary.js';
import { readInt64 } from '../../../columns/int64.js';
import type { Schema } from '../../../columns/schema.js';
import type { AsOfColumns } from './join.js';

type Gap = Extract<ControlRecord, { type: 'gap' }>;

export interface SideGapsSettings extends Pick<AsOfColumns, 'main'> {
  /** Schema of the main input. */
  readonly schema: Schema;
  readonly dictionaries: DictionarySet;
  /** What the second source is called. */
  readonly side: string;
}

/** Tells of gaps of the second source in the joined stream, whose rows may lack there what they should be joined with. */
export class SideGaps {
  readonly #settings: SideGapsSettings;

  constructor(settings: SideGapsSettings) {
    this.#settings = settings;
  }

  /**
   * Puts the gaps of a batch of the second source into batches of the main input that are not emitted yet: before
   * the first row that is not earlier, or at the end.
   *
   * @returns A batch to emit if there is none to put them into.
   */
  pass(side: Batch, waiting: readonly Batch[]): Batch | undefined {
    let into = waiting;
    let made: Batch | undefined;
    for (const { record } of side.controls) {
      if (record.type !== 'gap') continue;
      if (into.length === 0) {
        made = new Batch(this.#settings.schema, 1, this.#settings.dictionaries);
        into = [made];
      }
      this.#put(record, into);
    }
    return made;
  }

  #put({ symbol, reason, ...range }: Gap, into: readonly Batch[]): void {
    const { main, side } = this.#settings;
    const record: Gap = {
      ...range,
      // Without symbols to join by, the gap of one may concern any row.
      ...(main.symbol >= 0 && symbol !== undefined && { symbol }),
      reason: `${side}: ${reason}`,
    };
    const of = into.find((batch) => this.#placeIn(batch, range.from) < batch.length) ?? into.at(-1)!;
    const row = this.#placeIn(of, range.from);
    const behind = of.controls.findIndex((placed) => placed.row >= row);
    of.controls.splice(behind < 0 ? of.controls.length : behind, 0, { row, record });
  }

  /** The first row that is not before an instant; the length if all are. */
  #placeIn({ columns, length }: Batch, from: bigint): number {
    const times = columns[this.#settings.main.time] as Int32Array;
    for (let row = 0; row < length; row++) if (readInt64(times, row) >= from) return row;
    return length;
  }
}
