import type { Batch } from '../../../columns/batch.js';
import { columnIndex, type Schema } from '../../../columns/schema.js';
import { shareOf } from '../../../core/share-of.js';

export interface SilenceWatchSettings {
  readonly schema: Schema;
  /** `undefined`: no silence is too long. */
  readonly silenceNs: bigint | undefined;
  /** Share of the symbols that have to be silent. 1: all of them. */
  readonly share: number;
}

/** Measures for how long a source has given no rows, on the monotonic clock of receipt. */
export class SilenceWatch {
  readonly #settings: SilenceWatchSettings;
  readonly #symbol: number;
  /** When anything came last, or when the watch began. */
  #since = 0n;
  /** By id of a symbol plus one: when its last row came, in ns. 0: it has had none. */
  #seen = new Float64Array(0);

  constructor(settings: SilenceWatchSettings) {
    this.#settings = settings;
    this.#symbol = settings.share < 1 ? columnIndex(settings.schema, 'symbol') : -1;
  }

  /** The source begins to be waited for. */
  begin(now: bigint): void {
    this.#since = now;
    this.#seen.fill(0);
  }

  /** Rows have come. */
  note(batch: Batch, now: bigint): void {
    this.#since = now;
    if (this.#symbol < 0) return;
    const symbols = batch.columns[this.#symbol] as Int32Array;
    const at = Math.max(1, Number(now));
    let seen = this.#seen;
    for (let row = 0; row < batch.length; row++) {
      const slot = symbols[row]! + 1;
      if (slot >= seen.length) {
        seen = new Float64Array(Math.max(64, 2 * seen.length, slot + 1));
        seen.set(this.#seen);
        this.#seen = seen;
      }
      seen[slot] = at;
    }
  }

  /** Time in which nobody listened does not count. */
  standStill(ns: bigint): void {
    this.#since += ns;
    const by = Number(ns);
    for (let slot = 0; slot < this.#seen.length; slot++) if (this.#seen[slot]! > 0) this.#seen[slot]! += by;
  }

  isTooLong(now: bigint): boolean {
    const { silenceNs, share } = this.#settings;
    if (silenceNs === undefined) return false;
    if (now - this.#since >= silenceNs) return true;
    if (this.#symbol < 0) return false;
    const before = Number(now - silenceNs);
    let known = 0;
    let silent = 0;
    for (const at of this.#seen) {
      if (at === 0) continue;
      known++;
      if (at <= before) silent++;
    }
    return known > 0 && silent >= shareOf(known, share);
  }

  /** When it has to be asked next, if no rows come. */
  get askAt(): bigint | undefined {
    const { silenceNs } = this.#settings;
    return silenceNs === undefined ? undefined : this.#since + silenceNs;
  }
}
