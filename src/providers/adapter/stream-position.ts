import { PipelineError } from '../../core/errors.js';
import { isCount, type PlainData } from '../../core/plain-data.js';
import type { DeliveredEntries } from '../../engine/delivered-rows.js';
import type { FeedPresent } from '../../engine/event-time/feed-present.js';

/** Where a stream whose missing rows can be fetched goes on. */
export interface StreamPosition {
  /** When it was begun first, in ns since 1970 UTC: for symbols that have had no row. */
  readonly since: string;
  /** The last row of each symbol, in the order of the options. */
  readonly last: DeliveredEntries;
}

/**
 * When a stream was begun, in the event time of the feed: the rows of a delayed one that come next are from before it
 * was begun, by the clock of this host.
 */
export class StreamBegin {
  readonly #present: FeedPresent;
  readonly #hostNs: bigint;
  #ns: bigint;
  #text: string;

  constructor(hostNs: bigint, present: FeedPresent) {
    this.#present = present;
    this.#hostNs = hostNs;
    this.#ns = hostNs;
    this.#text = String(hostNs);
  }

  /** In ns since 1970 UTC. Never too late, as far as rows have shown. */
  get text(): string {
    const ns = this.#present.sinceNs(this.#hostNs);
    if (ns !== this.#ns) {
      this.#ns = ns;
      this.#text = String(ns);
    }
    return this.#text;
  }
}

/** @throws {PipelineError} `CHECKPOINT_INVALID` for anything else. */
export function streamPositionOf(position: PlainData, provider: string, symbols: number): StreamPosition {
  const { since, last } = (position ?? {}) as Partial<StreamPosition>;
  if (isInstant(since) && Array.isArray(last) && last.length === symbols && last.every(isEntry)) {
    return { since, last: last as DeliveredEntries };
  }
  throw new PipelineError(
    'CHECKPOINT_INVALID',
    `Provider "${provider}": expected the position {since, last} of a stream of ${symbols} symbols, found something else`,
  );
}

function isEntry(entry: unknown): boolean {
  if (entry === null) return true;
  if (!Array.isArray(entry) || entry.length !== 5) return false;
  const [timeHigh, timeLow, rows, ...number] = entry as readonly unknown[];
  return [timeHigh, timeLow, ...number].every(isWord) && isCount(rows) && rows > 0;
}

const isWord = (value: unknown): boolean => typeof value === 'number' && (value | 0) === value;

const isInstant = (value: unknown): value is string =>
  typeof value === 'string' && /^-?\d{1,20}$/.test(value);
