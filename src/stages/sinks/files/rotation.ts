import type { Batch } from '../../../columns/batch.js';
import { readInt64 } from '../../../columns/int64.js';
import type { Schema } from '../../../columns/schema.js';

export interface RotationLimits {
  readonly rows?: number | undefined;
  readonly bytes?: number | undefined;
  /** Nanoseconds of event time; parts are cut at its multiples since 1970 UTC. */
  readonly everyNs?: bigint | undefined;
}

/** Decides where one part ends and the next one begins, from the rows alone. */
export class Rotation {
  readonly #rowsMax: number;
  readonly #bytesMax: number;
  readonly #everyNs: bigint | undefined;
  readonly #time: number;
  /** Words of the instant at which the open part ends. */
  #endLow = 0;
  #endHigh = 0;

  constructor(schema: Schema, limits: RotationLimits) {
    this.#rowsMax = limits.rows ?? Number.POSITIVE_INFINITY;
    this.#bytesMax = limits.bytes ?? Number.POSITIVE_INFINITY;
    this.#everyNs = limits.everyNs;
    this.#time = schema.columns.findIndex(({ name, type }) => name === 'time' && type === 'timestamp');
  }

  /** Sets the end of a part that begins with this row. */
  begin(batch: Batch, row: number): void {
    const every = this.#everyNs;
    if (every === undefined || this.#time < 0) return;
    const instant = readInt64(batch.columns[this.#time] as Int32Array, row);
    // Rounds down before 1970, too.
    const end = instant - (((instant % every) + every) % every) + every;
    this.#endLow = Number(end & 0xffff_ffffn);
    this.#endHigh = Number(end >> 32n);
  }

  /** The state needed to resume the open part. */
  get state(): readonly [low: number, high: number] {
    return [this.#endLow, this.#endHigh];
  }

  set state([low, high]: readonly [low: number, high: number]) {
    this.#endLow = low;
    this.#endHigh = high;
  }

  /** Whether a watermark's instant is at or past the end of the open part. */
  isPast(instant: bigint): boolean {
    if (this.#everyNs === undefined || this.#time < 0) return false;
    return instant >= ((BigInt(this.#endHigh) << 32n) | BigInt(this.#endLow));
  }

  /** Whether an open part of this size is full. */
  isFull(rows: number, bytes: number): boolean {
    return rows >= this.#rowsMax || bytes >= this.#bytesMax;
  }

  /**
   * The row at which the open part ends; the batch's length if all of its rows fit. Late rows go into the
   * open part.
   *
   * @param rows - Rows in the part so far.
   */
  cut(batch: Batch, start: number, rows: number): number {
    // A resumed part may hold more rows than the limit allows now.
    const end = Math.min(batch.length, start + Math.max(0, this.#rowsMax - rows));
    if (this.#everyNs === undefined || this.#time < 0) return end;
    return firstAtOrAfter(batch.columns[this.#time] as Int32Array, start, end, this.#endLow, this.#endHigh);
  }
}

function firstAtOrAfter(words: Int32Array, start: number, end: number, low: number, high: number): number {
  for (let row = start; row < end; row++) {
    const rowHigh = words[2 * row + 1]!;
    if (rowHigh > high || (rowHigh === high && words[2 * row]! >>> 0 >= low)) return row;
  }
  return end;
}
