import type { Batch } from '../../columns/batch.js';
import type { Dictionary } from '../../columns/dictionary.js';
import type { EventOrder } from '../../columns/event-order.js';
import type { Schema } from '../../columns/schema.js';
import { RuntimeError } from '../../core/errors.js';
import type { PlainData } from '../../core/plain-data.js';
import { messageOf, ProviderError } from '../../core/provider-error.js';
import { isCancellation, providerErrorKind } from '../../core/provider-error-kind.js';
import type { Source } from '../../engine/source.js';
import type { StageContext } from '../../engine/stage.js';
import type { StageHealth, StageStatistics } from '../../wire/pipeline-report.js';
import type { StreamCapabilities, StreamKind } from '../../wire/provider-capabilities.js';
import type { MarketDataProvider } from '../contract/market-data-provider.js';
import type { FeedOptions, FeedProvider } from '../contract/own-options.js';
import { msOfDuration } from '../contract/quality-options.js';
import { calendarOf, declaredCalendar } from '../quality/feed-sessions.js';
import { OrderCount } from '../quality/order-count.js';
import { SequenceCheck } from '../quality/sequence-check.js';
import type { OpenHours } from '../quality/silence-watch.js';
import { FeedBuffer, ROWS_WAITING_MAX } from './feed-buffer.js';
import { FeedWriter } from './feed-writer.js';
import { LagWatch } from './lag-watch.js';
import type { ProviderConnection } from './provider-connection.js';
import { SilenceGuard } from './silence-guard.js';

/** The function of a provider that streams rows of a kind. */
export const STREAM_FUNCTIONS = {
  trades: 'streamTrades',
  quotes: 'streamQuotes',
  book: 'streamBook',
  bars: 'streamBars',
} as const satisfies Readonly<Record<StreamKind, keyof MarketDataProvider>>;

/** 1971. What happens now and has an earlier time has seconds in place of milliseconds. */
const TIME_MS_MIN = 31_536_000_000;
/** A bar comes once in its length: a symbol is not silent before it has missed some. */
const BARS_MISSED = 3;

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
  /** What was missed is lost as long as nobody fetches it: a resumed run says so with a `gap`. */
  readonly capabilities = { delivery: 'live-only', bounded: false } as const;
  readonly order: EventOrder;
  readonly gatesItsCalls = true;
  readonly holdsRows = true;
  readonly #kind: StreamKind;
  readonly #provider: FeedProvider;
  readonly #feed: FeedOptions;
  readonly #connection: ProviderConnection;
  readonly #buffer: FeedBuffer;
  readonly #lag: LagWatch;
  readonly #writer: FeedWriter;
  readonly #symbols: Dictionary;
  readonly #check: SequenceCheck | OrderCount;
  readonly #silence: SilenceGuard | undefined;
  #hours: OpenHours | undefined;
  #running: Promise<void> | undefined;
  /** Why the stream is over. */
  #end: { readonly error: unknown } | undefined;

  constructor({ kind, schema, provider, feed, connection }: StreamSourceParts, context: StageContext) {
    const { batchRows, dictionaries, clock, log } = context;
    const of = provider.capabilities.streams?.[kind] as StreamCapabilities; // the options were checked
    const { maxDelayMs = 0, untimed = false, sequence } = of;
    this.schema = schema;
    this.order = { scope: 'symbol', maxDelayNs: Math.ceil(maxDelayMs * 1e6) };
    this.#kind = kind;
    this.#provider = provider;
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
    this.#writer = new FeedWriter(this.#buffer);
    this.#symbols = dictionaries.get('symbol');
    this.#check = sequence
      ? new SequenceCheck(schema, sequence, this.#symbols, { maxDelayNs: this.order.maxDelayNs })
      : new OrderCount(schema, this.#symbols);
    this.#silence = this.#watchSilence(context);
  }

  async open(): Promise<void> {
    const { silence } = this.#feed;
    if (silence !== false) {
      this.#hours = await calendarOf(silence?.sessions ?? declaredCalendar(this.#provider.capabilities));
    }
    await this.#connection.open(STREAM_FUNCTIONS[this.#kind]);
  }

  read(): Promise<Batch | null> | Batch | null {
    const { signal } = this.#connection;
    if (!signal.aborted) this.#running ??= this.#run();
    const batch = this.#next();
    if (batch) return batch;
    if (signal.aborted) return null;
    if (this.#check.failure) throw this.#check.failure;
    const failure = this.#buffer.failure ?? this.#end;
    if (failure) throw failure.error;
    return this.#buffer.arrival().then(() => this.read());
  }

  stop(): void {
    this.#silence?.stop();
    this.#connection.stop();
    this.#buffer.close();
  }

  position(): PlainData {
    return null;
  }

  /** A stream begins now, whatever came before. */
  resume(): void {}

  health(): StageHealth {
    if (this.#buffer.isDropping) {
      return { status: 'degraded', reason: 'rows are dropped: they come faster than they are read' };
    }
    const silent = this.#silence?.trouble;
    const health = this.#connection.health();
    return silent === undefined || health.status !== 'ok' ? health : { status: 'degraded', reason: silent };
  }

  statistics(): StageStatistics {
    return {
      ...this.#connection.statistics(),
      rowsDropped: this.#buffer.rowsDropped,
      ...this.#check.statistics(),
      ...this.#silence?.statistics(),
      ...this.#lag.statistics(),
    };
  }

  async close(): Promise<void> {
    this.#silence?.stop();
    this.#buffer.close();
    try {
      await this.#connection.close(this.#running);
    } finally {
      this.#buffer.release();
    }
  }

  /** @returns What has arrived and was looked at; `undefined` if nothing has. */
  #next(): Batch | undefined {
    while (!this.#check.failure) {
      const batch = this.#buffer.take();
      if (!batch) return undefined;
      this.#silence?.see(batch);
      this.#check.check(batch);
      if (!batch.isEmpty) return batch;
      batch.release();
    }
    return undefined;
  }

  async #run(): Promise<void> {
    const { provider, signal } = this.#connection;
    const { symbols, interval = '' } = this.#feed;
    this.#silence?.start(
      symbols.map((symbol) => this.#symbols.idOf(symbol)),
      this.#hours,
    );
    try {
      await provider[STREAM_FUNCTIONS[this.#kind]]?.({ symbols, interval }, this.#writer, signal);
    } catch (thrown) {
      this.#end ??= { error: this.#reasonOf(thrown) };
    } finally {
      this.#over(this.#disconnected('it ended')); // whoever reads must not wait for ever
    }
  }

  /** Nothing more of the stream is wanted. What has come is delivered. */
  #over(error: unknown): void {
    this.#end ??= { error };
    this.#silence?.stop();
    this.#writer.end();
    this.#buffer.wake();
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
