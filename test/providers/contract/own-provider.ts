import { z } from 'zod';
import type { ControlRecord } from '../../../src/columns/control-record.js';
import { copyRow, type Row, rowsOf } from '../../../src/columns/row-view.js';
import { uncheckedSpec } from '../../../src/plan/typed-spec.js';
import { defineProvider } from '../../../src/providers/contract/define-provider.js';
import type {
  MarketDataProvider,
  ProviderContext,
} from '../../../src/providers/contract/market-data-provider.js';
import { createPipeline, type PipelineOptions } from '../../../src/runtime/pipeline-builder.js';
import { callbackSink } from '../../../src/stages/sinks/callback.js';
import type { ProviderCapabilities } from '../../../src/wire/provider-capabilities.js';

export const CAPABILITIES: ProviderCapabilities = {
  assetClasses: ['crypto'],
  symbols: ['BTC-USD', 'ETH-USD'],
  streams: {
    trades: { delivery: 'live-only', columns: ['size', 'side'] },
    bars: { delivery: 'live-only', intervals: ['1m', '5m'] },
  },
  history: { trades: { columns: ['size'], since: '2020-01-01T00:00:00Z' } },
};

export interface MadeWith {
  readonly context: ProviderContext;
  readonly options: { readonly url: string };
}

/** A provider of the test's own making. */
export const providerOf = (
  make: (made: MadeWith) => MarketDataProvider,
  capabilities: ProviderCapabilities = CAPABILITIES,
) =>
  defineProvider({
    name: 'venue',
    summary: 'A venue.',
    contract: 1,
    capabilities,
    mayChange: ['url'],
    options: async () => z.strictObject({ url: z.string('expected a URL').default('wss://venue') }),
    load: async () => (options, context) => make({ options, context }),
  });

export const sourceOf = (fields: object) => ({
  use: 'venue',
  stream: 'trades',
  symbols: ['BTC-USD'],
  ...fields,
});

/** A pipeline from a provider to lists of its rows and records. */
export function pipelineOf(
  provider: ReturnType<typeof providerOf>,
  fields: object,
  options: PipelineOptions = {},
) {
  const rows: Row[] = [];
  const records: ControlRecord[] = [];
  const batches: number[] = [];
  let seen = () => {};
  const sink = callbackSink((batch) => {
    for (const row of rowsOf(batch)) rows.push(copyRow(row));
    for (const { record } of batch.controls) records.push(record);
    batches.push(batch.length);
    seen();
  });
  const spec = uncheckedSpec({
    name: 'provided',
    source: sourceOf(fields),
    batcher: { maxRows: 1, maxDelayMs: 1 },
  });
  const pipeline = createPipeline(spec, { components: [provider], sink, ...options });
  const until = (count: number) =>
    new Promise<void>((resolve) => {
      seen = () => {
        if (rows.length >= count) resolve();
      };
      seen();
    });
  return { pipeline, rows, records, batches, until };
}

export const abortOf = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
