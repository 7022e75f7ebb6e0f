import type { Batch } from '../../columns/batch.js';
import { type EventOrder, SYMBOLS_IN_ORDER } from '../../columns/event-order.js';
import type { Schema } from '../../columns/schema.js';
import type { Clock } from '../../core/clock.js';
import { PipelineError } from '../../core/errors.js';
import { isCount, type PlainData } from '../../core/plain-data.js';
import { ProviderError } from '../../core/provider-error.js';
import type { Source } from '../../engine/source.js';
import type { StageContext } from '../../engine/stage.js';
import { parseInstant } from '../../expressions/instant.js';
import type { StageHealth, StageStatistics } from '../../wire/pipeline-report.js';
import type { HistoryCapabilities, HistoryKind, SequenceNumbers } from '../../wire/provider-capabilities.js';
import type { FeedOptions } from '../contract/own-options.js';
import { CursorRound } from './cursor-round.js';
import { FeedBuffer } from './feed-buffer.js';
import { HistoryPages } from './history-pages.js';
import { PageCheck } from './page-check.js';
import type { ProviderConnection } from './provider-connection.js';

/** Where a history goes on. */
interface HistoryPosition {
  /** Index of the symbol. */
  readonly symbol: number;
  /** Of the page, and how many of its rows were given. */
  readonly cursor: PlainData;
  readonly rows: number;
  /** The end, which may be the time at which the first run began. */
  readonly toMs: number;
}

/**
 * A history of a provider as a source: page by page, one symbol after the other. It goes on from a checkpoint with
 * the page that it was in, without the rows of that page which it has given.
 */
export class HistorySource implements Source {
  readonly schema: Schema;
  readonly capabilities = { delivery: 'replayable', bounded: true } as const;
  readonly order: EventOrder = SYMBOLS_IN_ORDER;
  readonly sequences: SequenceNumbers | undefined;
  readonly gatesItsCalls = true;
  readonly #kind: HistoryKind;
  readonly #depthMs: number | undefined;
  readonly #feed: FeedOptions;
  readonly #fromMs: number;
  readonly #connection: ProviderConnection;
  readonly #buffer: FeedBuffer;
  readonly #reader: HistoryPages;
  readonly #clock: Clock;
  #at: HistoryPosition;
  /** The cursor behind the page in the buffer; `undefined` while there is none. */
  #next: PlainData | undefined;
  #pages = 0;
  /** Of the symbol that is read. */
  #check: PageCheck | undefined;
  #round = new CursorRound();

  constructor(
    kind: HistoryKind,
    schema: Schema,
    { depthMs, sequence }: HistoryCapabilities,
    feed: FeedOptions,
    connection: ProviderConnection,
    { batchRows, dictionaries, clock }: StageContext,
  ) {
    this.schema = schema;
    this.sequences = sequence;
    this.#kind = kind;
    this.#depthMs = depthMs;
    this.#feed = feed;
    this.#fromMs = Math.floor(msOf(feed.from));
    this.#connection = connection;
    this.#buffer = new FeedBuffer({ schema, batchRows, dictionaries, clock, needsTimes: true });
    this.#reader = new HistoryPages(kind, feed.interval, connection, this.#buffer, batchRows);
    this.#clock = clock;
    const toMs = feed.to === undefined ? this.#nowMs() : Math.ceil(msOf(feed.to));
    this.#at = { symbol: 0, cursor: null, rows: 0, toMs };
  }

  open(): Promise<void> {
    return this.#connection.open(this.#kind === 'bars' ? 'historicalBars' : 'historicalTicks');
  }

  read(): Promise<Batch | null> | Batch | null {
    const batch = this.#connection.signal.aborted ? undefined : this.#take();
    return batch ?? this.#pull();
  }

  stop(): void {
    this.#connection.stop();
    this.#buffer.close();
  }

