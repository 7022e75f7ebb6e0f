import type { z } from 'zod';
import { STANDARD_COLUMNS } from '../columns/schema.js';
import { assertMapping } from '../core/assert-argument.js';
import { type Clock, sleep } from '../core/clock.js';
import { parseDurationNs } from '../core/duration-text.js';
import type { PlainData } from '../core/plain-data.js';
import { ProviderError } from '../core/provider-error.js';
import { millis } from '../core/units.js';
import { defineProvider, type ProviderDefinition } from '../providers/contract/define-provider.js';
import { ROW_KINDS } from '../providers/contract/feed-schema.js';
import type {
  BarHistoryRequest,
  HistoryRequest,
  InstrumentsRequest,
  MarketDataProvider,
  OptionsChainRequest,
  Page,
  ProviderContext,
  StreamRequest,
} from '../providers/contract/market-data-provider.js';
import type { RowTimes, RowWriter } from '../providers/contract/row-writers.js';
import {
  HISTORY_KINDS,
  type HistoryKind,
  type ProviderCapabilities,
  type RowCapabilities,
  STREAM_KINDS,
  type StreamKind,
} from '../wire/provider-capabilities.js';
import type { FakeFault, FakeScript, FakeStep } from './fake-script.js';

const PAGE_ROWS = 100;

/**
 * Makes a provider that does what a script says: rows, silence, gaps, faults, slow starts. Rows and gaps of symbols
 * that it is not asked for are left out. Every wait is on the clock of the pipeline, so a test on a `VirtualClock`
 * takes no time. What counts starts and faults is of the definition: make a new one for each test.
 *
 * @throws {InvalidOptionsError} if `script` is not an object.
 *
 * @example
 * const provider = fakeProvider({
 *   trades: [
 *     { trade: { symbol: 'BTC-USD', price: 100, size: 1 } },
 *     { afterMs: 60_000, fail: 'disconnected' },
 *   ],
 * });
 * createPipeline(spec, { components: [provider], clock: new VirtualClock() });
 */
export function fakeProvider(script: FakeScript): ProviderDefinition {
  assertMapping('fakeProvider', script);
  const { name = 'fake', capabilities = capabilitiesOf(script) } = script;
  const starts = new Map<StreamKind, number>();
  const faults = {
    connect: [...(script.connectFaults ?? [])],
    history: [...(script.history?.faults ?? [])],
  };
  return defineProvider({
    name,
    summary: 'Does what a test says.',
    contract: 1,
    capabilities,
    options: async () => NO_OPTIONS,
    load: async () => (_options, context) => {
      const start = (kind: StreamKind): readonly FakeStep[] => {
        const nth = starts.get(kind) ?? 0;
        starts.set(kind, nth + 1);
        const steps = script[kind] ?? [];
        return typeof steps === 'function' ? steps(nth) : steps;
      };
      return new FakeProvider({ name, script, capabilities, context, start, faults });
    },
  });
}

/** A schema without options: this entry loads no Zod. */
const NO_OPTIONS = {
  safeParse(data: object) {
    const keys = Object.keys(data);
    const issues = [{ code: 'unrecognized_keys', path: [], keys, message: 'Unrecognized key' }];
    return keys.length === 0 ? { success: true, data: {} } : { success: false, error: { issues } };
  },
  toJSONSchema: () => ({ type: 'object', properties: {}, additionalProperties: false }),
} as unknown as z.ZodType; // nothing else of a schema is used

interface Parts {
  readonly name: string;
  readonly script: FakeScript;
  readonly capabilities: ProviderCapabilities;
  readonly context: ProviderContext;
  start(kind: StreamKind): readonly FakeStep[];
  readonly faults: { readonly connect: FakeFault[]; readonly history: FakeFault[] };
}

