import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { DictionarySet } from '../../../src/columns/dictionary.js';
import { sharedAbort } from '../../../src/core/shared-abort.js';
import { unlimitedGate } from '../../../src/engine/call-gate.js';
import { FeedBuffer, ROWS_WAITING_MAX } from '../../../src/providers/adapter/feed-buffer.js';
import { FeedWriter } from '../../../src/providers/adapter/feed-writer.js';
import { createSpot, createUsdm } from '../../../src/providers/binance/binance.js';
import { SpotOptions, UsdmOptions } from '../../../src/providers/binance/options.js';
import { feedSchema } from '../../../src/providers/contract/feed-schema.js';
import type { ProviderContext } from '../../../src/providers/contract/market-data-provider.js';
import type {
  BarWriter,
  BookWriter,
  GapNote,
  TradeWriter,
} from '../../../src/providers/contract/row-writers.js';
import { type Logger, silentLogger } from '../../../src/telemetry/logger.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { FakeNetwork, type FakeSocket } from '../../support/fake-network.js';

const START_MS = 1_704_067_200_000;
const HOUR_MS = 3_600_000;

interface Rig {
  readonly market?: 'spot' | 'usdm';
  readonly symbols?: readonly string[];
  /** Whether the venue confirms what is subscribed to. Default: it does. */
  readonly answers?: (socket: FakeSocket, message: { readonly id: number }) => void;
}

/** A stream of trades over a network in memory, on virtual time. */
function startTrades({ market = 'spot', symbols = ['BTCUSDT'], answers = confirm }: Rig = {}) {
  const clock = new VirtualClock({ wall: BigInt(START_MS) * 1_000_000n });
  const network = new FakeNetwork(clock);
  network.onRequest = () => ({
    body: JSON.stringify({ symbols: symbols.map((symbol) => ({ symbol, status: 'TRADING' })) }),
  });
  network.onOpen = (socket) => {
    socket.onSend = (message) => answers(socket, JSON.parse(String(message)));
  };
  const written: (number | GapNote)[] = [];
  const flags: unknown[] = [];
  const warnings: string[] = [];
  const writer = {
    symbolId: (symbol: string) => symbols.indexOf(symbol),
    trade(_symbol: number, _ms: number, _sub: number, _price: number, ...rest: number[]) {
      written.push(rest[2]!);
      flags.push(rest[3]);
    },
    gap: (gap: GapNote) => written.push(gap),
    hasRoom: true,
    whenRoom: () => Promise.resolve(),
  } as unknown as TradeWriter; // what trades need of it
  const stopping = new AbortController();
  const context: ProviderContext = {
    job: 'test',
    clock,
    log: { ...silentLogger, warn: (...said: unknown[]) => warnings.push(String(said.at(-1))) } as Logger,
    gate: unlimitedGate,
    network,
    random: () => 0.5,
    status: () => {},
  };
  const provider =
    market === 'spot'
      ? createSpot(SpotOptions.parse({}), context)
      : createUsdm(UsdmOptions.parse({}), context);
  let outcome: unknown = 'running';
  const running = provider.streamTrades?.({ symbols }, writer, stopping.signal).then(
    () => {
      outcome = 'returned';
    },
    (error: unknown) => {
      outcome = error;
    },
  );
  return {
    clock,
    network,
    written,
    flags,
    warnings,
    outcome: () => outcome,
    async stop() {
      stopping.abort();
      await clock.advance(5_000);
      await running;
    },
  };
}

function confirm(socket: FakeSocket, { id }: { readonly id: number }): void {
  socket.json({ result: null, id });
}

const trade = (t: number, ms: number, more: object = {}) => ({
  stream: 'btcusdt@trade',
  data: { e: 'trade', E: ms, s: 'BTCUSDT', t, p: '1.5', q: '2', T: ms, m: true, ...more },
});