  position(): PlainData {
    return { ...this.#at };
  }

  resume(position: PlainData): void {
    const { symbol, cursor, rows, toMs } = (position ?? {}) as Partial<HistoryPosition>;
    const isSound = isCount(symbol) && isCount(rows) && Number.isFinite(toMs) && cursor !== undefined;
    if (!isSound || symbol > this.#feed.symbols.length) {
      const expected = 'the position {symbol, cursor, rows, toMs} of a history';
      throw new PipelineError(
        'CHECKPOINT_INVALID',
        `Provider "${this.#connection.name}": expected ${expected}, found something else`,
      );
    }
    this.#at = { symbol, cursor, rows, toMs: toMs as number };
  }

  health(): StageHealth {
    return this.#connection.health();
  }

  statistics(): StageStatistics {
    return { ...this.#connection.statistics(), pages: this.#pages };
  }

  async close(): Promise<void> {
    try {
      await this.#connection.close(this.#reader.pulling);
    } finally {
      this.#buffer.release();
    }
  }

  /** Returns rows of the page that was pulled last. */
  #take(): Batch | undefined {
    const batch = this.#buffer.take();
    if (batch) this.#at = { ...this.#at, rows: this.#at.rows + batch.length };
    return batch;
  }

  async #pull(): Promise<Batch | null> {
    const { signal } = this.#connection;
    while (!signal.aborted) {
      this.#turnPage();
      const symbol = this.#feed.symbols[this.#at.symbol];
      if (symbol === undefined) return null;
      // What was read already need not be there any more.
      if (this.#pages === 0 && this.#at.symbol === 0 && this.#at.cursor === null) this.#checkDepth();
      const { cursor, toMs } = this.#at;
      const page = { symbol, fromMs: this.#fromMs, toMs, cursor };
      this.#connection.setBusy(true);
      const next = await this.#reader
        .pull(page, this.#checkOf(symbol), signal)
        .finally(() => this.#connection.setBusy(false));
      if (next === undefined) return null;
      this.#pages++;
      this.#next = next;
      if (!this.#buffer.skip(this.#at.rows))
        throw this.#reader.protocol('the rows of a page that was read before');
      const batch = this.#take();
      if (batch) return batch;
    }
    return null;
  }

  /** @throws {ProviderError} `unsupported` if it begins where the history does not reach any more. */
  #checkDepth(): void {
    const oldestMs = this.#depthMs === undefined ? Number.NEGATIVE_INFINITY : this.#nowMs() - this.#depthMs;
    if (this.#fromMs < oldestMs) {
      const oldest = new Date(oldestMs).toISOString();
      throw new ProviderError(
        'unsupported',
        `Provider "${this.#connection.name}": its history of ${this.#kind} goes back to ${oldest} now, found "from" ${this.#feed.from}`,
      );
    }
  }

  #checkOf(symbol: string): PageCheck {
    this.#check ??= new PageCheck(
      this.schema,
      this.#buffer.symbols.idOf(symbol),
      this.#fromMs,
      this.#at.toMs,
    );
    return this.#check;
  }

  /** Moves on behind a page whose rows have all been given. */
  #turnPage(): void {
    if (this.#next === undefined) return;
    const { symbol, cursor, toMs } = this.#at;
    const next = this.#next;
    this.#next = undefined;
    if (next !== null && this.#round.isClosedBy(next, cursor)) {
      throw this.#reader.protocol('another cursor behind each page');
    }
    if (next === null) {
      this.#check = undefined;
      this.#round = new CursorRound();
    }
    this.#at = { symbol: next === null ? symbol + 1 : symbol, cursor: next, rows: 0, toMs };
  }

  #nowMs(): number {
    return Number(this.#clock.wall() / 1_000_000n);
  }
}

/** @param instant - Checked before: `feedIssues` has found no problem. */
const msOf = (instant: string | undefined): number => Number(parseInstant(instant as string)) / 1e6;