class FakeProvider implements MarketDataProvider {
  readonly resubscribe?: (symbols: readonly string[], signal: AbortSignal) => Promise<void>;
  readonly #parts: Parts;
  /** The stream that runs. */
  #stream: { readonly kind: StreamKind; readonly writer: RowWriter<never> } | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { resubscribed } = parts.script;
    if (!resubscribed) return;
    this.resubscribe = async (symbols, signal) => {
      await this.#call(0, [], signal);
      const { kind, writer } = this.#stream ?? {};
      for (const step of resubscribed(symbols)) {
        await wait(parts.context.clock, step.afterMs ?? 0, signal);
        if (kind && writer && !signal.aborted && isAskedFor(step, symbols)) this.#do(kind, step, writer);
      }
    };
  }

  async connect(signal: AbortSignal): Promise<void> {
    const { script, faults, context } = this.#parts;
    context.status({ state: 'connecting' });
    await this.#call(script.connectMs, faults.connect, signal);
    context.status({ state: 'connected' });
  }

  streamTrades(request: StreamRequest, writer: RowWriter<never>, signal: AbortSignal): Promise<void> {
    return this.#play('trades', request, writer, signal);
  }

  streamQuotes(request: StreamRequest, writer: RowWriter<never>, signal: AbortSignal): Promise<void> {
    return this.#play('quotes', request, writer, signal);
  }

  streamBook(request: StreamRequest, writer: RowWriter<never>, signal: AbortSignal): Promise<void> {
    return this.#play('book', request, writer, signal);
  }

  streamBars(request: StreamRequest, writer: RowWriter<never>, signal: AbortSignal): Promise<void> {
    return this.#play('bars', request, writer, signal);
  }

  historicalBars(
    request: BarHistoryRequest,
    writer: RowWriter<never>,
    signal: AbortSignal,
  ): Promise<PlainData> {
    return this.#page('bars', request, writer, signal, Number(parseDurationNs(request.interval)) / 1e6);
  }

  historicalTicks(
    request: HistoryRequest & { readonly kind: HistoryKind },
    writer: RowWriter<never>,
    signal: AbortSignal,
  ): Promise<PlainData> {
    return this.#page(request.kind, request, writer, signal);
  }

  async optionsChain({ underlying, expiry, cursor }: OptionsChainRequest, signal: AbortSignal) {
    const { optionsChain = [] } = this.#parts.script;
    const items = optionsChain.filter(
      (option) => option.underlying === underlying && (expiry === undefined || option.expiry === expiry),
    );
    return this.#list(items, cursor, signal);
  }

  async instruments({ assetClass, cursor }: InstrumentsRequest, signal: AbortSignal) {
    const { instruments = [] } = this.#parts.script;
    const items = instruments.filter((one) => assetClass === undefined || one.assetClass === assetClass);
    return this.#list(items, cursor, signal);
  }

  async #play(
    kind: StreamKind,
    { symbols }: StreamRequest,
    writer: RowWriter<never>,
    signal: AbortSignal,
  ): Promise<void> {
    const { context, start } = this.#parts;
    this.#stream = { kind, writer };
    await this.#call(0, [], signal); // the subscription
    context.status({ state: 'subscribed' });
    let listensTo: AbortSignal | undefined = signal;
    for (const step of start(kind)) {
      await wait(context.clock, step.afterMs ?? 0, listensTo);
      if (listensTo?.aborted) return;
      if ('deaf' in step) listensTo = undefined;
      else if ('end' in step) return;
      else if (isAskedFor(step, symbols)) this.#do(kind, step, writer);
    }
    if (listensTo === undefined) await new Promise(() => {});
    await aborted(signal);
  }

  #do(kind: StreamKind, step: FakeStep, writer: RowWriter<never>): void {
    if ('fail' in step) {
      const { fail, message = `the script says so` } = step;
      throw new ProviderError(fail, `Provider "${this.#parts.name}": ${message}`);
    }
    if ('status' in step) this.#parts.context.status(step.status);
    else if ('gap' in step) writer.gap(step.gap);
    else if ('reset' in step) writer.reset(step.reset);
    else if ('stale' in step) writer.stale(step.stale.sinceMs, step.stale.symbol);
    else {
      const row = rowOf(step);
      if (row) writer.write(this.#timed(kind, row) as never); // the writer refuses rows of another kind
    }
  }

  /** A row without a time has that at which it is written, unless the stream may have rows without one. */
  #timed(kind: StreamKind, row: RowTimes): RowTimes {
    const { capabilities, context } = this.#parts;
    if (row.timeMs !== undefined || row.timeNs !== undefined) return row;
    return capabilities.streams?.[kind]?.untimed ? row : { ...row, timeNs: context.clock.wall() };
  }

  async #page(
    kind: HistoryKind,
    { symbol, fromMs, toMs, cursor }: HistoryRequest,
    writer: RowWriter<never>,
    signal: AbortSignal,
    lengthMs = 0,
  ): Promise<PlainData> {
    const { script, faults, context } = this.#parts;
    const { pageRows = PAGE_ROWS, pageMs = 0, lagMs } = script.history ?? {};
    await this.#call(pageMs, faults.history, signal);
    const wallMs = Number(context.clock.wall() / 1_000_000n);
    const knownToMs = lagMs === undefined ? toMs : wallMs - lengthMs - lagMs;
    const all: readonly RowTimes[] = script.history?.[kind] ?? [];
    const rows = all.filter(
      (row) => row.symbol === symbol && isWithin(row, fromMs, Math.min(toMs, knownToMs)),
    );
    const from = typeof cursor === 'number' ? cursor : 0;
    const page = rows.slice(from, from + pageRows);
    for (const row of page) writer.write(row as never);
    return from + page.length < rows.length ? from + page.length : null;
  }

  async #list<Item>(items: readonly Item[], cursor: PlainData, signal: AbortSignal): Promise<Page<Item>> {
    await this.#call(0, [], signal);
    const from = typeof cursor === 'number' ? cursor : 0;
    const page = items.slice(from, from + PAGE_ROWS);
    return { items: page, next: from + page.length < items.length ? from + page.length : null };
  }

  /** A call to the supplier, which takes a while and may have a fault. */
  #call(takesMs: number | undefined, faults: FakeFault[], signal: AbortSignal): Promise<void> {
    const { context, name } = this.#parts;
    return context.gate.call(
      async (own) => {
        await wait(context.clock, takesMs ?? 0, own);
        own.throwIfAborted();
        const fault = faults.shift();
        if (!fault) return;
        const { fail, retryAfterMs } = fault;
        throw new ProviderError(fail, `Provider "${name}": the script says so`, { retryAfterMs });
      },
      { signal },
    );
  }
}

