import { describe, expect, it } from 'vitest';
import { MemoryCheckpointStore } from '../../../src/checkpoints/memory-checkpoint-store.js';
import { InvalidSpecError } from '../../../src/core/errors.js';
import type { PlainData } from '../../../src/core/plain-data.js';
import { ProviderError } from '../../../src/core/provider-error.js';
import { Catalogue } from '../../../src/plan/catalogue.js';
import { resolveWithFiles } from '../../../src/plan/resolve-spec.js';
import { uncheckedSpec } from '../../../src/plan/typed-spec.js';
import { loadHere } from '../../../src/plan/user-code/load-here.js';
import type { HistoryRequest, TickWriter } from '../../../src/providers/contract/market-data-provider.js';
import type { TradeWriter } from '../../../src/providers/contract/row-writers.js';
import { builtIn } from '../../../src/registry/built-in.js';
import { providerComponent } from '../../../src/registry/provider-component.js';
import { createPipeline } from '../../../src/runtime/pipeline-builder.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import type { ProviderCapabilities } from '../../../src/wire/provider-capabilities.js';
import { stageContext } from '../../support/stage-context.js';
import { abortOf, CAPABILITIES, pipelineOf, providerOf, sourceOf } from './own-provider.js';

const MS = 1_700_000_000_000;
const HISTORY = {
  stream: undefined,
  history: 'trades',
  from: '2024-01-01T00:00:00Z',
  to: '2024-01-02T00:00:00Z',
};
const HISTORY_MS = Date.UTC(2024, 0, 1);

async function problemsOf(fields: object, capabilities?: ProviderCapabilities): Promise<string[]> {
  const provider = providerOf(() => ({}), capabilities);
  const spec = uncheckedSpec({ name: 'wrong', source: sourceOf(fields), sink: { use: 'null' } });
  try {
    await createPipeline(spec, { components: [provider] }).build();
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidSpecError);
    return (error as InvalidSpecError).problems.map(({ path, message }) => `${path.join('.')}: ${message}`);
  }
}

