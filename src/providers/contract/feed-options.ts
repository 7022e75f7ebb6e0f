import { nearestName } from '../../core/nearest-name.js';
import { cutText, describeValue, quoted } from '../../core/shown-text.js';
import { parseInstant } from '../../expressions/instant.js';
import {
  HISTORY_KINDS,
  type HistoryCapabilities,
  type HistoryKind,
  type ProviderCapabilities,
  STREAM_KINDS,
  type StreamCapabilities,
  type StreamKind,
  SYMBOLS_MAX,
} from '../../wire/provider-capabilities.js';
import { captureJsonSchema, checkCaptures } from './capture-options.js';
import type { FeedProvider } from './own-options.js';

/** A problem of an option, in the form of an issue of Zod. */
export interface FeedIssue {
  readonly code: 'custom';
  readonly path: readonly (string | number)[];
  readonly message: string;
}

const SYMBOL_CHARS_MAX = 200;

export const streamsOf = ({ streams = {} }: ProviderCapabilities): StreamKind[] =>
  STREAM_KINDS.filter((kind) => streams[kind] !== undefined);

export const historiesOf = ({ history = {} }: ProviderCapabilities): HistoryKind[] =>
  HISTORY_KINDS.filter((kind) => history[kind] !== undefined);

/** Says what is wrong with the options, as far as the capabilities of the provider tell. */
export function feedIssues(provider: FeedProvider, written: Readonly<Record<string, unknown>>): FeedIssue[] {
  const issues: FeedIssue[] = [];
  const add = (path: FeedIssue['path'], message: string) => issues.push({ code: 'custom', path, message });
  const feed = feedOf(provider, written, add);
  checkSymbols(provider, written.symbols, add);
  checkCaptures(written, add);
  if (feed) {
    checkInterval(provider, feed, written.interval, add);
    checkSpan(provider, feed, written, add);
  }
  return issues;
}

type Add = (path: FeedIssue['path'], message: string) => void;

type Feed = { readonly kind: StreamKind | HistoryKind } & (
  | { readonly of: 'stream'; readonly capabilities: StreamCapabilities }
  | { readonly of: 'history'; readonly capabilities: HistoryCapabilities }
);

/** What is asked for, if the provider has it. */
function feedOf(
  { name, capabilities }: FeedProvider,
  { stream, history }: Readonly<Record<string, unknown>>,
  add: Add,
): Feed | undefined {
  const streams = streamsOf(capabilities);
  const histories = historiesOf(capabilities);
  if (stream !== undefined && history !== undefined) {
    add(['history'], 'expected either "stream" or "history", found both');
    return undefined;
  }
  if (stream === undefined && history === undefined) {
    const key = streams.length > 0 ? 'stream' : 'history';
    add([key], `expected ${offer(streams, histories)}, found neither`);
    return undefined;
  }
  const [key, kinds, wanted] =
    history === undefined
      ? (['stream', streams, stream] as const)
      : (['history', histories, history] as const);
  const kind = kinds.find((each) => each === wanted);
  if (kind === undefined) {
    const found = typeof wanted === 'string' ? quoted(wanted) : describeValue(wanted);
    const near = typeof wanted === 'string' ? nearestName(wanted, kinds) : undefined;
    const meant = near === undefined ? '' : ` (did you mean "${near}"?)`;
    const what = key === 'stream' ? 'streams' : 'has a history of';
    add(
      [key],
      kinds.length > 0
        ? `expected what "${name}" ${what}: ${kinds.join(', ')}, found ${found}${meant}`
        : `expected ${offer(streams, histories)}, which is all that "${name}" has, found ${key} ${found}`,
    );
    return undefined;
  }
  return key === 'stream'
    ? { of: key, kind, capabilities: capabilities.streams?.[kind as StreamKind] as StreamCapabilities } // found above
    : { of: key, kind, capabilities: capabilities.history?.[kind as HistoryKind] as HistoryCapabilities };
}

const offer = (streams: readonly string[], histories: readonly string[]): string =>
  [
    ...(streams.length > 0 ? [`"stream" (${streams.join(', ')})`] : []),
    ...(histories.length > 0 ? [`"history" (${histories.join(', ')})`] : []),
  ].join(' or ');

