import type { Batch } from '../../columns/batch.js';
import type { EventOrder } from '../../columns/event-order.js';
import type { Schema } from '../../columns/schema.js';
import { RuntimeError } from '../../core/errors.js';
import type { PlainData } from '../../core/plain-data.js';
import { messageOf, ProviderError } from '../../core/provider-error.js';
import { isCancellation, providerErrorKind } from '../../core/provider-error-kind.js';
import type { Source } from '../../engine/source.js';
import type { StageContext } from '../../engine/stage.js';
import type { StageHealth, StageStatistics } from '../../wire/pipeline-report.js';
import type { SequenceNumbers, StreamCapabilities, StreamKind } from '../../wire/provider-capabilities.js';
import type { MarketDataProvider } from '../contract/market-data-provider.js';
import type { FeedOptions } from '../contract/own-options.js';
import { FeedBuffer, ROWS_WAITING_MAX } from './feed-buffer.js';
import { FeedWriter } from './feed-writer.js';
import type { ProviderConnection } from './provider-connection.js';

/** The function of a provider that streams rows of a kind. */
export const STREAM_FUNCTIONS = {
  trades: 'streamTrades',
  quotes: 'streamQuotes',
  book: 'streamBook',
  bars: 'streamBars',
} as const satisfies Readonly<Record<StreamKind, keyof MarketDataProvider>>;

/** 1971. What happens now and has an earlier time has seconds in place of milliseconds. */
const TIME_MS_MIN = 31_536_000_000;

/**
 * A stream of a provider as a source. It never ends by itself: what the provider wrote is delivered, and then the
 * source fails as `disconnected`, or with the error of the provider.
 */
export class StreamSource implements Source {
  readonly schema: Schema;
  /** What was missed is lost as long as nobody fetches it: a resumed run says so with a `gap`. */
  readonly capabilities = { delivery: 'live-only', bounded: false } as const;
  readonly order: EventOrder;
  readonly sequences: SequenceNumbers | undefined;
  readonly gatesItsCalls = true;
  readonly holdsRows = true;
  readonly #kind: StreamKind;
  readonly #feed: FeedOptions;
  readonly #connection: ProviderConnection;
  readonly #buffer: FeedBuffer;
  #running: Promise<void> | undefined;
  /** Why the stream is over. */
  #end: { readonly error: unknown } | undefined;

  constructor(
    kind: StreamKind,
    schema: Schema,
    { maxDelayMs = 0, sequence }: StreamCapabilities,
    feed: FeedOptions,
    connection: ProviderConnection,
    { batchRows, dictionaries, clock }: StageContext,
  ) {
    this.schema = schema;
    this.order = { scope: 'symbol', maxDelayNs: Math.ceil(maxDelayMs * 1e6) };
    this.sequences = sequence;
    this.#kind = kind;
    this.#feed = feed;
    this.#connection = connection;
    this.#buffer = new FeedBuffer({
      schema,
      batchRows,
      dictionaries,
      clock,
      rowsMax: ROWS_WAITING_MAX,
      timeMsMin: TIME_MS_MIN,
    });
  }

  open(): Promise<void> {
    return this.#connection.open(STREAM_FUNCTIONS[this.#kind]);
  }

  read(): Promise<Batch | null> | Batch | null {
    const { signal } = this.#connection;
    if (!signal.aborted) this.#running ??= this.#run();
    const batch = this.#buffer.take();
    if (batch) return batch;
    if (signal.aborted) return null;
    const failure = this.#buffer.failure ?? this.#end;
    if (failure) throw failure.error;
    return this.#buffer.arrival().then(() => this.read());
  }

  stop(): void {
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
    return this.#connection.health();
  }

  statistics(): StageStatistics {
    return { ...this.#connection.statistics(), rowsDropped: this.#buffer.rowsDropped };
  }

  async close(): Promise<void> {
    this.#buffer.close();
    try {
      await this.#connection.close(this.#running);
    } finally {
      this.#buffer.release();
    }
  }

  async #run(): Promise<void> {
    const { provider, signal } = this.#connection;
    const writer = new FeedWriter(this.#buffer);
    const { symbols, interval = '' } = this.#feed;
    try {
      await provider[STREAM_FUNCTIONS[this.#kind]]?.({ symbols, interval }, writer, signal);
    } catch (thrown) {
      this.#end = { error: this.#reasonOf(thrown) };
    } finally {
      this.#end ??= { error: this.#disconnected('it ended') }; // whoever reads must not wait for ever
      writer.end();
      this.#buffer.wake();
    }
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
