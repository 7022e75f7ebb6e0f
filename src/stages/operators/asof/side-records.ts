import { Batch } from '../../../columns/batch.js';
import type { ControlRecord } from '../../../columns/control-record.js';
import type { DictionarySet } from '../../../columns/dictionary.js';
import { instantOf } from '../../../columns/instants.js';
import type { Schema } from '../../../columns/schema.js';
import { HeldBatches } from './held-batches.js';
import type { AsOfColumns } from './join.js';

export interface SideRecordsSettings extends Pick<AsOfColumns, 'main'> {
  /** Schema of the main input. */
  readonly schema: Schema;
  readonly dictionaries: DictionarySet;
  /** What the second source is called. */
  readonly side: string;
}

/**
 * Passes on to the joined stream what the second source tells of itself: rows there may lack what they should
 * be joined with, or have what no longer holds. The second source's time and end are not passed on, since they
 * are not those of the joined stream.
 */
export class SideRecords {
  readonly #settings: SideRecordsSettings;

  constructor(settings: SideRecordsSettings) {
    this.#settings = settings;
  }

  /** The same for one batch of the main input. */
  passTo(side: Batch, batch: Batch): void {
    if (side.controls.length === 0) return;
    const held = new HeldBatches(this.#settings.main.time);
    held.push(batch);
    this.pass(side, held);
  }

  /**
   * Puts the records of a batch of the second source into batches of the main input that are not emitted yet: before
   * the first row that is not earlier, or at the end.
   *
   * @returns A batch to emit if there is none to put them into.
   */
  pass(side: Batch, held: HeldBatches): Batch | undefined {
    const { schema, dictionaries } = this.#settings;
    let made: Batch | undefined;
    // From the last one on, as each goes in front of what is at its point: a watermark closes windows before it.
    for (const { record: own } of side.controls.toReversed()) {
      const told = this.#toldOf(own);
      if (!told) continue;
      const { at, record } = told;
      let point = held.pointBefore(instantOf(at));
      if (!point) {
        made ??= new Batch(schema, 1, dictionaries);
        point = { batch: made, row: 0 };
      }
      const { row } = point;
      const { controls } = point.batch;
      const behind = controls.findIndex((placed) => placed.row >= row);
      controls.splice(behind < 0 ? controls.length : behind, 0, { row, record });
    }
    return made;
  }

  /** A record as the joined stream tells it, with the name of the second source, and when it begins to hold. */
  #toldOf(record: ControlRecord): { readonly at: bigint; readonly record: ControlRecord } | undefined {
    const { side } = this.#settings;
    switch (record.type) {
      case 'gap': {
        const { symbol, reason, ...range } = record;
        return { at: record.from, record: { ...range, ...this.#of(symbol), reason: `${side}: ${reason}` } };
      }
      case 'backfilled': {
        const { symbol, ...range } = record;
        return { at: record.from, record: { ...range, ...this.#of(symbol) } };
      }
      case 'stale': {
        const { symbol, ...silence } = record;
        return { at: record.since, record: { ...silence, ...this.#of(symbol) } };
      }
      case 'switched': {
        const { from, to } = record;
        return { at: record.at, record: { ...record, from: `${side}: ${from}`, to: `${side}: ${to}` } };
      }
      case 'reset':
        return { at: record.at, record: { ...record, reason: `${side}: ${record.reason}` } };
      case 'watermark':
      case 'end':
        return undefined;
    }
  }

  /** Without symbols to join by, what is said of one may concern any row. */
  #of(symbol: string | undefined): { readonly symbol?: string } {
    return this.#settings.main.symbol >= 0 && symbol !== undefined ? { symbol } : {};
  }
}
