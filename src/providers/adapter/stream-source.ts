import type { CalendarData } from '../../calendars/calendar-data.js';
import type { MarketHours } from '../../calendars/open-time.js';
import { TradingCalendar } from '../../calendars/trading-calendar.js';
import { Batch } from '../../columns/batch.js';
import type { Dictionary, DictionarySet } from '../../columns/dictionary.js';
import type { EventOrder } from '../../columns/event-order.js';
import type { Schema } from '../../columns/schema.js';
import { type Clock, turnOfTheLoop } from '../../core/clock.js';
import { RuntimeError } from '../../core/errors.js';
import type { PlainData } from '../../core/plain-data.js';
import { messageOf, ProviderError } from '../../core/provider-error.js';
import { isCancellation, providerErrorKind } from '../../core/provider-error-kind.js';
import type { Nanos } from '../../core/units.js';
import { entryOf } from '../../engine/delivered-rows.js';
import type { LastRows } from '../../engine/last-rows.js';
import type { Source } from '../../engine/source.js';
import type { SourceCapabilities } from '../../engine/source-capabilities.js';
import type { StageContext } from '../../engine/stage.js';
import type { StageHealth, StageStatistics } from '../../wire/pipeline-report.js';
import type { SequenceNumbers, StreamCapabilities, StreamKind } from '../../wire/provider-capabilities.js';
import type { MarketDataProvider } from '../contract/market-data-provider.js';
import type { FeedOptions, FeedProvider } from '../contract/own-options.js';
import { msOfDuration } from '../contract/quality-options.js';
import { calendarOfFeed } from '../quality/feed-sessions.js';
import { OrderCount } from '../quality/order-count.js';
import { SequenceCheck } from '../quality/sequence-check.js';
import type { Backfill } from './backfill/backfill.js';
import { FeedBuffer, ROWS_WAITING_MAX } from './feed-buffer.js';
import { FeedWriter } from './feed-writer.js';
import { LagWatch } from './lag-watch.js';
import type { ProviderConnection } from './provider-connection.js';
import { ReplayProgress } from './replay-progress.js';
import { SilenceGuard } from './silence-guard.js';
import { type FetchedFrom, fetchedFrom, streamBackfill } from './stream-backfill.js';
import { StreamBegin, type StreamPosition, streamPositionOf } from './stream-position.js';

/** The function of a provider that streams rows of a kind. */
export const STREAM_FUNCTIONS = {
  trades: 'streamTrades',
  quotes: 'streamQuotes',
  book: 'streamBook',
  bars: 'streamBars',
} as const satisfies Readonly<Record<StreamKind, keyof MarketDataProvider>>;

/** The function of a provider that gives a history of rows of a kind. */
const HISTORY_FUNCTIONS = { trades: 'historicalTicks', bars: 'historicalBars' } as const;

/** 1971. What happens now and has an earlier time has seconds in place of milliseconds. */
const TIME_MS_MIN = 31_536_000_000;
/** A bar comes once in its length: a symbol is not silent before it has missed some. */
const BARS_MISSED = 3;
const STOPPED = 'the source was stopped';

export interface StreamSourceParts {
  readonly kind: StreamKind;
  readonly schema: Schema;
  readonly provider: FeedProvider;
  readonly feed: FeedOptions;
  readonly connection: ProviderConnection;
}

/**
 * A stream of a provider as a source. It never ends by itself: what the provider wrote is delivered, and then the
 * source fails as `disconnected`, or with the error of the provider.
 */
export class StreamSource implements Source {
  readonly schema: Schema;
  readonly capabilities: SourceCapabilities;
  readonly order: EventOrder;
  readonly sequences: SequenceNumbers | undefined;
  readonly calendar: CalendarData | undefined;
  readonly rowsOf: string | undefined;
  readonly gatesItsCalls = true;
  readonly holdsRows = true;
  readonly #kind: StreamKind;
  readonly #feed: FeedOptions;
  readonly #connection: ProviderConnection;
  readonly #buffer: FeedBuffer;
  readonly #lag: LagWatch;
  readonly #writer: FeedWriter;
  readonly #symbols: Dictionary;
  readonly #check: SequenceCheck | OrderCount;
  readonly #silence: SilenceGuard | undefined;
  readonly #fetched: FetchedFrom | undefined;
  readonly #backfill: Backfill | undefined;
  readonly #clock: Clock;
  readonly #dictionaries: DictionarySet;
  /** Whether what it holds back is had again after it has broken off. */
  #isKept: boolean;
  #isResumed = false;
  #position: StreamPosition | null = null;
  /** Set unless it goes on where an earlier stream was. */
  #began: StreamBegin | undefined;
  #isCatchingUp = false;
  #hours: MarketHours | undefined;
  #running: Promise<void> | undefined;
  readonly #replay = new ReplayProgress();
  #failure: { readonly error: unknown } | undefined;
  /** Why the stream is over. */
  #end: { readonly error: unknown } | undefined;

