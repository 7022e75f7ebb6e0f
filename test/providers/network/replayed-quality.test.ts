import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { VirtualClock } from '../../../src/testing/virtual-clock.js';
import type { ProviderCapabilities } from '../../../src/wire/provider-capabilities.js';
import type { FakeNetwork } from '../../support/fake-network.js';
import { scratchFolder } from '../../support/recorded-data.js';
import { recordSession, replaySession } from './capture-rig.js';
import { sampleVenue } from './sample-venue.js';

const scratch = scratchFolder();
afterAll(() => scratch.remove());
let folders = 0;
const newFolder = () => join(scratch.folder, `quality-${folders++}`);

const sequence = { space: 'sample', scope: 'symbol', step: 'one' } as const;
/** The sample venue, with numbers that show what is missing, and a history that has it. */
const capabilities: ProviderCapabilities = {
  ...sampleVenue.capabilities,
  streams: { trades: { delivery: 'resumable', columns: ['size'], sequence } },
  history: { trades: { columns: ['size'], sequence } },
};

const trade = (network: FakeNetwork, clock: VirtualClock, n: number, s = 'A') =>
  network.last.json({ s, n, ms: Number(clock.wall() / 1_000_000n), p: 100 + n });

/** Trades a second apart, of which the third does not come; the history has it. */
async function playHole(network: FakeNetwork, clock: VirtualClock): Promise<void> {
  network.onRequest = (url) => ({ body: url.includes('/trades') && url.includes('page=0') ? '[3]' : '[]' });
  for (const n of [1, 2, 4, 5]) {
    trade(network, clock, n);
    await clock.advance(1_000);
  }
}

const numbersOf = (given: readonly unknown[]) =>
  given.map((one) => {
    const { sequence: number, type } = one as { sequence?: bigint; type?: string };
    return number === undefined ? type : Number(number);
  });

describe('a replay of a stream', () => {
  const backfilled = { capabilities, silence: false } as const;

  it('has the missing rows of the recorded run from the capture, and their records', async () => {
    const { given, path, network } = await recordSession(newFolder(), backfilled, playHole);
    expect(numbersOf(given)).toEqual([1, 2, 3, 'backfilled', 4, 5]);
    const asked = network.requests.length;
    const replayed = await replaySession(path, backfilled);
    expect(replayed.error).toBeUndefined();
    expect(replayed.given).toEqual(given);
    expect((await replaySession(path, backfilled)).given).toEqual(given);
    expect(network.requests).toHaveLength(asked);
  });

  it('fetches nothing that the capture has not: it fails behind the rows that it has, and says what was asked for', async () => {
    const { given, path, network } = await recordSession(
      newFolder(),
      { ...backfilled, backfill: false },
      playHole,
    );
    expect(numbersOf(given)).toEqual([1, 2, 'gap', 4, 5]);
    const asked = network.requests.length;
    const replayed = await replaySession(path, backfilled);
    expect(replayed.error).toMatchObject({
      kind: 'not-found',
      message: expect.stringContaining('expected "GET https://sample.test/trades A" in the capture'),
    });
    expect(numbersOf(replayed.given).slice(0, 2)).toEqual([1, 2]);
    expect(network.requests).toHaveLength(asked);
  });

  it('tells of the missing rows where it is told not to fetch them, though the capture has them', async () => {
    const { path } = await recordSession(newFolder(), backfilled, playHole);
    const { given, error } = await replaySession(path, { ...backfilled, backfill: false });
    expect(error).toBeUndefined();
    expect(numbersOf(given)).toEqual([1, 2, 'gap', 4, 5]);
  });

  it('finds the silence of a symbol on the clock of the capture, at the same place', async () => {
    const watched = { capabilities, silence: { after: '5s', sessions: '24/7' } } as const;
    const { given, path } = await recordSession(newFolder(), watched, async (network, clock) => {
      trade(network, clock, 1, 'A');
      for (let n = 1; n <= 30; n++) {
        trade(network, clock, n, 'B');
        await clock.advance(1_000);
      }
      trade(network, clock, 2, 'A');
      await clock.advance(1_000);
    });
    const stale = given.filter((one) => (one as { type?: string }).type === 'stale');
    expect(stale).toMatchObject([{ symbol: 'A' }]);
    const replayed = await replaySession(path, watched);
    expect(replayed.error).toBeUndefined();
    expect(replayed.given).toEqual(given);
  });

  it('breaks off where all symbols were silent, as the recorded run did', async () => {
    const watched = { capabilities, silence: { after: '5s', sessions: '24/7' } } as const;
    const { given, error, path } = await recordSession(newFolder(), watched, async (network, clock) => {
      for (const s of ['A', 'B']) trade(network, clock, 1, s);
      await clock.advance(60_000);
    });
    expect(error).toMatchObject({ kind: 'disconnected' });
    const replayed = await replaySession(path, watched);
    expect(replayed.given).toEqual(given);
    expect(replayed.error).toMatchObject({ kind: 'disconnected', message: (error as Error).message });
  });
});
