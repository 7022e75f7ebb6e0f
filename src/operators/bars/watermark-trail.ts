import { readInt64 } from '../../core/int64.js';
import type { BarInput, Mover } from './bar-lines.js';

/** Where a watermark stands, and what moved it there last: for messages about late rows. */
export class WatermarkTrail {
  readonly #maxDelayNs: bigint;
  #watermarkNs = 0n;
  #mover: Mover | undefined;

  /** @param maxDelayNs - By how much the watermark stands behind the row that moved it. */
  constructor(maxDelayNs: number) {
    this.#maxDelayNs = BigInt(maxDelayNs);
  }

  /** By a row. Called once a window. */
  moved({ times, symbols, origin }: BarInput, place: number): void {
    const timeNs = readInt64(times.words, place);
    const spot = origin?.at(place);
    this.#watermarkNs = timeNs - this.#maxDelayNs;
    this.#mover = { timeNs, row: { slot: symbols[place]! + 1, spot: spot ?? null } };
  }

  /** By a record. */
  movedTo(at: bigint): void {
    if (this.#mover && at <= this.#watermarkNs) return;
    this.#watermarkNs = at;
    this.#mover = { timeNs: at, row: null };
  }

  now(): { readonly watermarkNs: bigint; readonly mover: Mover | undefined } {
    return { watermarkNs: this.#watermarkNs, mover: this.#mover };
  }

  snapshot(): WatermarkTrailState {
    if (!this.#mover) return null;
    const { timeNs, row } = this.#mover;
    return { watermark: String(this.#watermarkNs), time: String(timeNs), row };
  }

  restore(state: WatermarkTrailState): void {
    if (!state) return;
    this.#watermarkNs = BigInt(state.watermark);
    this.#mover = { timeNs: BigInt(state.time), row: state.row };
  }
}

/** Plain data. Instants are ns since 1970 as text. */
export type WatermarkTrailState = {
  readonly watermark: string;
  readonly time: string;
  readonly row: Mover['row'];
} | null;
