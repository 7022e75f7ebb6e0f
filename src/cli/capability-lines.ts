import type {
  HistoryCapabilities,
  ProviderCapabilities,
  RowCapabilities,
  StreamCapabilities,
} from '../wire/provider-capabilities.js';

const DAY_MS = 86_400_000;

/** What a provider can do, in lines. */
export function capabilityLines(capabilities: ProviderCapabilities): string[] {
  const { streams = {}, history = {}, optionsChain, instruments, assetClasses, symbols } = capabilities;
  const { rates = [], calendars = {} } = capabilities;
  const others = [...(optionsChain ? ['options chains'] : []), ...(instruments ? ['instruments'] : [])];
  return [
    `  supplies ${assetClasses.join(', ')}${symbols ? ` (${symbols.length} symbols)` : ''}`,
    ...Object.entries(streams).flatMap(([kind, of]) =>
      of ? [`  streams ${kind}${detail(streamWords(of))}`] : [],
    ),
    ...Object.entries(history).flatMap(([kind, of]) =>
      of ? [`  history of ${kind}${detail(historyWords(of))}`] : [],
    ),
    ...(others.length > 0 ? [`  lists ${others.join(', ')}`] : []),
    ...rates.map(
      ({ scope, permits, perMs, meter = 'bucket' }) =>
        `  limit ${scope}: ${permits} in ${perMs} ms (${meter})`,
    ),
    ...Object.entries(calendars).map(([of, name]) => `  calendar of ${of}: ${name}`),
  ];
}

const streamWords = (of: StreamCapabilities): string[] => [
  of.delivery,
  ...rowWords(of),
  ...(of.untimed ? ['some without a time'] : []),
];

const historyWords = (of: HistoryCapabilities): string[] => [
  ...(of.since === undefined ? [] : [`since ${of.since}`]),
  ...(of.depthMs === undefined ? [] : [`${Math.floor(of.depthMs / DAY_MS)} days back`]),
  ...(of.lagMs === undefined ? [] : [`whole after ${of.lagMs} ms`]),
  ...rowWords(of),
];

const rowWords = ({ intervals, sequence }: RowCapabilities): string[] => [
  ...(intervals ? [`intervals ${intervals.join(' ')}`] : []),
  ...(sequence ? [`numbered in ${sequence.space}, for each ${sequence.scope}`] : []),
];

const detail = (words: readonly string[]): string => (words.length === 0 ? '' : `: ${words.join(', ')}`);
