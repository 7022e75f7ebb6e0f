import { readInt64 } from '../../../columns/int64.js';
import type { RowOrigin } from '../../../columns/row-origin.js';
import type { BarInput, Mover } from './bar-timelines.js';

/** The current watermark and what moved it there, for messages about late rows. */
export class WatermarkTrail {
  readonly #maxDelayNs: bigint;
  #watermarkNs = 0n;
  #mover: Mover | undefined;
  /** Where the mover's row was read. Resolved on demand, since that may mean scanning its batch. */
  #spotOf: { readonly origin: RowOrigin; readonly place: number } | undefined;

  /** @param maxDelayNs - How far the watermark is behind the row that moves it. */
  constructor(maxDelayNs: number) {
    this.#maxDelayNs = BigInt(maxDelayNs);
  }

  /** Notes that a row moved the watermark. Called once for each window. */
  moved({ times, symbols, origin }: BarInput, place: number): void {
    const timeNs = readInt64(times.words, place);
    this.#watermarkNs = timeNs - this.#maxDelayNs;
    this.#mover = { timeNs, row: { slot: symbols[place]! + 1, spot: null } };
    this.#spotOf = origin && { origin, place };
  }

  /**
   * Resolves where that row was read, and so releases its batch: with many trails, each would keep a
   * different batch alive.
   */
  lookUp(): void {
    this.#placed();
  }

  /** Notes that a record moved the watermark. */
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

/** Plain data. Instants are ns since 1970, as text. */
export type WatermarkTrailState = {
  readonly watermark: string;
  readonly time: string;
  readonly row: Mover['row'];
} | null;
