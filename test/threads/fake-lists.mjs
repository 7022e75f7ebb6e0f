// Providers with lists, for provider-lists.test.ts.
import { fakeProvider } from '../../dist/src/testing/testing.js';

globalThis.listsAreLoadedIn = 'this thread';

const options = Array.from({ length: 250 }, (_, i) => ({
  symbol: `GOOG-${i}`,
  underlying: 'GOOG',
  right: i % 2 === 0 ? 'call' : 'put',
  strike: 100 + i,
  expiry: i < 200 ? '2024-12-20' : '2025-01-17',
  multiplier: 100,
}));
const instruments = Array.from({ length: 250 }, (_, i) => ({
  symbol: `S${i}`,
  assetClass: 'equity',
  secret: 'x',
}));

const script = { instruments, optionsChain: options, trades: [] };
const wrong = (name, pageOf) => ({
  ...fakeProvider({ ...script, name }),
  load:
    async () =>
    (_, { gate }) => ({
      instruments: ({ cursor }, signal) => gate.call(() => pageOf(cursor), { signal }),
    }),
});

export default [
  fakeProvider({ ...script, name: 'fake-lists' }),
  fakeProvider({ ...script, name: 'fake-refused', connectFaults: [{ fail: 'authentication' }] }),
  wrong('fake-round', async (cursor) => ({ items: [], next: cursor === 'a' ? 'b' : 'a' })),
  wrong('fake-nonsense', async () => ({ items: [{ symbol: 7 }], next: null })),
  wrong('fake-mute', () => new Promise(() => {})),
];
