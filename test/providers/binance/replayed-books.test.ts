import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createSpot } from '../../../src/providers/binance/binance.js';
import { SpotOptions } from '../../../src/providers/binance/options.js';
import type { ProviderFactory } from '../../../src/providers/contract/market-data-provider.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { FakeNetwork } from '../../support/fake-network.js';
import { scratchFolder } from '../../support/recorded-data.js';
import { readAll, replaySession, sampleSource, turningClock } from '../network/capture-rig.js';

const START_MS = 1_704_067_200_000;
const SYMBOLS = ['AAAUSDT', 'BBBUSDT', 'CCCUSDT'];

const scratch = scratchFolder();
afterAll(() => scratch.remove());

const factory: ProviderFactory<never> = (_, context) => createSpot(SpotOptions.parse({}), context);
const books = { factory, stream: 'book', symbols: SYMBOLS } as const;

/** Records books whose snapshots come while changes go on. */
async function recordBooks(changes: number) {
  const folder = join(scratch.folder, 'books');
  const clock = new VirtualClock({ wall: BigInt(START_MS) * 1_000_000n });
  const network = new FakeNetwork(clock);
  let update = 100;
  network.onRequest = async (url) => {
    if (url.includes('exchangeInfo')) {
      return { body: JSON.stringify({ symbols: SYMBOLS.map((symbol) => ({ symbol, status: 'TRADING' })) }) };
    }
    await new Promise<void>((resolve) => clock.setTimeout(resolve, 40));
    const side = [
      ['10.5', '1'],
      ['10', '2'],
    ];
    return { body: JSON.stringify({ lastUpdateId: update, bids: side, asks: side }) };
  };
  network.onOpen = (socket) => {
    socket.onSend = (message) => socket.json({ result: null, id: JSON.parse(String(message)).id });
  };
  const source = sampleSource(network, { ...books, capture: folder, clock });
  await source.open?.();
  const given: unknown[] = [];
  const reading = readAll(source, given);
  await clock.advance(1_000);
  for (let n = 0; n < changes; n++) {
    update++;
    for (const s of SYMBOLS) {
      const E = Number(clock.wall() / 1_000_000n);
      network.last.json({ e: 'depthUpdate', E, s, U: update, u: update, b: [['10', String(n + 1)]], a: [] });
    }
    await clock.advance(1);
  }
  source.stop();
  await reading;
  const closing = source.close?.();
  await clock.advance(10_000);
  await closing;
  const [name = ''] = readdirSync(folder);
  return { path: join(folder, name), given };
}

describe('books of Binance from a capture', () => {
  it('have the same rows in the same order at any speed, and behind a checkpoint at another speed', async () => {
    const { path, given } = await recordBooks(600);
    const paced = () => ({ ...books, clock: turningClock(), replay: { capture: path, speed: 1 } });
    const fast = await replaySession(path, books);
    const slow = await replaySession(path, paced());
    expect(fast).toMatchObject({ error: undefined });
    expect(fast.given.length).toBeGreaterThan(1_600);
    expect(slow.given).toEqual(fast.given);
    expect(fast.given).toEqual(given);

    for (const rowsMax of [1, 40, 400]) {
      const first = await replaySession(path, paced(), { rowsMax });
      const rest = await replaySession(path, books, { resume: first.position });
      expect([...first.given, ...rest.given]).toEqual(fast.given);
    }
  });
});
