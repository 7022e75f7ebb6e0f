import type { Row } from '../../../../src/columns/row-view.js';
import type { Schema } from '../../../../src/columns/schema.js';
import { uncheckedSpec } from '../../../../src/plan/typed-spec.js';
import { createPipeline, type PipelineOptions } from '../../../../src/runtime/pipeline-builder.js';
import { type Logger, silentLogger } from '../../../../src/telemetry/logger.js';
import { liveComponent } from '../../../support/nested-stages.js';
import { feedOf, isRow, keepingSink, type Stream } from '../../../support/pipeline-rig.js';
import { SimulatedClock } from '../../../support/simulated-clock.js';
import { START_MS } from './ticks.js';

const trade: Schema = {
  kind: 'trade',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'symbol', type: 'string' },
    { name: 'price', type: 'float64' },
  ],
};
const quote: Schema = {
  kind: 'quote',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'symbol', type: 'string' },
    { name: 'bid', type: 'float64' },
    { name: 'ask', type: 'float64' },
  ],
};
export const at = (ms: number): bigint => BigInt(START_MS + ms) * 1_000_000n;
export const traded = (ms: number, price: number, symbol = 'A') => ({ time: at(ms), symbol, price });
export const quoted = (ms: number, bid: number, symbol = 'A') => ({
  time: at(ms),
  symbol,
  bid,
  ask: bid + 1,
});

/** Trades and quotes that come by hand, on simulated time, which by default is a millisecond ahead of them. */
export async function live(
  options: object = {},
  more: PipelineOptions = {},
  {
    clock = new SimulatedClock({ now: 1_000_000n, wall: at(0) }),
    side = {},
    before = [],
  }: {
    readonly clock?: SimulatedClock;
    readonly side?: Parameters<typeof feedOf>[1];
    /** Operators in front of the join. */
    readonly before?: readonly object[];
  } = {},
) {
  const trades = feedOf(trade);
  const quotes = feedOf(quote, side);
  const kept = keepingSink();
  const warnings: unknown[] = [];
  const logger: Logger = {
    ...silentLogger,
    warn: (...told) => void warnings.push(told),
    child: () => logger,
  };
  const spec = uncheckedSpec({
    name: 'live',
    source: { use: 'trades' },
    operators: [...before, { use: 'asof', with: { use: 'quotes' }, ...options }],
    batcher: { maxDelayMs: 1 },
    sink: { use: 'null' },
  });
  const pipeline = createPipeline(spec, {
    clock,
    logger,
    components: [
      liveComponent('trades', (_, context) => trades.make(context), trade),
      liveComponent('quotes', (_, context) => quotes.make(context), quote),
    ],
    sink: { create: () => kept.sink },
    ...more,
  });
  const built = await pipeline.build();
  const run = pipeline.run();
  await clock.advance(1);
  const joined = () => kept.stream.filter(isRow) as Row[];
  const rows = () => joined().map(({ price, bid }) => [price, bid]);
  return {
    clock,
    trades,
    quotes,
    pipeline: built,
    run,
    joined,
    rows,
    stream: kept.stream as Stream,
    warnings,
  };
}

export const statisticsOf = (
  { pipeline }: Pick<Awaited<ReturnType<typeof live>>, 'pipeline'>,
  stage: string,
) => pipeline.describe().find((report) => report.stage === stage)!.statistics;
