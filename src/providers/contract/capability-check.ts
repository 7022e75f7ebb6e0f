import { STANDARD_COLUMNS } from '../../columns/schema.js';
import { parseDurationNs } from '../../core/duration-text.js';
import { cutText, describeValue } from '../../core/shown-text.js';
import { parseInstant } from '../../expressions/instant.js';
import {
  ASSET_CLASSES,
  HISTORY_KINDS,
  type ProviderCapabilities,
  STREAM_KINDS,
} from '../../wire/provider-capabilities.js';
import { ROW_KINDS } from './feed-schema.js';

type Fields = Readonly<Record<string, unknown>>;
type Kind = (typeof STREAM_KINDS)[number];

const TEXT_CHARS_MAX = 200;
const LIST_MAX = 10_000;

/**
 * Returns what is wrong with data that should be the capabilities of a provider, or `undefined`. Trusts nothing: it
 * may come from a thread with code of users.
 */
export function capabilitiesComplaint(value: unknown): string | undefined {
  const fields = fieldsOf(value);
  if (!fields) return `expected "capabilities" to be a mapping, found ${describeValue(value)}`;
  const unknown = Object.keys(fields).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) {
    return `capabilities: expected ${KEYS.join(', ')}, found "${cutText(unknown, 40)}"`;
  }
  const { assetClasses, symbols, symbolsMax, rates = [], calendars = {} } = fields;
  const classes: readonly unknown[] = ASSET_CLASSES;
  if (
    !isList(assetClasses) ||
    assetClasses.length === 0 ||
    !assetClasses.every((one) => classes.includes(one))
  ) {
    return `capabilities.assetClasses: expected a list of ${ASSET_CLASSES.join(', ')}`;
  }
  if (symbols !== undefined && !(isTexts(symbols) && symbols.length > 0)) {
    return 'capabilities.symbols: expected a list of symbols, or none if only the provider knows them';
  }
  if (symbolsMax !== undefined && !isCount(symbolsMax)) return 'capabilities.symbolsMax: expected 1 or more';
  for (const key of ['optionsChain', 'instruments']) {
    if (!isFlag(fields[key])) return `capabilities.${key}: expected true or false`;
  }
  const streams = mapComplaint('streams', fields.streams, STREAM_KINDS, streamComplaint);
  if (streams !== undefined) return streams;
  const histories = mapComplaint('history', fields.history, HISTORY_KINDS, historyComplaint);
  if (histories !== undefined) return histories;
  if (!STREAM_KINDS.some((kind) => fieldsOf(fields.streams)?.[kind] !== undefined)) {
    const hasHistory = HISTORY_KINDS.some((kind) => fieldsOf(fields.history)?.[kind] !== undefined);
    if (!hasHistory) return 'capabilities: expected a kind of rows in "streams" or "history", found none';
  }
  if (!isList(rates) || !rates.every(isRate)) {
    return 'capabilities.rates: expected a list of { scope, permits, perMs, meter: bucket or window }';
  }
  const byClass = fieldsOf(calendars);
  if (!byClass || !Object.entries(byClass).every(([key, name]) => classes.includes(key) && isText(name))) {
    return 'capabilities.calendars: expected names of calendars by asset class';
  }
  return undefined;
}

const KEYS: readonly string[] = [
  'streams',
  'history',
  'optionsChain',
  'instruments',
  'assetClasses',
  'symbols',
  'symbolsMax',
  'rates',
  'calendars',
] satisfies readonly (keyof ProviderCapabilities)[];

function mapComplaint(
  key: string,
  value: unknown,
  kinds: readonly Kind[],
  complaint: (of: Fields) => string | undefined,
): string | undefined {
  if (value === undefined) return undefined;
  const fields = fieldsOf(value);
  const odd = fields ? Object.keys(fields).find((kind) => !kinds.includes(kind as Kind)) : '';
  if (!fields || odd !== undefined) return `capabilities.${key}: expected a mapping of ${kinds.join(', ')}`;
  for (const kind of kinds) {
    if (fields[kind] === undefined) continue;
    const of = fieldsOf(fields[kind]);
    if (!of) return `capabilities.${key}.${kind}: expected a mapping, found ${describeValue(fields[kind])}`;
    const found = rowsComplaint(kind, of) ?? complaint(of);
    if (found !== undefined) return `capabilities.${key}.${kind}.${found}`;
  }
  return undefined;
}

function rowsComplaint(kind: Kind, { columns = [], sequence, intervals }: Fields): string | undefined {
  const optional = STANDARD_COLUMNS[ROW_KINDS[kind]].optional.map(({ name }) => name);
  if (!isTexts(columns) || !columns.every((name) => optional.includes(name))) {
    return `columns: expected a list of ${optional.join(', ')}`;
  }
  const isInterval = (text: string) => parseDurationNs(text) !== undefined;
  if (kind === 'bars' && !(isTexts(intervals) && intervals.length > 0 && intervals.every(isInterval))) {
    return 'intervals: expected a list of intervals, such as "1m"';
  }
  if (sequence === undefined) return undefined;
  const { space, scope, step } = fieldsOf(sequence) ?? {};
  const isKnown = (scope === 'symbol' || scope === 'stream') && (step === 'one' || step === 'up');
  return isText(space) && isKnown
    ? undefined
    : 'sequence: expected { space, scope: symbol or stream, step: one or up }';
}

function streamComplaint({ delivery, untimed, maxDelayMs }: Fields): string | undefined {
  if (delivery !== 'resumable' && delivery !== 'live-only')
    return 'delivery: expected resumable or live-only';
  if (!isFlag(untimed)) return 'untimed: expected true or false';
  return maxDelayMs === undefined || isAmount(maxDelayMs) ? undefined : 'maxDelayMs: expected 0 or more ms';
}

function historyComplaint({ since, depthMs, lagMs }: Fields): string | undefined {
  if (since !== undefined && !(isText(since) && typeof parseInstant(since) === 'bigint')) {
    return 'since: expected an instant as ISO 8601 with an offset';
  }
  if (depthMs !== undefined && !isAmount(depthMs)) return 'depthMs: expected 0 or more ms';
  return lagMs === undefined || isAmount(lagMs) ? undefined : 'lagMs: expected 0 or more ms';
}

function isRate(value: unknown): boolean {
  const { scope, permits, perMs, meter = 'bucket' } = fieldsOf(value) ?? {};
  const isMeter = meter === 'bucket' || meter === 'window';
  return isText(scope) && isAmount(permits) && isAmount(perMs) && perMs > 0 && isMeter;
}

const fieldsOf = (value: unknown): Fields | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
const isList = (value: unknown): value is readonly unknown[] =>
  Array.isArray(value) && value.length <= LIST_MAX;
const isText = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value.length <= TEXT_CHARS_MAX;
const isTexts = (value: unknown): value is readonly string[] => isList(value) && value.every(isText);
const isFlag = (value: unknown): boolean => value === undefined || typeof value === 'boolean';
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) > 0;
const isAmount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0;
