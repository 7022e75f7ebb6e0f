import type { HistoryKind, ProviderCapabilities, StreamKind } from '../../wire/provider-capabilities.js';
import type { StageFiles } from '../../wire/stage-files.js';

/** A provider as far as its options are concerned. */
export interface FeedProvider {
  readonly name: string;
  readonly capabilities: ProviderCapabilities;
}

/** The options of every source that is made of a provider, beside the provider's own. */
export interface FeedOptions {
  /** Either this or `history`. */
  readonly stream?: StreamKind | undefined;
  readonly history?: HistoryKind | undefined;
  readonly symbols: readonly string[];
  /** Of bars. */
  readonly interval?: string | undefined;
  /** Of a history: ISO 8601 with an offset. */
  readonly from?: string | undefined;
  /** Default: now, as the run begins. */
  readonly to?: string | undefined;
  /** The directory of a capture to write. */
  readonly capture?: string | undefined;
  /** What is read in place of the network. */
  readonly replay?: ReplayOptions | undefined;
}

/** A capture that is played back. */
export interface ReplayOptions {
  /** Its path. */
  readonly capture: string;
  /** How many times faster than real time. Default: `max`, without a wait. */
  readonly speed?: number | 'max' | undefined;
}

export const FEED_KEYS = [
  'stream',
  'history',
  'symbols',
  'interval',
  'from',
  'to',
  'capture',
  'replay',
] as const;

type Fields = Readonly<Record<string, unknown>>;

/** Returns the options that are the provider's own. */
export const ownOptions = (options: unknown): Fields => withoutFeed(fieldsOf(options));

export const withoutFeed = (fields: Fields): Fields => pick(fields, false);

/** Returns the options that every provider has. */
export const feedOptionsOf = (fields: Fields): Fields => pick(fields, true);

/** The fields of a mapping. Something else has none. */
export const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};

function pick(fields: Fields, isOfFeed: boolean): Fields {
  const keys: readonly string[] = FEED_KEYS;
  return Object.fromEntries(Object.entries(fields).filter(([key]) => keys.includes(key) === isOfFeed));
}

/** How the names of captures end. */
const CAPTURE_ENDING = 'capture.gz';

/** The files that a source of a provider reads and writes. */
export function captureFiles({ capture, replay }: FeedOptions): StageFiles {
  return {
    ...(replay && { reads: [{ path: replay.capture, at: ['replay', 'capture'] }] }),
    ...(capture !== undefined && {
      writes: [{ path: capture, at: ['capture'], partsEndIn: CAPTURE_ENDING, isShared: true }],
    }),
  };
}