  constructor({ kind, schema, provider, feed, connection }: StreamSourceParts, context: StageContext) {
    const { batchRows, dictionaries, clock, log } = context;
    const of = provider.capabilities.streams?.[kind] as StreamCapabilities; // the options were checked
    const { maxDelayMs = 0, untimed = false, sequence } = of;
    this.schema = schema;
    this.order = { scope: 'symbol', maxDelayNs: Math.ceil(maxDelayMs * 1e6) };
    this.sequences = sequence;
    const named = feed.silence === false ? undefined : feed.silence?.sessions;
    this.calendar = calendarOfFeed(named, provider.capabilities, context.calendars);
    this.#kind = kind;
    this.#feed = feed;
    this.#connection = connection;
    this.#lag = new LagWatch(clock, log);
    this.#buffer = new FeedBuffer({
      schema,
      batchRows,
      dictionaries,
      clock,
      rowsMax: ROWS_WAITING_MAX,
      needsTimes: !untimed,
      timeMsMin: TIME_MS_MIN,
      onLag: (lagMs) => this.#lag.add(lagMs),
    });
    const buffer = this.#buffer;
    connection.attach({
      get hasRoom() {
        return buffer.hasRoom;
      },
      whenRoom: () => buffer.whenRoom(),
      whenRead: () => buffer.whenTaken(),
      onEnd: (failure) => this.#endReplay(failure),
    });
    this.#writer = new FeedWriter(this.#buffer);
    this.#symbols = dictionaries.get('symbol');
    this.#clock = clock;
    this.#dictionaries = dictionaries;
    this.#isKept = context.checkpointed === true && context.isReplaceable !== true;
    this.#fetched = fetchedFrom(kind, provider.capabilities, feed);
    if (!connection.isReplay) {
      this.rowsOf = sequence
        ? `${kind}, numbered as ${sequence.space} by ${sequence.scope}`
        : [kind, 'of', provider.name, feed.interval].filter(Boolean).join(' ');
    }
    this.capabilities = connection.isReplay
      ? { delivery: 'replayable', bounded: true }
      : { delivery: this.#fetched ? 'resumable' : 'live-only', bounded: false };
    const { maxDelayNs } = this.order;
    const refetches = this.#fetched?.isNumbered === true;
    this.#check = sequence
      ? new SequenceCheck(schema, sequence, this.#symbols, { maxDelayNs, refetches })
      : new OrderCount(schema, this.#symbols);
    this.#backfill = this.#fetched && this.#fill(this.#fetched, context);
    this.#silence = this.#watchSilence(context);
  }

  async open(): Promise<void> {
    const { silence, symbols } = this.#feed;
    // A stream that breaks off before its first row has missed rows since it was begun.
    if (this.#backfill) {
      if (!this.#position) {
        this.#began = new StreamBegin(this.#clock.wall(), this.#buffer.present);
        this.#position = { since: this.#began.text, last: symbols.map(() => null) };
      }
    }
    if (silence !== false) this.#hours = this.calendar && (await TradingCalendar.of(this.calendar));
    const { kind } = this.#fetched ?? {};
    await this.#connection.open(
      STREAM_FUNCTIONS[this.#kind],
      ...(kind === undefined ? [] : [HISTORY_FUNCTIONS[kind]]),
    );
  }

  read(): Promise<Batch | null> | Batch | null {
    const { signal } = this.#connection;
    if (!signal.aborted) this.#running ??= this.#run();
    else this.#backfill?.giveUp(STOPPED);
    return this.#connection.isReplay ? this.#readReplay() : this.#read();
  }

  #read(): Promise<Batch | null> | Batch | null {
    const { signal } = this.#connection;
    const batch = this.#next();
    if (batch) return batch;
    if (signal.aborted) return this.#isHeld ? this.#none() : null;
    const failure = this.#check.failure
      ? { error: this.#check.failure }
      : (this.#buffer.failure ?? this.#end);
    if (failure && !this.#letGo()) throw failure.error;
    if (failure) return this.#read();
    // A replay plays many lines in one turn: together they are a batch.
    const arrival = this.#buffer.arrival();
    return (this.#connection.isReplay ? arrival.then(turnOfTheLoop) : arrival).then(() => this.#readOn());
  }

  stop(): void {
    this.#silence?.stop();
    this.#backfill?.stop();
    this.#connection.stop();
    this.#buffer.close();
  }

  /**
   * Something has come, or the source was stopped. Rows that wait for missing ones then leave with the next read: a run
   * that is suspended makes none, since its next start has them again.
   */
  #readOn(): Promise<Batch | null> | Batch | null {
    return this.#connection.signal.aborted && this.#isHeld ? this.#none() : this.#read();
  }

  /** Whether rows wait that the next read gives up. */
  get #isHeld(): boolean {
    return this.#backfill?.isFilling === true;
  }

  /** In place of rows: the next read has them. */
  #none(): Batch {
    return new Batch(this.schema, 1, this.#dictionaries);
  }

  /** No watermark may pass this, while rows are held that come after missing ones. */
  get heldFrom(): Nanos | undefined {
    return this.#backfill?.heldFrom as Nanos | undefined;
  }

  get rowsEverHeld(): number {
    return this.#backfill?.rowsEverHeld ?? 0;
  }

  get isCatchingUp(): boolean {
    return this.#isCatchingUp;
  }

  position(): PlainData {
    if (this.#connection.isReplay) return this.#replay.position();
    return this.#position as PlainData;
  }

  /**
   * A stream begins now, whatever came before; what was missed is fetched, if it can be. A replay begins anew, and
   * leaves out what was given.
   */
  resume(position: PlainData): void {
    if (this.#connection.isReplay) {
      this.#replay.resume(position, this.#connection.name);
      return;
    }
    if (!this.#backfill || position === null) return;
    const { symbols } = this.#feed;
    const known = streamPositionOf(position, this.#connection.name, symbols.length);
    this.#position = known;
    this.#isResumed = true;
    this.#backfill.delivered.restore(known.last);
  }

  /** As after a restart, behind rows that another source has given. */
  goOnBehind(last: LastRows): void {
    if (!this.#backfill) return;
    const entries = this.#feed.symbols.map((symbol) => {
      const row = last.of(symbol);
      return row === undefined ? null : entryOf(row);
    });
    this.#position = { since: String(last.since), last: entries };
    this.#isResumed = true;
    this.#backfill.delivered.restore(entries);
  }

  willBeFollowed(): void {
    this.#isKept = true;
  }

  health(): StageHealth {
    if (this.#buffer.isDropping) {
      return { status: 'degraded', reason: 'rows are dropped: they come faster than they are read' };
    }
    const health = this.#connection.health();
    const trouble = this.#silence?.trouble ?? this.#backfill?.trouble;
    return trouble === undefined || health.status !== 'ok' ? health : { status: 'degraded', reason: trouble };
  }

  statistics(): StageStatistics {
    return {
      ...this.#connection.statistics(),
      rowsDropped: this.#buffer.rowsDropped,
      ...this.#check.statistics(),
      ...this.#silence?.statistics(),
      ...this.#backfill?.statistics(),
      ...this.#lag.statistics(),
    };
  }

  async close(): Promise<void> {
    this.#buffer.close();
    try {
      const ends = [this.#running, this.#backfill?.ended(), this.#silence?.ended()];
      await this.#connection.close(Promise.all(ends));
    } finally {
      this.#backfill?.release();
      this.#buffer.release();
    }
  }

  /** Reads on in a replay, behind what was given before. */
  async #readReplay(): Promise<Batch | null> {
    for (;;) {
      if (this.#connection.signal.aborted) this.#backfill?.giveUp(STOPPED);
      const batch = await this.#read();
      if (!batch && this.#failure) throw this.#failure.error;
      if (!batch) return null;
      if (this.#replay.pass(batch)) return batch;
      batch.release();
    }
  }

  /** The capture is through: what is there is delivered, and then it ends, or fails. */
  #endReplay(failure: { readonly error: unknown } | undefined): void {
    if (!this.#connection.signal.aborted) this.#failure = failure; // otherwise it ended as it was asked to
    this.#connection.stop();
    this.#buffer.wake();
  }

  /** @returns What has arrived and was looked at; `undefined` if nothing has. */
  #next(): Batch | undefined {
    for (;;) {
      const ready = this.#takeReady();
      if (ready) return ready;
      const batch = this.#check.failure ? undefined : this.#buffer.take();
      if (!batch) return undefined;
      this.#silence?.see(batch);
      this.#check.check(batch);
      if (batch.isEmpty) batch.release();
      else if (this.#backfill) this.#backfill.pass(batch);
      else return batch;
    }
  }

  /** @returns What need not wait for missing rows, if these are fetched. */
  #takeReady(): Batch | undefined {
    const ready = this.#backfill?.take();
    if (!ready) return undefined;
    this.#isCatchingUp = ready.heldFrom !== undefined;
    this.#position = { since: this.#began?.text ?? this.#position?.since ?? '0', last: ready.delivered };
    return ready.batch;
  }

  /**
   * The stream is over: rows that wait for missing ones go on, unless the next start has all of them again.
   * @returns Whether there were any.
   */
  #letGo(): boolean {
    if (!this.#backfill?.isFilling) return false;
    if (this.#isKept) this.#backfill.drop();
    else this.#backfill.giveUp('the stream broke off');
    return true;
  }

  async #run(): Promise<void> {
    const { provider, signal } = this.#connection;
    const { symbols, interval = '' } = this.#feed;
    this.#connection.setBusy(true);
    this.#begin(symbols.map((symbol) => this.#symbols.idOf(symbol)));
    try {
      await provider[STREAM_FUNCTIONS[this.#kind]]?.({ symbols, interval }, this.#writer, signal);
    } catch (thrown) {
      this.#end ??= { error: this.#reasonOf(thrown) };
    } finally {
      this.#over(this.#disconnected('it ended')); // whoever reads must not wait for ever
    }
  }

  /** @param ids - Of each symbol. */
  #begin(ids: readonly number[]): void {
    this.#silence?.start(ids, this.#hours);
    const backfill = this.#backfill;
    if (!backfill) return;
    backfill.start(ids);
    if (!this.#isResumed || !this.#position) return;
    for (const [index, id] of ids.entries()) {
      const [number, time] = [backfill.delivered.numberOf(index), backfill.delivered.timeOf(index)];
      if (number === undefined || time === undefined || !(this.#check instanceof SequenceCheck)) continue;
      this.#check.goOnFrom(id, number, time);
    }
    backfill.restart(BigInt(this.#position.since));
  }

  /** Nothing more of the stream is wanted. What has come is delivered. */
  #over(error: unknown): void {
    this.#end ??= { error };
    this.#silence?.stop();
    this.#writer.end();
    this.#buffer.wake();
  }

  #fill(from: FetchedFrom, context: StageContext): Backfill {
    return streamBackfill({
      from,
      schema: this.schema,
      feed: this.#feed,
      connection: this.#connection,
      check: this.#check,
      context,
      skewMs: () => this.#lag.skewMs,
      eventTimeNow: () => this.#buffer.present.atNs(this.#clock.wall()),
      onReady: () => this.#buffer.wake(),
      onFailure: (error) => this.#over(error),
    });
  }

  #watchSilence({ clock, log }: StageContext): SilenceGuard | undefined {
    const { silence, symbols } = this.#feed;
    if (silence === false) return undefined;
    const { after, switchShare = 1 } = silence ?? {};
    const { barNs = 0 } = this.schema;
    return new SilenceGuard({
      schema: this.schema,
      symbols,
      ...(after !== undefined && { afterMs: msOfDuration(after) }),
      learnedMsMin: (BARS_MISSED * barNs) / 1e6,
      switchShare,
      clock,
      log,
      hasUnseen: () => this.#buffer.rowsWaiting > 0,
      showUnseen: (show) => this.#buffer.show(show),
      rowsDropped: () => this.#buffer.rowsDropped,
      earliestAt: (host) => this.#buffer.present.sinceNs(host),
      tell: (record) => this.#buffer.control(record),
      resubscribe: (names) => {
        const { provider, signal } = this.#connection;
        return provider.resubscribe?.(names, signal);
      },
      onSilent: (reason) => this.#over(this.#disconnected(reason)),
    });
  }

  /** An error that has a kind or a code says more than that the stream is over. */
  #reasonOf(thrown: unknown): unknown {
    const isKnown = thrown instanceof RuntimeError || providerErrorKind(thrown) !== undefined;
    if (isKnown && !isCancellation(thrown)) return thrown;
    return this.#disconnected(messageOf(thrown) || 'it ended', thrown);
  }

  #disconnected(why: string, cause?: unknown): ProviderError {
    const message = `Provider "${this.#connection.name}": the stream of ${this.#kind} broke off: ${why}`;
    return new ProviderError('disconnected', message, { cause });
  }
}
