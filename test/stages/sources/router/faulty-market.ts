import { fakeProvider } from '../../../../src/testing/fake-provider.js';
import type { FakeFault, FakeStep } from '../../../../src/testing/fake-script.js';
import type { VirtualClock } from '../../../../src/testing/virtual-clock.js';
import type { SequenceNumbers } from '../../../../src/wire/provider-capabilities.js';
import { START_MS } from './router-rig.js';

/** A row of the market. Its price is its number, by symbol. */
export interface MarketRow {
  readonly symbol: string;
  /** From 1 on, without a hole. */
  readonly n: number;
  /** Of all rows. */
  readonly nth: number;
  /** When it was traded, in ms from the start. No two rows are of one instant. */
  readonly ms: number;
}

/** What happens to a provider for some time, in ms from the start. */
export interface Outage {
  /**
   * `down`: its streams break off, and new ones fail. `throttled`: the same, with the error of a venue that is asked too
   * often. `mute`: it stays connected, and what is traded never comes.
   */
  readonly what: 'down' | 'throttled' | 'mute';
  readonly atMs: number;
  readonly forMs: number;
}

export interface FaultyProvider {
  readonly name: string;
  /** Its place in the router. */
  readonly nth: number;
  readonly outages: readonly Outage[];
  /** Rows that its streams lose, and that they send twice, by their number of all. */
  readonly lost: ReadonlySet<number>;
  readonly twice: ReadonlySet<number>;
  /** `undefined`: it has none, and its streams are `live-only`. */
  readonly history?:
    | {
        readonly pageMs: number;
        readonly pageRows: number;
        /** A row is in it after so many ms. Default: at once, and nobody says so. */
        readonly lagMs: number | undefined;
        readonly faults: readonly FakeFault[];
      }
    | undefined;
}

export const LATENCY_MS = 20;

/** The size of a row says who has sent it: its provider, and which of its streams; 0 for a history. */
export const sizeOf = (provider: number, stream: number): number => 1 + provider + 10 * stream;
export const senderOf = (size: number) => ({
  provider: (size - 1) % 10,
  stream: Math.floor((size - 1) / 10),
});

const rowOf = ({ symbol, n, ms }: MarketRow, size: number, isNumbered: boolean) => ({
  symbol,
  timeMs: START_MS + ms,
  price: n,
  size,
  ...(isNumbered && { sequence: n }),
});

const covers = ({ atMs, forMs }: Outage, ms: number): boolean => ms >= atMs && ms < atMs + forMs;

/** A provider of the rows of a market. Without numbers, it tells a `gap` where it has lost rows of a stream. */
export function marketProvider(
  market: readonly MarketRow[],
  { name, nth, outages, lost, twice, history }: FaultyProvider,
  numbers: SequenceNumbers | undefined,
  clock: () => VirtualClock,
) {
  const isNumbered = numbers !== undefined;
  const isDown = ({ what }: Outage) => what !== 'mute';
  const failing = ({ what }: Outage): { readonly fail: 'throttled' | 'disconnected' } => ({
    fail: what === 'throttled' ? 'throttled' : 'disconnected',
  });

  const stepsOf = (start: number): FakeStep[] => {
    const beginMs = Number(clock().wall() / 1_000_000n) - START_MS;
    // Without numbers nobody could say what is missing of a stream that begins mute.
    const refused = outages.find((one) => (isDown(one) || !isNumbered) && covers(one, beginMs));
    if (refused) return [failing(refused)];
    const end = outages.filter((one) => isDown(one) && one.atMs > beginMs).sort((a, b) => a.atMs - b.atMs)[0];
    const steps: FakeStep[] = [];
    let passedMs = beginMs;
    let lastMs = beginMs - LATENCY_MS;
    let isMissing = false;
    const at = (ms: number) => {
      const afterMs = ms - passedMs;
      passedMs = ms;
      return { afterMs };
    };
    for (const row of market) {
      const arrivesMs = row.ms + LATENCY_MS;
      if (arrivesMs < beginMs || (end && arrivesMs >= end.atMs)) continue;
      if (lost.has(row.nth) || outages.some((one) => one.what === 'mute' && covers(one, arrivesMs))) {
        isMissing = true;
        continue;
      }
      if (isMissing && !isNumbered) {
        const gap = { fromMs: START_MS + lastMs, toMs: START_MS + row.ms, reason: 'rows were lost' };
        steps.push({ ...at(arrivesMs), gap });
      }
      isMissing = false;
      lastMs = row.ms;
      const trade = rowOf(row, sizeOf(nth, start + 1), isNumbered);
      steps.push({ ...at(arrivesMs), trade });
      if (twice.has(row.nth) && isNumbered) steps.push({ ...at(arrivesMs), trade });
    }
    if (end) steps.push({ ...at(end.atMs), ...failing(end) });
    return steps;
  };

  const sequence = isNumbered ? { sequence: numbers } : {};
  const { lagMs, faults = [], pageMs = 0, pageRows = 100 } = history ?? {};
  const lag = lagMs === undefined ? {} : { lagMs };
  return fakeProvider({
    name,
    capabilities: {
      assetClasses: ['crypto'],
      streams: {
        trades: { delivery: history ? 'resumable' : 'live-only', columns: ['size'], ...sequence },
      },
      ...(history && { history: { trades: { columns: ['size'], ...sequence, ...lag } } }),
    },
    trades: stepsOf,
    ...(history && {
      history: {
        trades: market.map((row) => rowOf(row, sizeOf(nth, 0), isNumbered)),
        pageMs,
        pageRows,
        faults,
        ...lag,
      },
    }),
  });
}
