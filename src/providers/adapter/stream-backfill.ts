import type { Schema } from '../../columns/schema.js';
import type { StageContext } from '../../engine/stage.js';
import { parseInstant } from '../../expressions/instant.js';
import type {
  HistoryCapabilities,
  ProviderCapabilities,
  StreamCapabilities,
  StreamKind,
} from '../../wire/provider-capabilities.js';
import { feedSchema } from '../contract/feed-schema.js';
import type { FeedOptions } from '../contract/own-options.js';
import { msOfDuration, ROWS_MAX, WAIT_MAX_MS } from '../contract/quality-options.js';
import type { OrderCount } from '../quality/order-count.js';
import { SequenceCheck } from '../quality/sequence-check.js';
import { Backfill } from './backfill/backfill.js';
import { FeedBuffer } from './feed-buffer.js';
import { HistoryPages } from './history-pages.js';
import type { ProviderConnection } from './provider-connection.js';

/** The kinds whose missing rows are fetched: books begin anew, and quotes that have passed are of no use. */
const FETCHED = ['trades', 'bars'] as const;
type FetchedKind = (typeof FETCHED)[number];

/** A history that missing rows of a stream can be fetched from. */
export interface FetchedFrom {
  readonly kind: FetchedKind;
  readonly stream: StreamCapabilities;
  readonly history: HistoryCapabilities;
  /** Whether rows of both have numbers of one space. */
  readonly isNumbered: boolean;
}

/**
 * The history to fetch missing rows of a stream from; `undefined` if they are lost: it is not declared `resumable`, the
 * spec says `backfill: false`, or the history does not have what the stream has.
 */
export function fetchedFrom(
  kind: StreamKind,
  capabilities: ProviderCapabilities,
  { backfill, interval }: FeedOptions,
): FetchedFrom | undefined {
  const stream = capabilities.streams?.[kind];
  const fetched = FETCHED.find((each) => each === kind);
  const history = fetched && capabilities.history?.[fetched];
  if (!stream || !fetched || !history || backfill === false || stream.delivery !== 'resumable')
    return undefined;
  const { columns: had = [], sequence: numbers, intervals = [] } = history;
  const { columns = [], sequence, untimed = false } = stream;
  const hasColumns = columns.every((name) => name === 'received' || had.includes(name));
  const isNumbered = sequence !== undefined && numbers?.space === sequence.space;
  // Without numbers, rows are compared by their times.
  const canCompare = isNumbered || (sequence === undefined && !untimed);
  const hasInterval = fetched !== 'bars' || intervals.includes(interval as string);
  return hasColumns && canCompare && hasInterval ? { kind: fetched, stream, history, isNumbered } : undefined;
}

export interface StreamBackfillParts {
  readonly from: FetchedFrom;
  readonly schema: Schema;
  readonly feed: FeedOptions;
  readonly connection: ProviderConnection;
  readonly check: SequenceCheck | OrderCount;
  readonly context: StageContext;
  /** By how much the clock of this host is known to be behind that of the venue. */
  skewMs(): number;
  /** Now, in the event time of the feed, in ns since 1970 UTC. */
  eventTimeNow(): bigint;
  onReady(): void;
  onFailure(error: unknown): void;
}

/** Makes what fills the gaps of a stream. */
export function streamBackfill(parts: StreamBackfillParts): Backfill {
  const { from, schema, feed, connection, check, context, skewMs, eventTimeNow, onReady, onFailure } = parts;
  const { kind, stream, history, isNumbered } = from;
  const { batchRows, dictionaries, clock, log } = context;
  const { waitMax, rowsMax = ROWS_MAX } = feed.backfill || {};
  const { since, depthMs, lagMs } = history;
  const sinceMs = since === undefined ? Number.NEGATIVE_INFINITY : Number(parseInstant(since)) / 1e6;
  const pageSchema = feedSchema(
    kind,
    {
      columns: [...(history.columns ?? []), ...(stream.columns?.includes('received') ? ['received'] : [])],
      sequence: history.sequence,
      untimed: stream.untimed,
    },
    feed.interval,
  );
  return new Backfill({
    schema,
    symbols: feed.symbols,
    dictionaries,
    batchRows,
    check: isNumbered && check instanceof SequenceCheck ? check : undefined,
    isExact: stream.sequence?.scope === 'symbol' && stream.sequence.step === 'one',
    showsMissing: stream.sequence?.step === 'one',
    maxDelayNs: Math.ceil((stream.maxDelayMs ?? 0) * 1e6),
    waitMaxMs: waitMax === undefined ? WAIT_MAX_MS : msOfDuration(waitMax),
    rowsMax,
    lagMs,
    oldestMs: (nowMs) =>
      Math.max(sinceMs, depthMs === undefined ? Number.NEGATIVE_INFINITY : nowMs - depthMs),
    clock,
    log,
    newPages() {
      const buffer = new FeedBuffer({ schema: pageSchema, batchRows, dictionaries, clock, needsTimes: true });
      return new HistoryPages(kind, feed.interval, connection, buffer, batchRows);
    },
    subscribedAt: () => connection.subscribedAt,
    skewMs,
    eventTimeNow,
    onReady,
    onFailure,
  });
}
