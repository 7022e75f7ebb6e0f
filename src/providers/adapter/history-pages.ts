import type { PlainData } from '../../core/plain-data.js';
import { ProviderError } from '../../core/provider-error.js';
import { findNotPlain } from '../../wire/not-plain.js';
import type { HistoryKind } from '../../wire/provider-capabilities.js';
import { isWithinAttempt } from './attempts.js';
import type { FeedBuffer } from './feed-buffer.js';
import { FeedWriter } from './feed-writer.js';
import { orAborted } from './or-aborted.js';
import type { PageCheck } from './page-check.js';
import type { ProviderConnection } from './provider-connection.js';

/** A page that is asked for. */
export interface AskedPage {
  readonly symbol: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly cursor: PlainData;
}

/** Asks a provider for pages of a history, one at a time, into a buffer. */
export class HistoryPages {
  readonly #kind: HistoryKind;
  readonly #interval: string;
  readonly #connection: ProviderConnection;
  readonly #rowsWanted: number;
  readonly buffer: FeedBuffer;
  #pulling: Promise<unknown> | undefined;
  #isPulling = false;

  /** @param buffer - What pages are written into. Nobody else writes. */
  constructor(
    kind: HistoryKind,
    interval: string | undefined,
    connection: ProviderConnection,
    buffer: FeedBuffer,
    rowsWanted: number,
  ) {
    this.#kind = kind;
    this.#interval = interval ?? '';
    this.#connection = connection;
    this.#rowsWanted = rowsWanted;
    this.buffer = buffer;
  }

  /** The call in progress, or the last one. */
  get pulling(): Promise<unknown> | undefined {
    return this.#pulling;
  }

  /** Whether a call is in progress: one that was aborted may be for a while. */
  get isPulling(): boolean {
    return this.#isPulling;
  }

  /**
   * Asks for a page. Nothing of one that fails is left in the buffer.
   *
   * @param check - Of the symbol's pages.
   * @returns The next cursor; `undefined` if the signal aborted first.
   * @throws {ProviderError} what the provider throws; `protocol` for a page that is none.
   */
  async pull(page: AskedPage, check: PageCheck, signal: AbortSignal): Promise<PlainData | undefined> {
    const { buffer } = this;
    const writer = new FeedWriter(buffer, isWithinAttempt);
    this.#isPulling = true;
    const pulling = this.#ask(page, writer, signal).finally(() => {
      this.#isPulling = false;
    });
    this.#pulling = pulling;
    try {
      const next = (await orAborted(pulling, signal)) ?? (signal.aborted ? undefined : null);
      if (next !== undefined) {
        this.#check(next, check);
        return next;
      }
    } catch (error) {
      if (!signal.aborted) {
        buffer.clear(); // the page comes again as a whole
        throw error;
      }
    } finally {
      writer.end();
    }
    buffer.clear();
    return undefined;
  }

  /** The error for a history that a provider could not have meant. */
  protocol(expected: string): ProviderError {
    const message = `Provider "${this.#connection.name}", history of ${this.#kind}: expected ${expected}`;
    return new ProviderError('protocol', `${message}, found something else`);
  }

  #check(next: PlainData, check: PageCheck): void {
    const { failure } = this.buffer;
    if (failure) throw failure.error;
    if (findNotPlain(next) !== undefined) throw this.protocol('a cursor that is plain data');
    const expected = this.buffer.check((batch) => check.complaint(batch));
    if (expected !== undefined) throw this.protocol(expected);
  }

  async #ask(page: AskedPage, writer: FeedWriter, signal: AbortSignal): Promise<PlainData | undefined> {
    const { provider } = this.#connection;
    const request = { ...page, rowsWanted: this.#rowsWanted };
    const kind = this.#kind;
    return kind === 'bars'
      ? provider.historicalBars?.({ ...request, interval: this.#interval }, writer, signal)
      : provider.historicalTicks?.({ ...request, kind }, writer, signal);
  }
}
