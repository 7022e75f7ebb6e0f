import type { Batch } from '../../../columns/batch.js';
import type { Dictionary, DictionarySet } from '../../../columns/dictionary.js';
import { readEpochMillis } from '../../../columns/int64.js';
import { columnIndex, type Schema } from '../../../columns/schema.js';
import type { Clock } from '../../../core/clock.js';
import { type DeliveredEntries, DeliveredRows } from '../../../engine/delivered-rows.js';
import { FeedPresent } from '../../../engine/event-time/feed-present.js';
import type { Input } from '../../../engine/input.js';
import type { LastRow, LastRows } from '../../../engine/last-rows.js';

export interface DeliveredByAllParts {
  readonly schema: Schema;
  readonly maxDelayNs: number;
  readonly dictionaries: DictionarySet;
  readonly clock: Clock;
}

/**
 * The last row of each symbol, whichever source has given it, where all sources have the same rows: so each source
 * that can be resumed can go on behind them.
 */
export class DeliveredByAll {
  readonly #symbols: Dictionary;
  readonly #clock: Clock;
  readonly #rows: DeliveredRows;
  /** When the first source was begun, by the clock of this host; after a restart, in event time. */
  #since: bigint | undefined;
  #isRestored = false;
  readonly #present = new FeedPresent();
  readonly #timeAt: number;
  /** Whether one was opened whose rows count. */
  #hasBegun = false;

  /** @returns `undefined` if none of the sources can go on behind the rows of all others. */
  static of(inputs: readonly Input[], parts: DeliveredByAllParts): DeliveredByAll | undefined {
    const rowsOf = inputs[0]?.rowsOf;
    const areAlike = rowsOf !== undefined && inputs.every((input) => input.rowsOf === rowsOf);
    return areAlike && inputs.some(goesOnBehind) ? new DeliveredByAll(parts) : undefined;
  }

  private constructor({ schema, maxDelayNs, dictionaries, clock }: DeliveredByAllParts) {
    const { dictionary = 'symbol' } = schema.columns[columnIndex(schema, 'symbol')] ?? {};
    this.#symbols = dictionaries.get(dictionary);
    this.#clock = clock;
    this.#timeAt = columnIndex(schema, 'time');
    this.#rows = new DeliveredRows(schema, 0, { maxDelayNs, clock });
  }

  /**
   * A source is opened.
   *
   * @param counts - Whether its rows are to count.
   * @returns Behind which rows it is to go on; `undefined` if it is the first one that counts, or does not.
   */
  begin(counts: boolean): LastRows | undefined {
    this.#since ??= this.#clock.wall();
    if (!counts) return undefined;
    const isFirst = !this.#hasBegun;
    this.#hasBegun = true;
    return isFirst ? undefined : { since: this.#sinceOf(this.#since), of: (symbol) => this.#lastOf(symbol) };
  }

  /** Rows are delivered. */
  note(batch: Batch): void {
    this.#rows.growTo(this.#symbols.size);
    this.#rows.pass(batch, 0, batch.length);
    if (batch.length === 0) return;
    const timeMs = readEpochMillis(batch.columns[this.#timeAt] as Int32Array, batch.length - 1);
    this.#present.row(timeMs, Number(this.#clock.wall() / 1_000_000n));
  }

  snapshot(): SavedDelivered | null {
    return this.#since === undefined || !this.#hasBegun
      ? null
      : { since: String(this.#sinceOf(this.#since)), last: this.#rows.snapshot() };
  }

  restore(saved: SavedDelivered): void {
    this.#since = BigInt(saved.since);
    this.#isRestored = true;
    this.#hasBegun = true;
    this.#rows.growTo(saved.last.length);
    this.#rows.restore(saved.last);
  }

  /** The rows of a delayed feed are from before it was begun. */
  #sinceOf(since: bigint): bigint {
    return this.#isRestored ? since : this.#present.sinceNs(since);
  }

  #lastOf(symbol: string): LastRow | undefined {
    const id = this.#symbols.find(symbol);
    return id === undefined ? undefined : this.#rows.lastOf(id);
  }
}

/** Whether an input can go on behind rows that another one has given. */
export const goesOnBehind = ({ rowsOf, capabilities }: Input): boolean =>
  rowsOf !== undefined && capabilities.delivery === 'resumable';

export interface SavedDelivered {
  readonly since: string;
  /** By the id of the symbol. */
  readonly last: DeliveredEntries;
}