describe('a stream of a provider', () => {
  it('delivers the rows that are written until it is drained, in columns that its capabilities name', async () => {
    const provider = providerOf(() => ({
      async streamTrades({ symbols }, writer, signal) {
        const id = writer.symbolId(symbols[0]!);
        writer.trade(id, MS, 250, 100.5, 2, 1);
        writer.write({ symbol: symbols[0]!, timeMs: MS + 1, price: 101, size: 3, side: 'sell' });
        await abortOf(signal);
      },
    }));
    const { pipeline, rows, until } = pipelineOf(provider, {});
    const running = pipeline.run();
    await until(2);
    await pipeline.drain();
    expect(await running).toMatchObject({ outcome: 'completed', reason: 'drained' });
    expect(rows).toEqual([
      { time: 1_700_000_000_000_000_250n, symbol: 'BTC-USD', price: 100.5, size: 2, side: 'buy' },
      { time: 1_700_000_000_001_000_000n, symbol: 'BTC-USD', price: 101, size: 3, side: 'sell' },
    ]);
  });

  it.each([
    ['returns', async () => {}, 'it ended'],
    [
      'throws',
      async () => {
        throw new Error('code 1000');
      },
      'code 1000',
    ],
    [
      'is aborted by a time-out of its own',
      async () => {
        throw new DOMException('gone', 'AbortError');
      },
      'gone',
    ],
  ])('fails as disconnected, behind its rows, if it %s while nobody asked it to end', async (_, end, why) => {
    const provider = providerOf(() => ({
      async streamTrades(_request, writer) {
        writer.write({ symbol: 'BTC-USD', timeMs: MS, price: 1, size: 1 });
        await end();
      },
    }));
    const { pipeline, rows } = pipelineOf(provider, {});
    const { outcome, error } = await pipeline.run();
    expect(rows).toHaveLength(1);
    expect([outcome, error?.code, error?.retryable]).toEqual(['failed', 'PROVIDER_DISCONNECTED', true]);
    expect(error?.message).toContain(`the stream of trades broke off: ${why}`);
  });

  it.each<[string, () => unknown]>([
    ['whose message is no text', () => Object.assign(new Error('x'), { message: { why: 'gone' } })],
    [
      'with a cause whose message is no text',
      () => ({ cause: Object.assign(new Error('x'), { message: 7 }) }),
    ],
    [
      'that throws as it is read',
      () =>
        Object.defineProperty(new Error('x'), 'message', {
          get() {
            throw new Error('not now');
          },
        }),
    ],
  ])('ends for a thrown value %s', async (_, thrown) => {
    const provider = providerOf(() => ({ streamTrades: () => Promise.reject(thrown()) }));
    const { error } = await pipelineOf(provider, {}).pipeline.run();
    expect([error?.code, error?.message]).toEqual([
      'PROVIDER_DISCONNECTED',
      expect.stringContaining('the stream of trades broke off: it ended'),
    ]);
  });

  it.each<[string, (writer: TradeWriter) => void]>([
    ['a row', (writer) => writer.trade(writer.symbolId('BTC-USD'), MS / 1_000, 0, 1, 1)],
    [
      'a column',
      (writer) =>
        writer.writeColumns(1, {
          time: BigInt64Array.of(BigInt(MS)),
          symbol: writer.symbolId('BTC-USD'),
          price: 1,
          size: 1,
          side: 0,
        }),
    ],
  ])('fails for %s with its time in a unit that is too large', async (_, write) => {
    const provider = providerOf(() => ({
      async streamTrades(_request, writer) {
        write(writer);
      },
    }));
    const { pipeline, rows } = pipelineOf(provider, {});
    expect([(await pipeline.run()).error?.code, rows]).toEqual(['PROVIDER_PROTOCOL', []]);
  });

  it('fails with the kind of an error that has one', async () => {
    const provider = providerOf(() => ({
      streamTrades: () => Promise.reject(new ProviderError('entitlement', 'no such feed for this account')),
    }));
    const { error } = await pipelineOf(provider, {}).pipeline.run();
    expect([error?.code, error?.retryable]).toEqual(['PROVIDER_ENTITLEMENT', false]);
  });

  it('is told by its signal to end, delivers what it wrote before, and nothing that it writes after', async () => {
    let closed = false;
    const provider = providerOf(() => ({
      async streamTrades(_request, writer, signal) {
        writer.write({ symbol: 'BTC-USD', timeMs: MS, price: 1, size: 1 });
        await abortOf(signal);
        writer.write({ symbol: 'BTC-USD', timeMs: MS + 1, price: 2, size: 1 });
      },
      close() {
        closed = true;
      },
    }));
    const { pipeline, rows, until } = pipelineOf(provider, {});
    const running = pipeline.run();
    await until(1);
    await pipeline.drain();
    expect((await running).outcome).toBe('completed');
    expect([rows.length, closed]).toEqual([1, true]);
  });

  it('tells of its connection in its health and its numbers', async () => {
    const provider = providerOf(({ context }) => ({
      async streamTrades(_request, writer, signal) {
        context.status({ state: 'connected' });
        context.status({ state: 'disconnected', reason: 'pings are not answered' });
        context.status({ state: 'connecting' });
        context.status({ state: 'disconnected', reason: 'refused' });
        writer.write({ symbol: 'BTC-USD', timeMs: MS, price: 1, size: 1 });
        await abortOf(signal);
      },
    }));
    const { pipeline, until } = pipelineOf(provider, {});
    const running = pipeline.run();
    await until(1);
    const [source] = (await pipeline.build()).describe();
    expect(source).toMatchObject({
      health: { status: 'degraded', reason: 'disconnected: refused' },
      statistics: { disconnects: 2, rowsDropped: 0 },
    });
    await pipeline.drain();
    await running;
  });

  it('fails as a module if the function that its capabilities promise is missing', async () => {
    const { error } = await pipelineOf(
      providerOf(() => ({})),
      {},
    ).pipeline.run();
    expect([error?.code, error?.message]).toEqual([
      'MODULE_INVALID',
      'Provider "venue": expected a function "streamTrades", as its capabilities say, found none',
    ]);
  });

  it('is told to give a login up that is not there in time', async () => {
    const clock = new VirtualClock();
    let reason: string | undefined;
    const provider = providerOf(() => ({
      connect: (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            reason = 'given up';
            reject(signal.reason);
          });
        }),
      async streamTrades() {},
    }));
    const { pipeline } = pipelineOf(provider, {}, { clock, openDeadlineMs: 1_000 });
    await pipeline.build();
    const running = pipeline.run();
    await clock.advance(1_000);
    expect([(await running).error?.code, reason]).toEqual(['SOURCE_FAILED', 'given up']);
  });

  it('ends although its provider never closes', async () => {
    const clock = new VirtualClock();
    const provider = providerOf(() => ({
      async streamTrades() {},
      close: () => new Promise<void>(() => {}),
    }));
    const { pipeline } = pipelineOf(provider, {}, { clock });
    await pipeline.build();
    const running = pipeline.run();
    await clock.advance(5_000);
    expect((await running).error?.code).toBe('PROVIDER_DISCONNECTED');
  });

  it('has its records in order with its rows', async () => {
    const provider = providerOf(() => ({
      async streamTrades(_request, writer, signal) {
        writer.write({ symbol: 'BTC-USD', timeMs: MS, price: 1, size: 1 });
        writer.gap({ fromMs: MS, toMs: MS + 0.5, symbol: 'BTC-USD', reason: 'sequence' });
        writer.write({ symbol: 'BTC-USD', timeMs: MS + 1, price: 2, size: 1 });
        await abortOf(signal);
      },
    }));
    const { pipeline, records, until } = pipelineOf(provider, {});
    const running = pipeline.run();
    await until(2);
    await pipeline.drain();
    await running;
    expect(records[0]).toEqual({
      type: 'gap',
      from: 1_700_000_000_000_000_000n,
      to: 1_700_000_000_000_500_000n,
      symbol: 'BTC-USD',
      reason: 'sequence',
    });
  });
});

