import type { MarketHours } from '../../calendars/open-time.js';
import type { Batch } from '../../columns/batch.js';
import type { ControlRecord } from '../../columns/control-record.js';
import { readNanos } from '../../columns/int64.js';
import { columnIndex, type Schema } from '../../columns/schema.js';
import type { Clock } from '../../core/clock.js';
import { messageOf } from '../../core/provider-error.js';
import type { Nanos } from '../../core/units.js';
import { indexesById } from '../../engine/indexes-by-id.js';
import { RepeatingTimer } from '../../engine/repeating-timer.js';
import type { Logger } from '../../telemetry/logger.js';
import type { StageStatistics } from '../../wire/pipeline-report.js';
import { type SilenceFound, type SilenceSettings, SilenceWatch } from '../quality/silence-watch.js';

/** How often it looks at the clock, at most. */
const LOOK_NS = 5_000_000_000n;

export interface SilenceGuardParts extends Omit<SilenceSettings, 'symbols' | 'hours'> {
  readonly schema: Schema;
  readonly symbols: readonly string[];
  readonly clock: Clock;
  readonly log: Logger;
  /** Whether rows have arrived that nobody has read. */
  hasUnseen(): boolean;
  /** Shows them, and leaves them where they are. */
  showUnseen(show: (batch: Batch) => void): void;
  /** Rows that were dropped so far: nobody knows of which symbols. */
  rowsDropped(): number;
  /** The earliest event time of rows that came after an instant of this host. */
  earliestAt(host: bigint): bigint;
  /** Puts a record into the stream. */
  tell(record: ControlRecord): void;
  /** Asks the provider for symbols again, if it can. */
  resubscribe(symbols: readonly string[]): Promise<void> | void;
  /** The stream as a whole is silent. */
  onSilent(reason: string): void;
}

/** Watches a stream for silence, tells of it in the stream, and acts where the sessions are known. */
export class SilenceGuard {
  readonly #parts: SilenceGuardParts;
  readonly #timer: RepeatingTimer;
  readonly #timeAt: number;
  readonly #symbolAt: number;
  /** The index of each symbol by its id; −1 for others. */
  #indexOf = new Int32Array(0);
  /** The time of the last row of each symbol, by index. Before the first one, that of the subscription. */
  readonly #lastTimes: Int32Array;
  readonly #hasRow: Uint8Array;
  #watch: SilenceWatch | undefined;
  #beganAt = 0n as Nanos;
  /** Whether something was read since the last look, and what had been dropped by then. */
  #hasRead = false;
  #rowsDropped = 0;
  #silences = 0;
  #resubscriptions = 0;
  readonly #asking = new Set<Promise<void>>();

  constructor(parts: SilenceGuardParts) {
    const { schema, symbols, clock, afterMs } = parts;
    this.#parts = parts;
    this.#timeAt = columnIndex(schema, 'time');
    this.#symbolAt = columnIndex(schema, 'symbol');
    this.#lastTimes = new Int32Array(2 * symbols.length);
    this.#hasRow = new Uint8Array(symbols.length);
    const tenth = afterMs === undefined ? LOOK_NS : BigInt(Math.ceil(afterMs * 1e5));
    this.#timer = new RepeatingTimer(clock, tenth < LOOK_NS ? tenth : LOOK_NS, (now) => this.#look(now));
  }