/** Whether a step is of one of the symbols, or of all. */
function isAskedFor(step: FakeStep, symbols: readonly string[]): boolean {
  const told = 'gap' in step ? step.gap : 'stale' in step ? step.stale : rowOf(step);
  return told?.symbol === undefined || symbols.includes(told.symbol);
}

const isWithin = ({ timeMs, timeNs }: RowTimes, fromMs: number, toMs: number): boolean => {
  const ms = timeNs === undefined ? (timeMs ?? Number.NaN) : Number(timeNs) / 1e6;
  return ms >= fromMs && ms < toMs;
};

async function wait(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (ms > 0) await sleep(clock, millis(ms), signal);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** What a script has rows of, with the optional columns that these rows have. */
function capabilitiesOf(script: FakeScript): ProviderCapabilities {
  const streams = STREAM_KINDS.filter((kind) => script[kind]).map((kind) => {
    const stream = script[kind] ?? [];
    const steps = typeof stream === 'function' ? stream(0) : stream;
    const rows = steps.flatMap((step) => rowOf(step) ?? []);
    return [kind, { delivery: 'live-only', ...rowsOf(kind, rows) }];
  });
  const histories = HISTORY_KINDS.filter((kind) => script.history?.[kind]).map((kind) => {
    return [kind, rowsOf(kind, script.history?.[kind] ?? [])];
  });
  return {
    assetClasses: ['crypto'],
    streams: Object.fromEntries(streams),
    history: Object.fromEntries(histories),
    ...(script.instruments && { instruments: true }),
    ...(script.optionsChain && { optionsChain: true }),
  };
}

function rowsOf(kind: StreamKind, rows: readonly object[]): RowCapabilities {
  const columns = STANDARD_COLUMNS[ROW_KINDS[kind]].optional
    .map(({ name }) => name)
    .filter((name) => rows.some((row) => name in row));
  return { columns, ...(kind === 'bars' && { intervals: ['1m'] }) };
}

function rowOf(step: FakeStep): RowTimes | undefined {
  if ('trade' in step) return step.trade;
  if ('quote' in step) return step.quote;
  if ('level' in step) return step.level;
  return 'bar' in step ? step.bar : undefined;
}