/** Trades of a minute each, three a page, numbered from 1 on by their price. */
function pagedHistory(asked: HistoryRequest[] = []) {
  return providerOf(() => ({
    async historicalTicks(request, writer) {
      asked.push(request);
      const first = (request.cursor as number | null) ?? 0;
      for (let i = first; i < Math.min(first + 3, 7); i++) {
        const timeMs = HISTORY_MS + i * 60_000;
        writer.write({ symbol: request.symbol, timeMs, price: i + 1, size: 1 });
      }
      return first + 3 < 7 ? first + 3 : null;
    },
  }));
}

describe('a history of a provider', () => {
  it('is read page by page, one symbol after the other, and ends', async () => {
    const asked: HistoryRequest[] = [];
    const { pipeline, rows } = pipelineOf(pagedHistory(asked), {
      ...HISTORY,
      symbols: ['ETH-USD', 'BTC-USD'],
    });
    expect((await pipeline.run()).outcome).toBe('completed');
    expect(rows.map(({ symbol, price }) => `${symbol} ${price}`)).toEqual(
      ['ETH-USD', 'BTC-USD'].flatMap((symbol) => [1, 2, 3, 4, 5, 6, 7].map((price) => `${symbol} ${price}`)),
    );
    expect(asked.map(({ symbol, cursor }) => [symbol, cursor])).toEqual([
      ['ETH-USD', null],
      ['ETH-USD', 3],
      ['ETH-USD', 6],
      ['BTC-USD', null],
      ['BTC-USD', 3],
      ['BTC-USD', 6],
    ]);
    expect(asked[0]).toMatchObject({ fromMs: HISTORY_MS, toMs: HISTORY_MS + 86_400_000, kind: 'trades' });
  });

  it('goes on from a checkpoint with the row behind the last one, within a page too', async () => {
    for (const stopAfter of [1, 2, 3, 4, 6, 7, 10]) {
      const store = new MemoryCheckpointStore();
      const options = { store };
      const fields = { ...HISTORY, symbols: ['ETH-USD', 'BTC-USD'] };
      const first = pipelineOf(pagedHistory(), fields, options);
      const running = first.pipeline.run();
      await first.until(stopAfter);
      await first.pipeline.suspend();
      await running;
      const second = pipelineOf(pagedHistory(), fields, options);
      await second.pipeline.run();
      const prices = [...first.rows, ...second.rows].map(({ price }) => price);
      expect(prices).toEqual([1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 5, 6, 7]);
    }
  });

  it('is told to write behind the gate, where an attempt may be made again', async () => {
    const written: string[] = [];
    const provider = providerOf(({ context }) => ({
      async historicalTicks({ symbol }, writer, signal) {
        const write = () => writer.write({ symbol, timeMs: HISTORY_MS, price: 1, size: 1 });
        const open = () => ({ messages: new Promise((resolve) => setImmediate(resolve)).then(write) });
        const socket = await context.gate.call(open, { signal });
        await socket.messages;
        written.push('from what outlived its attempt');
        write();
        written.push('behind it');
        await context.gate.call(
          async () => {
            await null;
            write();
          },
          { signal },
        );
        return null;
      },
    }));
    const { pipeline, rows } = pipelineOf(provider, HISTORY);
    const { error } = await pipeline.run();
    expect([error?.code, rows]).toEqual(['PROVIDER_PROTOCOL', []]);
    expect(error?.message).toContain('expected a page to be written once gate.call has resolved');
    expect(written).toEqual(['from what outlived its attempt', 'behind it']);
  });

  it.each<[string, (writer: TickWriter, symbol: string) => void]>([
    ['an object', (writer, symbol) => writer.write({ symbol, price: 1, size: 1 } as never)],
    ['numbers', (writer, symbol) => writer.trade(writer.symbolId(symbol), Number.NaN, 0, 1, 1)],
    [
      'columns',
      (writer, symbol) =>
        writer.writeColumns(1, {
          time: Float64Array.of(Number.NaN),
          symbol: writer.symbolId(symbol),
          price: 1,
          size: 1,
        }),
    ],
  ])('fails for a row without a time, from %s', async (_, write) => {
    const history = { trades: { columns: ['size'], untimed: true } };
    const provider = providerOf(
      () => ({
        async historicalTicks({ symbol }, writer) {
          write(writer, symbol);
          return null;
        },
      }),
      { ...CAPABILITIES, history },
    );
    const { pipeline, rows } = pipelineOf(provider, HISTORY);
    const { error } = await pipeline.run();
    expect([error?.code, rows]).toEqual(['PROVIDER_PROTOCOL', []]);
    expect(error?.message).toContain('expected a time of each row');
  });

  it.each<[string, readonly (readonly [string, number])[], string]>([
    ['of another symbol', [['ETH-USD', 5]], 'expected rows of the symbol that was asked for'],
    ['before its beginning', [['BTC-USD', -1]], 'expected rows from'],
    ['at its end', [['BTC-USD', 86_400_000]], 'expected rows from'],
    [
      'out of order',
      [
        ['BTC-USD', 5],
        ['BTC-USD', 4],
      ],
      'expected rows in order of time',
    ],
  ])('fails for rows %s, and gives none of their page', async (_, second, message) => {
    const provider = providerOf(() => ({
      async historicalTicks({ symbol, cursor }, writer) {
        const page =
          cursor === null ? [[symbol, 1] as const, [symbol, 1] as const] : [[symbol, 3] as const, ...second];
        for (const [of, ms] of page) writer.write({ symbol: of, timeMs: HISTORY_MS + ms, price: 1, size: 1 });
        return cursor === null ? 1 : null;
      },
    }));
    const { pipeline, rows } = pipelineOf(provider, HISTORY);
    const { error } = await pipeline.run();
    expect([error?.code, rows.length]).toEqual(['PROVIDER_PROTOCOL', 2]);
    expect(error?.message).toContain(message);
  });

  it('fails for a page that begins before the end of the page before', async () => {
    const provider = providerOf(() => ({
      async historicalTicks({ symbol, cursor }, writer) {
        const timeMs = HISTORY_MS + (cursor === null ? 2 : 1);
        writer.write({ symbol, timeMs, price: 1, size: 1 });
        return cursor === null ? 1 : null;
      },
    }));
    const { error } = await pipelineOf(provider, HISTORY).pipeline.run();
    expect(error?.message).toContain('expected rows in order of time');
  });

  it.each([5n, { at: new Date(0) }, () => 1])(
    'fails for a cursor that is no plain data: %s',
    async (cursor) => {
      const provider = providerOf(() => ({ historicalTicks: async () => cursor as never }));
      const { error } = await pipelineOf(provider, HISTORY).pipeline.run();
      expect([error?.code, error?.message]).toEqual([
        'PROVIDER_PROTOCOL',
        expect.stringContaining('expected a cursor that is plain data'),
      ]);
    },
  );

  it('goes on from a position though its beginning is too old by now', async () => {
    const history = { trades: { depthMs: 86_400_000 } };
    const capabilities = { ...CAPABILITIES, history };
    const provider = providerOf(
      () => ({
        async historicalTicks({ symbol }, writer) {
          writer.write({ symbol, timeMs: HISTORY_MS, price: 1 });
          return null;
        },
      }),
      capabilities,
    );
    const options = { symbols: ['BTC-USD'], ...HISTORY, from: '2020-01-01T00:00:00Z', url: 'wss://venue' };
    const opened = async (position?: PlainData) => {
      const factory = await providerComponent(provider).load(options, { use: 'venue', options });
      const source = factory.create(options, stageContext());
      await source.open?.();
      if (position !== undefined) await source.resume(position);
      const batch = await source.read();
      await source.close?.();
      return batch?.length;
    };
    await expect(opened()).rejects.toMatchObject({ code: 'PROVIDER_UNSUPPORTED' });
    const toMs = HISTORY_MS + 86_400_000;
    expect(await opened({ symbol: 0, cursor: 'page 2', rows: 0, toMs })).toBe(1);
  });

  it('fails if a page has the cursor of the page before', async () => {
    const provider = providerOf(() => ({ historicalTicks: async () => 'again' }));
    const { error } = await pipelineOf(provider, HISTORY).pipeline.run();
    expect([error?.code, error?.message]).toEqual([
      'PROVIDER_PROTOCOL',
      expect.stringContaining('expected another cursor behind each page'),
    ]);
  });

  it.each([2, 3, 7])('fails if its cursors go round in %i pages without rows', async (length) => {
    let pages = 0;
    const provider = providerOf(() => ({
      historicalTicks: async ({ cursor }) => {
        pages++;
        return cursor === null ? 'before' : `page ${(pages * 5) % length}`;
      },
    }));
    const { error } = await pipelineOf(provider, HISTORY).pipeline.run();
    expect([error?.code, error?.message]).toEqual([
      'PROVIDER_PROTOCOL',
      expect.stringContaining('expected another cursor behind each page'),
    ]);
    expect(pages).toBeLessThan(3 * length + 4);
  });

  it('delivers no rows of a page that failed', async () => {
    const provider = providerOf(() => ({
      async historicalTicks({ symbol }, writer) {
        writer.write({ symbol, timeMs: HISTORY_MS, price: 1, size: 1 });
        throw new ProviderError('unavailable', 'half a page');
      },
    }));
    const { pipeline, rows } = pipelineOf(provider, HISTORY);
    expect((await pipeline.run()).error?.code).toBe('PROVIDER_UNAVAILABLE');
    expect(rows).toEqual([]);
  });

  it('ends at once when it is asked to, though the provider does not listen', async () => {
    let release = () => {};
    const provider = providerOf(() => ({
      async historicalTicks({ symbol }, writer) {
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        writer.write({ symbol, timeMs: HISTORY_MS, price: 1, size: 1 });
        return null;
      },
    }));
    const options = { symbols: ['BTC-USD'], ...HISTORY, url: 'wss://venue' };
    const factory = await providerComponent(provider).load(options, { use: 'venue', options });
    const source = factory.create(options, stageContext());
    await source.open?.();
    const reading = source.read();
    source.stop();
    expect(await reading).toBeNull();
    release();
    expect(await source.read()).toBeNull();
    await source.close?.();
  });
});