  /**
   * The stream begins.
   *
   * @param ids - Of each symbol, in the column `symbol`.
   * @param hours - Unknown: it tells, and does not act.
   */
  start(ids: readonly number[], hours: MarketHours | undefined): void {
    this.#indexOf = indexesById(ids);
    const { clock, symbols, afterMs, learnedMsMin, switchShare } = this.#parts;
    this.#beganAt = clock.wall();
    this.#watch = new SilenceWatch(
      { symbols: symbols.length, afterMs, learnedMsMin, switchShare, hours },
      clock.now(),
    );
    this.#timer.start();
  }

  stop(): void {
    this.#timer.stop();
  }

  /** Resolves once the provider is not asked for symbols any more. */
  async ended(): Promise<void> {
    this.stop();
    await Promise.all(this.#asking);
  }

  /** Rows have been read. Allocates nothing for a row. */
  see(batch: Batch): void {
    this.#hasRead = true;
    this.#note(batch);
  }

  #note({ columns, length }: Batch): void {
    const watch = this.#watch;
    if (!watch) return;
    const times = columns[this.#timeAt] as Int32Array;
    const ids = columns[this.#symbolAt] as Int32Array;
    const indexOf = this.#indexOf;
    for (let row = 0; row < length; row++) {
      const id = ids[row]!;
      const symbol = id < indexOf.length ? indexOf[id]! : -1;
      if (symbol < 0) continue;
      watch.see(symbol);
      this.#hasRow[symbol] = 1;
      this.#lastTimes[2 * symbol] = times[2 * row]!;
      this.#lastTimes[2 * symbol + 1] = times[2 * row + 1]!;
    }
  }

  /** Why the stream is not whole; `undefined` if it is. */
  get trouble(): string | undefined {
    const stale = this.#watch?.staleCount ?? 0;
    return stale === 0 ? undefined : `silent: ${stale} of ${this.#parts.symbols.length} symbols`;
  }

  statistics(): StageStatistics {
    return {
      symbolsStale: this.#watch?.staleCount ?? 0,
      silences: this.#silences,
      resubscriptions: this.#resubscriptions,
    };
  }

  #look(now: Nanos): void {
    const { clock, symbols } = this.#parts;
    const watch = this.#watch as SilenceWatch; // the timer runs once there is one
    if (this.#isHeldUp()) {
      watch.standStill(now);
      return;
    }
    const found = watch.look(now, clock.wall());
    if (!found) return;
    if (found.stale.length > 0) this.#tellOf(found);
    if (found.isAll) this.#giveUp();
    else if (found.known.length > 0) this.#ask(found.known.map((symbol) => symbols[symbol]!));
  }

  #tellOf({ stale, known }: SilenceFound): void {
    const { symbols, log } = this.#parts;
    this.#silences += stale.length;
    const surely = new Set(known);
    const isKnown = stale.every((symbol) => surely.has(symbol));
    const fields = { symbols: stale.length, first: symbols[stale[0]!]!, isKnown };
    log.warn(fields, 'no rows have come, though some were due');
    if (stale.length === symbols.length) this.#tell(stale);
    else for (const symbol of stale) this.#tell([symbol]);
  }

  #ask(names: readonly string[]): void {
    const asking = this.#resubscribe(names);
    this.#asking.add(asking);
    void asking.then(() => this.#asking.delete(asking));
  }

  /**
   * Whoever reads is held up, so nobody knows what has come meanwhile: that is no silence. One who reads and is behind
   * is another matter: symbols among the rows that wait are not silent, and others are.
   */
  #isHeldUp(): boolean {
    const { hasUnseen, showUnseen, rowsDropped } = this.#parts;
    const dropped = rowsDropped();
    const hasDropped = dropped > this.#rowsDropped;
    const isHeldUp = hasDropped || (hasUnseen() && !this.#hasRead);
    this.#rowsDropped = dropped;
    this.#hasRead = false;
    if (!isHeldUp) showUnseen((batch) => this.#note(batch));
    return isHeldUp;
  }

  /** @param stale - All symbols, or one. */
  #tell(stale: readonly number[]): void {
    const { symbols, tell, earliestAt } = this.#parts;
    const beganAt = earliestAt(this.#beganAt) as Nanos;
    let since: Nanos | undefined;
    for (const symbol of stale) {
      const last = this.#hasRow[symbol] === 0 ? beganAt : readNanos(this.#lastTimes, symbol);
      if (since === undefined || last < since) since = last;
    }
    const isAll = stale.length === symbols.length && symbols.length > 1;
    const name = symbols[stale[0]!]!;
    tell({ type: 'stale', since: since as Nanos, ...(!isAll && { symbol: name }) });
  }

  #giveUp(): void {
    const { symbols, onSilent } = this.#parts;
    this.stop();
    const stale = this.#watch?.staleCount ?? 0;
    onSilent(`no rows of ${stale} of ${symbols.length} symbols have come while the market was open`);
  }

  /** Never rejects. */
  async #resubscribe(names: readonly string[]): Promise<void> {
    const { resubscribe, log } = this.#parts;
    try {
      const asked = resubscribe(names);
      if (asked !== undefined) this.#resubscriptions++;
      await asked;
    } catch (error) {
      log.warn({ symbols: names.length, error: messageOf(error) }, 'symbols could not be asked for again');
    }
  }
}
