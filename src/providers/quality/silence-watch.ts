import { type MarketHours, OpenTime } from '../../calendars/open-time.js';
import { shareOf } from '../../core/share-of.js';
import { LearnedPace } from './learned-pace.js';

export interface SilenceSettings {
  /** How many symbols are watched. They are told by their index. */
  readonly symbols: number;
  /** Open session without a row after which a symbol is stale, in ms. Default: learned from its own rows. */
  readonly afterMs?: number | undefined;
  /** The least that is learned, in ms. */
  readonly learnedMsMin?: number | undefined;
  /** The share of symbols whose silence is that of the stream. */
  readonly switchShare: number;
  /** Missing: silence is told, and nothing acts on it. */
  readonly hours?: MarketHours | undefined;
}

const NONE: readonly number[] = [];

/** What a look at the clock has found. */
export interface SilenceFound {
  /** Symbols that have become stale, by index. */
  readonly stale: readonly number[];
  /**
   * Symbols that are known to be stale from now on: the market was open for long enough. They may be asked for again.
   * With hours that nobody knows, that may be later than they have become stale.
   */
  readonly known: readonly number[];
  /** Whether the stream as a whole is silent: it has to be begun anew. */
  readonly isAll: boolean;
}

/**
 * Tells silence from a closed market and from a quiet symbol. It counts open session, by the calendar, over the time
 * that passes on the monotonic clock; event times say nothing here. A symbol that no row ever came of is as silent as
 * one that fell silent. What is told once is told again only after rows have come.
 *
 * A row counts from the next look on, so a silence is found at most one look late, and never too early.
 */
export class SilenceWatch {
  readonly #settings: SilenceSettings;
  readonly #pace: LearnedPace | undefined;
  readonly #open: OpenTime;
  /** By symbol: open session at its last row in ns, and what was known of it. */
  readonly #sinceNs: BigInt64Array;
  readonly #sinceKnownNs: BigInt64Array;
  /** By symbol: whether rows came since the last look, whether it was told, and whether it is known to be stale. */
  readonly #isSeen: Uint8Array;
  readonly #isStale: Uint8Array;
  readonly #isKnown: Uint8Array;
  #staleCount = 0;

  /** @param now - On the monotonic clock. */
  constructor(settings: SilenceSettings, now: bigint) {
    this.#settings = settings;
    const { symbols, afterMs, learnedMsMin, hours } = settings;
    this.#pace = afterMs === undefined ? new LearnedPace(symbols, learnedMsMin) : undefined;
    this.#open = new OpenTime(hours, now);
    this.#sinceNs = new BigInt64Array(symbols);
    this.#sinceKnownNs = new BigInt64Array(symbols);
    this.#isSeen = new Uint8Array(symbols);
    this.#isStale = new Uint8Array(symbols);
    this.#isKnown = new Uint8Array(symbols);
  }

  /** Symbols that are stale now. */
  get staleCount(): number {
    return this.#staleCount;
  }

  /** A row of a symbol has come. */
  see(symbol: number): void {
    this.#isSeen[symbol] = 1;
  }

  /** Time in which rows may have come that nobody looked at: it is no silence. */
  standStill(now: bigint): void {
    this.#open.skipTo(now);
  }

  /**
   * Looks at the clock.
   *
   * @param now - On the monotonic clock.
   * @param wall - Ns since 1970 UTC.
   * @returns What has become silent since the last look; `undefined` if nothing has.
   */
  look(now: bigint, wall: bigint): SilenceFound | undefined {
    this.#open.pass(now, wall);
    const { symbols } = this.#settings;
    let stale: number[] | undefined;
    let known: number[] | undefined;
    for (let symbol = 0; symbol < symbols; symbol++) {
      if (this.#isSeen[symbol] !== 0) this.#hear(symbol);
      else if (this.#isKnown[symbol] === 0) {
        if (this.#isStale[symbol] === 0) {
          if (this.#silentMs(symbol) < this.#afterMs(symbol)) continue;
          this.#isStale[symbol] = 1;
          this.#staleCount++;
          stale ??= [];
          stale.push(symbol);
        }
        if (this.#knownSilentMs(symbol) < this.#afterMs(symbol)) continue;
        this.#isKnown[symbol] = 1;
        known ??= [];
        known.push(symbol);
      }
    }
    this.#pace?.pass(Number(this.#open.ns) / 1e6);
    if (!stale && !known) return undefined;
    return { stale: stale ?? NONE, known: known ?? NONE, isAll: this.#isAllSilent() };
  }

  #hear(symbol: number): void {
    this.#pace?.learn(symbol, this.#silentMs(symbol));
    this.#isSeen[symbol] = 0;
    this.#sinceNs[symbol] = this.#open.ns;
    this.#sinceKnownNs[symbol] = this.#open.knownNs;
    this.#isKnown[symbol] = 0;
    if (this.#isStale[symbol] === 0) return;
    this.#isStale[symbol] = 0;
    this.#staleCount--;
  }

  #silentMs(symbol: number): number {
    return Number(this.#open.ns - this.#sinceNs[symbol]!) / 1e6;
  }

  #afterMs(symbol: number): number {
    return this.#settings.afterMs ?? (this.#pace as LearnedPace).afterMs(symbol); // one of both is there
  }

  #knownSilentMs(symbol: number): number {
    return Number(this.#open.knownNs - this.#sinceKnownNs[symbol]!) / 1e6;
  }

  #isAllSilent(): boolean {
    const { symbols, switchShare } = this.#settings;
    let silent = 0;
    for (let symbol = 0; symbol < symbols; symbol++) {
      if (this.#isKnown[symbol] !== 0) silent++;
    }
    return silent >= Math.max(1, shareOf(symbols, switchShare));
  }
}
