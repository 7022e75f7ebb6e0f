// The checks of the provider contract, in the package's own tests: npm test
// @ts-check
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertProvider, evidenceTable } from 'tickloom/testing';
import provider from '../component.js';
import { API_KEY, startVenue } from './server.js';

/** @type {Awaited<ReturnType<typeof startVenue>>} */
let venue;
before(async () => {
  venue = await startVenue();
});
after(() => venue.close());

test('keeps the provider contract', async (t) => {
  const options = { url: venue.url, apiKey: API_KEY };
  const report = await assertProvider(provider, {
    options,
    symbols: ['BTC-USD', 'ETH-USD'],
    history: { from: '2024-01-01T00:00:00Z', to: '2024-01-01T00:20:00Z' },
    wrongOptions: [{ options: { ...options, apiKey: 'not-the-key' }, kind: 'authentication' }],
    rowsMin: 10,
  });
  t.diagnostic(evidenceTable(report));
  assert.equal(report.passed, true);
});