describe('the spec of a source that a provider makes', () => {
  it('is told what the provider has, where it asks for something else', async () => {
    expect(await problemsOf({ stream: 'trade' })).toEqual([
      'source.stream: expected what "venue" streams: trades, bars, found "trade" (did you mean "trades"?)',
    ]);
    expect(await problemsOf({ stream: undefined })).toEqual([
      'source.stream: expected "stream" (trades, bars) or "history" (trades), found neither',
    ]);
    expect(await problemsOf({ ...HISTORY, history: 'bars' })).toEqual([
      'source.history: expected what "venue" has a history of: trades, found "bars"',
    ]);
    expect(await problemsOf({ history: 'trades' })).toEqual([
      'source.history: expected either "stream" or "history", found both',
    ]);
    const { history: _, ...streamsOnly } = CAPABILITIES;
    expect(await problemsOf(HISTORY, streamsOnly)).toEqual([
      'source.history: expected "stream" (trades, bars), which is all that "venue" has, found history "trades"',
    ]);
  });

  it('is told of every wrong symbol, interval and instant', async () => {
    expect(await problemsOf({ symbols: ['BTC-USD', 'BTC-USD', 'ETH-USB', 7] })).toEqual([
      'source.symbols.1: expected each symbol once, found "BTC-USD" again',
      'source.symbols.2: expected a symbol of "venue", found "ETH-USB" (did you mean "ETH-USD"?)',
      'source.symbols.3: expected a symbol, found 7',
    ]);
    expect(await problemsOf({ symbols: undefined })).toEqual([
      'source.symbols: expected a list of 1 to 1000 symbols, found nothing',
    ]);
    expect(await problemsOf({ stream: 'bars' })).toEqual([
      'source.interval: expected an interval of "venue": 1m, 5m, found nothing',
    ]);
    expect(await problemsOf({ interval: '1m', from: '2024-01-01T00:00:00Z' })).toEqual([
      'source.interval: expected no interval with trades, found one',
      'source.from: expected no "from" with "stream", found one: a stream begins now',
    ]);
    expect(
      await problemsOf({ ...HISTORY, from: '2019-12-31T00:00:00Z', to: '2019-01-01T00:00:00Z' }),
    ).toEqual([
      'source.to: expected an instant after "from" (2019-12-31T00:00:00Z), found "2019-01-01T00:00:00Z"',
      'source.from: expected an instant from 2020-01-01T00:00:00Z on, where the history of "venue" begins, found "2019-12-31T00:00:00Z"',
    ]);
  });

  it.each<[object, string[]]>([
    [{ capture: '' }, ['source.capture: expected the path of a directory for captures, found an empty text']],
    [{ replay: 'x' }, ['source.replay: expected {capture, speed}, found a text']],
    [
      { replay: { capture: 5, speed: 0, pace: 1 } },
      [
        'source.replay.capture: expected the path of a capture, found 5',
        'source.replay.speed: expected "max" or a number above 0 (1 is real time, 10 ten times as fast), found 0',
        'source.replay.pace: expected "capture" and "speed" alone, found something else',
      ],
    ],
    [
      { capture: 'here', replay: { capture: 'x' } },
      ['source.capture: expected either "capture" or "replay", found both'],
    ],
    [
      { ...HISTORY, to: undefined, replay: { capture: 'x' } },
      ['source.to: expected an instant, as the capture has one, found none'],
    ],
  ])('is told what is wrong with captures: %j', async (fields, problems) => {
    expect(await problemsOf(fields)).toEqual(problems);
  });

  it('names the directory that it writes captures to, and the capture that it reads', async () => {
    const factory = await providerComponent(providerOf(() => ({}))).load(
      { capture: 'a' } as never,
      {} as never,
    );
    expect(factory.files?.({ symbols: [], capture: 'captures' } as never)).toEqual({
      writes: [{ path: 'captures', at: ['capture'], partsEndIn: 'capture.gz', isShared: true }],
    });
    expect(factory.files?.({ symbols: [], replay: { capture: 'a.gz' } } as never)).toEqual({
      reads: [{ path: 'a.gz', at: ['replay', 'capture'] }],
    });
  });

  it('has the options of the provider checked with them', async () => {
    expect(await problemsOf({ url: 7, simbols: [] })).toEqual([
      'source.url: expected a URL, found 7',
      'source.simbols: there is no such option (did you mean "symbols"?)',
    ]);
  });

  it('is planned with the columns of the capabilities, and the length of its bars', async () => {
    const capabilities: ProviderCapabilities = {
      assetClasses: ['equity'],
      streams: {
        bars: { delivery: 'live-only', intervals: ['5m'], columns: ['volume', 'count'] },
        quotes: {
          delivery: 'live-only',
          untimed: true,
          sequence: { space: 'q', scope: 'symbol', step: 'one' },
        },
      },
    };
    const catalogue = new Catalogue(builtIn.with([providerOf(() => ({}), capabilities)]));
    const planned = async (fields: object) => {
      const spec = uncheckedSpec({ name: 'planned', source: sourceOf(fields), sink: { use: 'null' } });
      const { outputs } = await resolveWithFiles(spec, { catalogue, userCode: loadHere });
      const schema = outputs.get('source');
      return [
        schema?.kind,
        schema?.barNs,
        schema?.columns.map(({ name, type }) => `${name} ${type}`).slice(2),
      ];
    };
    expect(await planned({ stream: 'bars', interval: '5m' })).toEqual([
      'bar',
      300_000_000_000,
      ['open float64', 'high float64', 'low float64', 'close float64', 'volume float64', 'count int32'],
    ]);
    expect(await planned({ stream: 'quotes' })).toEqual([
      'quote',
      undefined,
      ['bid float64', 'ask float64', 'sequence int64', 'untimed boolean'],
    ]);
  });
});