describe('a stream of Binance', () => {
  it('opens one socket for all symbols, and asks for 200 of them at a time, three times a second', async () => {
    const symbols = Array.from({ length: 450 }, (_, i) => `S${i}USDT`);
    const { clock, network, stop } = startTrades({ symbols });
    await clock.advance(1_000);
    expect(network.sockets.map(({ url }) => url)).toEqual(['wss://stream.binance.com:9443/stream']);
    const messages = network.last.sent.map((message) => JSON.parse(String(message)));
    expect(messages.map(({ method, id, params }) => [method, id, params.length])).toEqual([
      ['SUBSCRIBE', 1, 200],
      ['SUBSCRIBE', 2, 200],
      ['SUBSCRIBE', 3, 50],
    ]);
    expect(messages.flatMap(({ params }) => params)).toEqual(
      symbols.map((name) => `${name.toLowerCase()}@trade`),
    );
    const [first, second, third] = network.last.sentMs as [number, number, number];
    expect(second - first).toBeGreaterThanOrEqual(300);
    expect(third - second).toBeGreaterThanOrEqual(300);
    expect(network.requests.map(({ url }) => new URL(url).pathname)).toEqual(
      Array.from({ length: 5 }, () => '/api/v3/exchangeInfo'), // 100 symbols each
    );
    await stop();
  });

  it('goes to the public path of USD-M futures, and marks trades that are not of the market', async () => {
    const { clock, network, written, flags, stop } = startTrades({ market: 'usdm' });
    await clock.advance(1_000);
    expect(network.last.url).toBe('wss://fstream.binance.com/public/stream');
    network.last.json(trade(7, START_MS, { X: 'MARKET' }));
    network.last.json(trade(8, START_MS, { X: 'NA', p: '0', q: '0' }));
    expect(written).toEqual([7, 8]);
    expect(flags).toEqual([0, 1]);
    await stop();
  });

  it('is taken over by a new connection before it is 24 h old, without a gap and without a trade twice', async () => {
    const { clock, network, written, stop } = startTrades();
    await clock.advance(1_000);
    const [old] = network.sockets as [FakeSocket];
    let next = 0;
    const tell = () => {
      const message = trade(next++, START_MS + next);
      for (const socket of network.sockets) socket.json(message);
    };
    while (network.sockets.length === 1 && next < 5_000) {
      tell();
      await clock.advance(next < 94 ? HOUR_MS / 4 : 500);
    }
    const ageMs = Number(clock.wall() / 1_000_000n) - START_MS;
    expect(ageMs).toBeLessThan(24 * HOUR_MS);
    expect(ageMs).toBeGreaterThan(23 * HOUR_MS);
    expect(old.isEnded).toBe(false);
    for (let i = 0; i < 40; i++) {
      tell();
      await clock.advance(500);
    }
    expect(old.isEnded).toBe(true);
    tell();
    expect(written).toEqual(Array.from({ length: next }, (_, id) => id));
    await stop();
  });

  it('tells a gap from the last trade on where the server shuts down, and goes on', async () => {
    const { clock, network, written, stop } = startTrades();
    await clock.advance(1_000);
    network.last.json(trade(1, START_MS + 400));
    network.last.json({ e: 'serverShutdown', E: START_MS });
    await clock.advance(10_000);
    expect(network.sockets).toHaveLength(2);
    network.last.json(trade(5, START_MS + 9_000));
    expect(written).toMatchObject([
      1,
      { fromMs: START_MS + 400, reason: expect.stringContaining('shut down') },
      5,
    ]);
    await stop();
  });

  it('goes on where the ids of the venue begin anew, and leaves out what was seen still', async () => {
    const { clock, network, written, warnings, stop } = startTrades();
    await clock.advance(1_000);
    for (const id of [70_000, 70_001]) network.last.json(trade(id, START_MS));
    network.last.drop();
    await clock.advance(10_000);
    for (const id of [69_990, 70_001, 70_002]) network.last.json(trade(id, START_MS + 9_000));
    network.last.drop();
    await clock.advance(10_000);
    for (const id of [3, 4, 4, 5]) network.last.json(trade(id, START_MS + 19_000));
    const gap = { reason: expect.any(String) };
    expect(written).toMatchObject([70_000, 70_001, gap, 70_002, gap, 3, 4, 5]);
    expect(warnings.filter((text) => text.includes('anew'))).toEqual(['ids of the venue begin anew']);
    await stop();
  });

  it('is begun anew where nothing comes, not even a pong', async () => {
    const { clock, network, stop } = startTrades();
    await clock.advance(1_000);
    network.last.onPing = () => {};
    await clock.advance(50_000);
    expect(network.sockets).toHaveLength(1);
    await clock.advance(30_000);
    expect(network.sockets.length).toBeGreaterThan(1);
    await stop();
  });

  it('is begun anew where what it asked for is not confirmed', async () => {
    const { clock, network, stop } = startTrades({ answers: () => {} });
    await clock.advance(9_000);
    expect(network.sockets).toHaveLength(1);
    await clock.advance(10_000);
    expect(network.sockets.length).toBeGreaterThan(1);
    await stop();
  });

  it('fails for good where what it asked for is refused, and says why', async () => {
    const { clock, network, outcome } = startTrades({
      answers: (socket, { id }) =>
        socket.json({ error: { code: 2, msg: 'Invalid request: too many parameters' }, id }),
    });
    await clock.advance(5_000);
    expect(outcome()).toMatchObject({
      kind: 'invalid-request',
      message: 'Provider "binance-spot" refused a message (code 2): Invalid request: too many parameters',
    });
    expect(network.openSockets).toBe(0);
  });

  it('begins a new connection after a message that cannot be read, with a gap', async () => {
    const { clock, network, written, stop } = startTrades();
    await clock.advance(1_000);
    network.last.json(trade(1, START_MS));
    network.last.text('{"stream":"btcusdt@trade","data":{"e":"tra');
    await clock.advance(10_000);
    network.last.json(trade(3, START_MS + 8_000));
    expect(written).toMatchObject([1, { reason: expect.stringContaining('expected a trade in JSON') }, 3]);
    await stop();
  });
});