function checkSymbols({ name, capabilities }: FeedProvider, symbols: unknown, add: Add): void {
  const { symbolsMax = SYMBOLS_MAX, symbols: known } = capabilities;
  if (!Array.isArray(symbols) || symbols.length === 0 || symbols.length > symbolsMax) {
    const found =
      Array.isArray(symbols) && symbols.length > 0 ? String(symbols.length) : describeValue(symbols);
    add(['symbols'], `expected a list of 1 to ${symbolsMax} symbols, found ${found}`);
    return;
  }
  const seen = new Set<unknown>();
  for (const [i, symbol] of symbols.entries()) {
    if (typeof symbol !== 'string' || symbol === '' || symbol.length > SYMBOL_CHARS_MAX) {
      add(['symbols', i], `expected a symbol, found ${describeValue(symbol)}`);
    } else if (seen.has(symbol)) {
      add(['symbols', i], `expected each symbol once, found "${cutText(symbol, 40)}" again`);
    } else if (known && !known.includes(symbol)) {
      const near = nearestName(symbol, known);
      const meant = near === undefined ? '' : ` (did you mean "${near}"?)`;
      add(['symbols', i], `expected a symbol of "${name}", found ${quoted(symbol)}${meant}`);
    }
    seen.add(symbol);
  }
}

function checkInterval(
  { name }: FeedProvider,
  { kind, capabilities }: Feed,
  interval: unknown,
  add: Add,
): void {
  if (kind !== 'bars') {
    if (interval !== undefined) add(['interval'], `expected no interval with ${kind}, found one`);
    return;
  }
  const { intervals = [] } = capabilities;
  if (intervals.includes(interval as string)) return;
  const found = typeof interval === 'string' ? quoted(interval) : describeValue(interval);
  add(['interval'], `expected an interval of "${name}": ${intervals.join(', ')}, found ${found}`);
}

function checkSpan(
  { name }: FeedProvider,
  feed: Feed,
  { from, to }: Readonly<Record<string, unknown>>,
  add: Add,
): void {
  if (feed.of === 'stream') {
    for (const [key, value] of Object.entries({ from, to })) {
      if (value !== undefined)
        add([key], `expected no "${key}" with "stream", found one: a stream begins now`);
    }
    return;
  }
  const first = instantAt('from', from, add);
  const last = to === undefined ? undefined : instantAt('to', to, add);
  if (first !== undefined && last !== undefined && last <= first) {
    add(['to'], `expected an instant after "from" (${from}), found "${to}"`);
  }
  const since = feed.capabilities.since;
  const begins = since === undefined ? undefined : parseInstant(since);
  if (first !== undefined && typeof begins === 'bigint' && first < begins) {
    add(
      ['from'],
      `expected an instant from ${since} on, where the history of "${name}" begins, found "${from}"`,
    );
  }
}

function instantAt(key: string, text: unknown, add: Add): bigint | undefined {
  const instant = typeof text === 'string' ? parseInstant(text) : EXAMPLE;
  if (typeof instant === 'bigint') return instant;
  const found = typeof text === 'string' ? quoted(text) : describeValue(text);
  add([key], `expected ${instant}, found ${found}`);
  return undefined;
}

const EXAMPLE = 'an instant such as "2024-03-01T00:00:00Z"';

/** The same options as JSON Schema, narrowed to what the provider has. */
export function feedJsonSchema({ name, capabilities }: FeedProvider): {
  readonly properties: Readonly<Record<string, unknown>>;
  readonly required: readonly string[];
} {
  const { symbols, symbolsMax = SYMBOLS_MAX } = capabilities;
  const streams = streamsOf(capabilities);
  const histories = historiesOf(capabilities);
  const intervals = [
    ...new Set([
      ...(capabilities.streams?.bars?.intervals ?? []),
      ...(capabilities.history?.bars?.intervals ?? []),
    ]),
  ];
  const text = (description: string, words?: readonly string[]) => ({
    type: 'string',
    ...(words && { enum: words }),
    description,
  });
  return {
    properties: {
      ...(streams.length > 0 && { stream: text(`Kind of rows that "${name}" streams`, streams) }),
      ...(histories.length > 0 && { history: text(`Kind of rows from the history of "${name}"`, histories) }),
      symbols: {
        type: 'array',
        items: { type: 'string', minLength: 1, ...(symbols && { enum: symbols }) },
        minItems: 1,
        maxItems: symbolsMax,
        description: 'Whose rows',
      },
      ...(intervals.length > 0 && { interval: text('Length of a bar', intervals) }),
      ...(histories.length > 0 && {
        from: text('First instant of the history, as ISO 8601 with an offset'),
        to: text('Instant before which the history ends. Default: now, as the run begins'),
      }),
      ...captureJsonSchema,
    },
    required: ['symbols'],
  };
}
