import { type MarketHours, OpenTime } from '../../../calendars/open-time.js';
import type { Batch } from '../../../columns/batch.js';
import { columnIndex, type Schema } from '../../../columns/schema.js';
import type { Clock } from '../../../core/clock.js';
import { shareOf } from '../../../core/share-of.js';

/** While a market is closed, a moment of open time may be left until a source is silent: it is asked no more often. */
const ASK_NS_MIN = 50_000_000n;

export interface SilenceWatchSettings {
  readonly schema: Schema;
  readonly clock: Clock;
  /** `undefined`: no silence is too long. */
  readonly silenceNs: bigint | undefined;
  /** Share of the symbols that have to be silent. 1: all of them. */
  readonly share: number;
  /** When the market is open. Missing: of no silence is known whether it is one. */
  readonly hours?: MarketHours | undefined;
}

/**
 * What a source is: `heard`, or silent for too long. `unknown` if it is too long only with hours of which nobody knows
 * whether the market was open.
 */
export type Silence = 'heard' | 'silent' | 'unknown';

/** Measures for how much open session a source has given no rows, on the monotonic clock of receipt. */
export class SilenceWatch {
  readonly #settings: SilenceWatchSettings;
  readonly #symbol: number;
  readonly #open: OpenTime;
  /** When anything came last, or when the watch began, in open time, and in known open time. */
  #since = 0n;
  #sinceKnown = 0n;
  /** By id of a symbol plus one: when its last row came, in open ns plus one. 0: it has had none. */
  #seen = new Float64Array(0);
  /** The same in known open ns. */
  #seenKnown = new Float64Array(0);

  constructor(settings: SilenceWatchSettings) {
    const { schema, clock, share, hours } = settings;
    this.#settings = settings;
    this.#symbol = share < 1 ? columnIndex(schema, 'symbol') : -1;
    this.#open = new OpenTime(hours, clock.now());
  }

  /** The source begins to be waited for. */
  begin(): void {
    this.#hear();
    this.#seen.fill(0);
  }

  /** Rows have come. */
  note(batch: Batch): void {
    if (this.#settings.silenceNs === undefined) return;
    this.#hear();
    if (this.#symbol < 0) return;
    const symbols = batch.columns[this.#symbol] as Int32Array;
    const at = Number(this.#since) + 1;
    const atKnown = Number(this.#sinceKnown);
    let seen = this.#seen;
    let seenKnown = this.#seenKnown;
    for (let row = 0; row < batch.length; row++) {
      const slot = symbols[row]! + 1;
      if (slot >= seen.length) {
        seen = new Float64Array(Math.max(64, 2 * seen.length, slot + 1));
        seen.set(this.#seen);
        this.#seen = seen;
        seenKnown = new Float64Array(seen.length);
        seenKnown.set(this.#seenKnown);
        this.#seenKnown = seenKnown;
      }
      seen[slot] = at;
      seenKnown[slot] = atKnown;
    }
  }

  /** Time in which nobody listened does not count. */
  standStill(ns: bigint): void {
    this.#open.skip(ns);
  }

  /** Looks at the clock. */
  look(): Silence {
    const { silenceNs, share } = this.#settings;
    if (silenceNs === undefined) return 'heard';
    const before = this.#pass() - silenceNs;
    const knownBefore = this.#open.knownNs - silenceNs;
    if (this.#sinceKnown <= knownBefore) return 'silent';
    const isAllSilent = this.#since <= before;
    if (this.#symbol < 0) return isAllSilent ? 'unknown' : 'heard';
    let known = 0;
    let silent = 0;
    let silentSurely = 0;
    for (let slot = 0; slot < this.#seen.length; slot++) {
      const at = this.#seen[slot]!;
      if (at === 0) continue;
      known++;
      if (at - 1 > before) continue;
      silent++;
      if (this.#seenKnown[slot]! <= knownBefore) silentSurely++;
    }
    const enough = shareOf(known, share);
    if (known > 0 && silentSurely >= enough) return 'silent';
    return isAllSilent || (known > 0 && silent >= enough) ? 'unknown' : 'heard';
  }

  /** When it has to look next, if no rows come. */
  get askAt(): bigint | undefined {
    const { silenceNs } = this.#settings;
    if (silenceNs === undefined) return undefined;
    const leftAtLeast = this.#since + silenceNs - this.#open.ns;
    // One that may be silent already is so surely once so much is known.
    const left = leftAtLeast > 0n ? leftAtLeast : this.#sinceKnown + silenceNs - this.#open.knownNs;
    const isTooOften = this.#open.wasClosed && left > 0n && left < ASK_NS_MIN;
    return this.#open.earliestAt(isTooOften ? ASK_NS_MIN : left);
  }

  #hear(): void {
    this.#since = this.#pass();
    this.#sinceKnown = this.#open.knownNs;
  }

  #pass(): bigint {
    const { clock } = this.#settings;
    return this.#open.pass(clock.now(), clock.wall());
  }
}