describe('a stream of bars of Binance', () => {
  const MINUTE_MS = 60_000;

  async function startBars(market: 'spot' | 'usdm' = 'spot') {
    const clock = new VirtualClock({ wall: BigInt(START_MS) * 1_000_000n });
    const network = new FakeNetwork(clock);
    network.onRequest = () => ({
      body: JSON.stringify({ symbols: [{ symbol: 'BTCUSDT', status: 'TRADING' }] }),
    });
    network.onOpen = (socket) => {
      socket.onSend = (message) => confirm(socket, JSON.parse(String(message)));
    };
    /** Bars and gaps, in minutes since the start. */
    const written: (number | readonly [from: number, to: number])[] = [];
    const writer = {
      symbolId: () => 3,
      bar: (_symbol: number, ms: number) => written.push((ms - START_MS) / MINUTE_MS),
      gap: ({ fromMs, toMs }: GapNote) =>
        written.push([(fromMs - START_MS) / MINUTE_MS, (toMs - START_MS) / MINUTE_MS]),
      hasRoom: true,
      whenRoom: () => Promise.resolve(),
    } as unknown as BarWriter; // what bars need of it
    const stopping = new AbortController();
    const context: ProviderContext = {
      job: 'test',
      clock,
      log: silentLogger,
      gate: unlimitedGate,
      network,
      random: () => 0.5,
      status: () => {},
    };
    const provider =
      market === 'spot'
        ? createSpot(SpotOptions.parse({}), context)
        : createUsdm(UsdmOptions.parse({}), context);
    const running = provider.streamBars?.({ symbols: ['BTCUSDT'], interval: '1m' }, writer, stopping.signal);
    await clock.advance(1_000);
    return {
      clock,
      network,
      written,
      tell(minute: number, x: boolean) {
        const t = START_MS + minute * MINUTE_MS;
        const k = { t, i: '1m', o: '1', h: '1', l: '1', c: '1', v: '1', q: '1', n: 1, x };
        network.last.json({ stream: 'btcusdt@kline_1m', data: { e: 'kline', E: t, s: 'BTCUSDT', k } });
      },
      async stop() {
        stopping.abort();
        await clock.advance(5_000);
        await running;
      },
    };
  }

  it('comes from the path of bars, of USD-M futures another one than that of quotes', async () => {
    for (const [market, url] of [
      ['spot', 'wss://stream.binance.com:9443/stream'],
      ['usdm', 'wss://fstream.binance.com/market/stream'],
    ] as const) {
      const { network, stop } = await startBars(market);
      expect(network.last.url).toBe(url);
      expect(JSON.parse(String(network.last.sent[0])).params).toEqual(['btcusdt@kline_1m']);
      await stop();
    }
  });

  it('has bars that have ended, each once', async () => {
    const { written, tell, stop } = await startBars();
    for (const minute of [0, 1, 2]) {
      tell(minute, false);
      tell(minute, true);
      tell(minute, true);
    }
    tell(1, true);
    expect(written).toEqual([0, 1, 2]);
    await stop();
  });

  it('tells a gap where a later bar goes on and the end of one did not come, once', async () => {
    const { written, tell, stop } = await startBars();
    tell(0, false);
    tell(2, false);
    tell(2, false);
    tell(2, true);
    tell(5, true);
    expect(written).toEqual([[0, 2], 2, [3, 5], 5]);
    await stop();
  });

  it('tells one gap after a reconnect, and none of its own for the same bars', async () => {
    const { clock, network, written, tell, stop } = await startBars();
    tell(0, true);
    tell(1, false);
    network.last.drop();
    await clock.advance(4 * MINUTE_MS);
    tell(4, false);
    tell(4, true);
    expect(written).toHaveLength(3);
    expect(written).toMatchObject([0, [1, expect.any(Number)], 4]);
    await stop();
  });
});

