import { readInt64 } from '../../../columns/int64.js';
import type { RowOrigin } from '../../../columns/row-origin.js';
import type { BarInput, Mover } from './bar-lines.js';

/** Where a watermark stands, and what moved it there last: for messages about late rows. */
export class WatermarkTrail {
  readonly #maxDelayNs: bigint;
  #watermarkNs = 0n;
  #mover: Mover | undefined;
  /** Where the row of the mover was read: looked up when somebody asks, since that may take a walk over its batch. */
  #spotOf: { readonly origin: RowOrigin; readonly place: number } | undefined;

  /** @param maxDelayNs - By how much the watermark stands behind the row that moved it. */
  constructor(maxDelayNs: number) {
    this.#maxDelayNs = BigInt(maxDelayNs);
  }

  /** By a row. Called once a window. */
  moved({ times, symbols, origin }: BarInput, place: number): void {
    const timeNs = readInt64(times.words, place);
    this.#watermarkNs = timeNs - this.#maxDelayNs;
    this.#mover = { timeNs, row: { slot: symbols[place]! + 1, spot: null } };
    this.#spotOf = origin && { origin, place };
  }

  /**
   * Looks up where that row was read, and keeps no more of its batch: of many trails, each would keep
   * another one.
   */
  lookUp(): void {
    this.#placed();
  }

  /** By a record. */
  movedTo(at: bigint): void {
    if (this.#mover && at <= this.#watermarkNs) return;
    this.#watermarkNs = at;
    this.#mover = { timeNs: at, row: null };
    this.#spotOf = undefined;
  }

  now(): { readonly watermarkNs: bigint; readonly mover: Mover | undefined } {
    return { watermarkNs: this.#watermarkNs, mover: this.#placed() };
  }

  snapshot(): WatermarkTrailState {
    const mover = this.#placed();
    if (!mover) return null;
    const { timeNs, row } = mover;
    return { watermark: String(this.#watermarkNs), time: String(timeNs), row };
  }

  restore(state: WatermarkTrailState): void {
    if (!state) return;
    this.#watermarkNs = BigInt(state.watermark);
    this.#mover = { timeNs: BigInt(state.time), row: state.row };
  }

  #placed(): Mover | undefined {
    const mover = this.#mover;
    if (!mover?.row || !this.#spotOf) return mover;
    const { origin, place } = this.#spotOf;
    this.#mover = { ...mover, row: { ...mover.row, spot: origin.at(place) } };
    this.#spotOf = undefined;
    return this.#mover;
  }
}

/** Plain data. Instants are ns since 1970 as text. */
export type WatermarkTrailState = {
  readonly watermark: string;
  readonly time: string;
  readonly row: Mover['row'];
} | null;
