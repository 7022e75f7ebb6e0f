import type {
  HistoryCapabilities,
  ProviderCapabilities,
  SequenceNumbers,
  StreamCapabilities,
} from '../../wire/provider-capabilities.js';

const numbers = (space: string, step: SequenceNumbers['step']): SequenceNumbers => ({
  space,
  scope: 'symbol',
  step,
});

/** Without months: they have no fixed length. */
const INTERVALS = ['1m', '3m', '5m', '15m', '30m', '1h', '2h', '4h', '6h', '8h', '12h', '1d', '3d'] as const;
const SPOT_INTERVALS = ['1s', ...INTERVALS];
const QUOTE_SIZES = ['bidSize', 'askSize'];
const BAR_COLUMNS = ['volume', 'vwap', 'count'];

/** They are fetched where they were missed: both are the venue's own, with the same values. */
const barStream = (intervals: readonly string[]): StreamCapabilities => ({
  delivery: 'resumable',
  columns: BAR_COLUMNS,
  intervals,
});

/**
 * The last bar of a page has ended so many ms after its end, by the clock of this host, which may be ahead of the
 * venue's by less. That of an earlier one is shown by the next.
 */
export const ENDED_MS = 2_000;

const barHistory = (intervals: readonly string[]): HistoryCapabilities => ({
  columns: BAR_COLUMNS,
  intervals,
  lagMs: ENDED_MS + 1_000,
});
/** Each stream of a connection is one symbol, and a connection has at most 1,024. */
const SYMBOLS_MAX = 1_024;

/** What the venue publishes as its limits: "Rate limits" in the answer of `exchangeInfo`, "Websocket Limits". */
export const SPOT_CAPABILITIES: ProviderCapabilities = {
  assetClasses: ['crypto'],
  streams: {
    trades: {
      delivery: 'resumable',
      columns: ['size', 'side'],
      sequence: numbers('binance-spot-trades', 'one'),
    },
    quotes: {
      delivery: 'live-only',
      columns: QUOTE_SIZES,
      sequence: numbers('binance-spot-book', 'up'),
      untimed: true,
    },
    book: { delivery: 'live-only', columns: ['action'], sequence: numbers('binance-spot-book', 'up') },
    bars: barStream(SPOT_INTERVALS),
  },
  history: {
    trades: { columns: ['size', 'side'], sequence: numbers('binance-spot-trades', 'one') },
    bars: barHistory(SPOT_INTERVALS),
  },
  instruments: true,
  symbolsMax: SYMBOLS_MAX,
  rates: [
    { scope: 'rest', permits: 6_000, perMs: 60_000, meter: 'window' },
    { scope: 'connections', permits: 300, perMs: 300_000, meter: 'window' },
  ],
  calendars: { crypto: '24/7' },
};

/** The book and the quotes of a symbol have the same numbers: those of its updates. */
export const USDM_CAPABILITIES: ProviderCapabilities = {
  assetClasses: ['perpetual', 'future'],
  streams: {
    trades: {
      delivery: 'resumable',
      columns: ['size', 'side', 'offMarket'],
      sequence: numbers('binance-usdm-trades', 'one'),
    },
    quotes: {
      delivery: 'live-only',
      columns: QUOTE_SIZES,
      sequence: numbers('binance-usdm-book', 'up'),
    },
    book: { delivery: 'live-only', columns: ['action'], sequence: numbers('binance-usdm-book', 'up') },
    bars: barStream(INTERVALS),
  },
  history: {
    trades: { columns: ['size', 'side', 'offMarket'], sequence: numbers('binance-usdm-trades', 'one') },
    bars: barHistory(INTERVALS),
  },
  instruments: true,
  symbolsMax: SYMBOLS_MAX,
  rates: [{ scope: 'rest', permits: 2_400, perMs: 60_000, meter: 'window' }],
  calendars: { perpetual: '24/7', future: '24/7' },
};

/** Trades that are not of the market are in no aggregated one. */
export const USDM_AGGREGATED_CAPABILITIES: ProviderCapabilities = {
  ...USDM_CAPABILITIES,
  streams: {
    trades: {
      delivery: 'resumable',
      columns: ['size', 'side'],
      sequence: numbers('binance-usdm-agg-trades', 'one'),
    },
    bars: barStream(INTERVALS),
  },
  history: {
    ...USDM_CAPABILITIES.history,
    trades: { columns: ['size', 'side'], sequence: numbers('binance-usdm-agg-trades', 'one') },
  },
};