describe('a provider', () => {
  it.each([
    [{ contract: 2 }, 'expected contract 1, the one that this release of Tickloom knows, found 2'],
    [{ capabilities: undefined }, 'expected "capabilities" to be a mapping, found nothing'],
    [
      { capabilities: { assetClasses: ['crypto'] } },
      'expected a kind of rows in "streams" or "history", found none',
    ],
    [
      { capabilities: { ...CAPABILITIES, streams: { trades: { delivery: 'replayable' } } } },
      'capabilities.streams.trades.delivery: expected resumable or live-only',
    ],
    [
      {
        capabilities: {
          ...CAPABILITIES,
          streams: { trades: { delivery: 'live-only', columns: ['volume'] } },
        },
      },
      'capabilities.streams.trades.columns: expected a list of size, side, offMarket, received',
    ],
    [
      { capabilities: { ...CAPABILITIES, streams: { bars: { delivery: 'live-only', intervals: ['60'] } } } },
      'capabilities.streams.bars.intervals: expected a list of intervals, such as "1m"',
    ],
    [{ name: '' }, 'Expected the name of a component'],
  ])('is refused with what is wrong: %j', async (fields, message) => {
    const provider = { ...providerOf(() => ({})), ...(fields as object) };
    const built = pipelineOf(provider as never, {}).pipeline.build();
    await expect(built).rejects.toMatchObject({
      code: 'COMPONENT_INVALID',
      message: expect.stringContaining(message),
    });
  });

  it('is known by what it says, not by who made it: one written by hand is used like any other', async () => {
    const provider = JSON.parse(JSON.stringify(providerOf(() => ({})))) as ReturnType<typeof providerOf>;
    const byHand = {
      ...provider,
      options: providerOf(() => ({})).options,
      load: async () => () => ({
        streamTrades: () => {
          // As another copy of this package would throw it: with the code of the kind, and of another class.
          throw Object.assign(new Error('wrong key'), { code: 'PROVIDER_AUTHENTICATION' });
        },
      }),
    };
    const { error } = await pipelineOf(byHand as never, {}).pipeline.run();
    expect([error?.code, error?.retryable]).toEqual(['PROVIDER_AUTHENTICATION', false]);
  });
});