describe('the books of a stream of Binance', () => {
  it('have eight snapshots fetched at a time at most, and all in the end, without a word of Node on listeners', async () => {
    const warnings: string[] = [];
    const onWarning = (warning: Error) => warnings.push(warning.name);
    process.on('warning', onWarning);
    const clock = new VirtualClock({ wall: BigInt(START_MS) * 1_000_000n });
    const symbols = Array.from({ length: 60 }, (_, i) => `S${i}USDT`);
    const network = new FakeNetwork(clock);
    let asked = 0;
    let askedMost = 0;
    network.onRequest = async (url) => {
      if (url.includes('exchangeInfo'))
        return {
          body: JSON.stringify({ symbols: symbols.map((symbol) => ({ symbol, status: 'TRADING' })) }),
        };
      askedMost = Math.max(askedMost, ++asked);
      await new Promise<void>((resolve) => clock.setTimeout(resolve, 100));
      asked--;
      return { body: JSON.stringify({ lastUpdateId: 10, bids: [['1.5', '2']], asks: [] }) };
    };
    network.onOpen = (socket) => {
      socket.onSend = (message) => confirm(socket, JSON.parse(String(message)));
    };
    const begun = new Set<number>();
    const changed: number[] = [];
    const writer = {
      symbolId: (symbol: string) => symbols.indexOf(symbol),
      level(symbol: number, _ms: number, _sub: number, _side: number, _price: number, ...rest: number[]) {
        const [size, , action] = rest;
        if (action === 3) begun.add(symbol);
        if (size === 3) changed.push(symbol);
      },
      gap: () => expect.unreachable(),
      reset: () => {},
      hasRoom: true,
      whenRoom: () => Promise.resolve(),
    } as unknown as BookWriter; // what books need of it
    const stopping = sharedAbort(); // as a source has it
    const provider = createSpot(SpotOptions.parse({}), {
      job: 'test',
      clock,
      log: silentLogger,
      gate: unlimitedGate,
      network,
      random: () => 0.5,
      status: () => {},
    });
    const running = provider.streamBook?.({ symbols }, writer, stopping.signal);
    await clock.advance(1_000);
    for (const s of symbols) {
      network.last.json({ e: 'depthUpdate', E: START_MS, s, U: 10, u: 11, b: [['1.5', '3']], a: [] });
    }
    await clock.advance(400);
    expect(askedMost).toBe(8);
    expect(begun.size).toBeGreaterThan(20);
    expect(begun.size).toBeLessThan(60);
    stopping.abort();
    await clock.advance(5_000);
    await running;
    expect(asked).toBe(0);
    expect(changed).toEqual([...begun]);
    const again = sharedAbort();
    const goesOn = provider.streamBook?.({ symbols }, writer, again.signal);
    await clock.advance(1_000);
    for (const s of symbols) {
      network.last.json({ e: 'depthUpdate', E: START_MS, s, U: 10, u: 11, b: [['1.5', '3']], a: [] });
    }
    await clock.advance(5_000);
    expect(begun.size).toBe(60);
    again.abort();
    await clock.advance(5_000);
    await goesOn;
    await new Promise(setImmediate); // warnings are told later
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
    for (const { signal } of [stopping, again]) expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('are written one after another, as there is room, where all of their snapshots come at once', async () => {
    const clock = new VirtualClock({ wall: BigInt(START_MS) * 1_000_000n });
    const symbols = Array.from({ length: 60 }, (_, i) => `S${i}USDT`);
    const side = Array.from({ length: 1_000 }, (_, i) => [`${i + 1}.5`, '2']);
    const network = new FakeNetwork(clock);
    network.onRequest = (url) => ({
      body: JSON.stringify(
        url.includes('exchangeInfo')
          ? { symbols: symbols.map((symbol) => ({ symbol, status: 'TRADING' })) }
          : { lastUpdateId: 10, bids: side, asks: side },
      ),
    });
    network.onOpen = (socket) => {
      socket.onSend = (message) => confirm(socket, JSON.parse(String(message)));
    };
    const buffer = new FeedBuffer({
      schema: feedSchema('book', { columns: ['action'] }),
      batchRows: 1_024,
      dictionaries: new DictionarySet(),
      clock,
      rowsMax: ROWS_WAITING_MAX,
    });
    const stopping = new AbortController();
    const provider = createSpot(SpotOptions.parse({}), {
      job: 'test',
      clock,
      log: silentLogger,
      gate: unlimitedGate,
      network,
      random: () => 0.5,
      status: () => {},
    });
    const running = provider.streamBook?.({ symbols }, new FeedWriter(buffer), stopping.signal);
    await clock.advance(1_000);
    for (const s of symbols) {
      network.last.json({ e: 'depthUpdate', E: START_MS, s, U: 10, u: 11, b: [['1.5', '3']], a: [] });
    }
    let rows = 0;
    for (let i = 0; i < 500; i++) {
      await clock.advance(10);
      if (i % 5 !== 0) continue; // it is read slowly
      const batch = buffer.take();
      rows += batch?.length ?? 0;
      batch?.release();
      expect(buffer.rowsDropped).toBe(0);
    }
    for (let batch = buffer.take(); batch; batch = buffer.take()) {
      rows += batch.length;
      batch.release();
      await clock.advance(10);
    }
    expect(buffer.rowsDropped).toBe(0);
    expect(rows).toBe(symbols.length * (2 * side.length + 3)); // two that clear, and the change
    stopping.abort();
    await clock.advance(5_000);
    await running;
  });
});
