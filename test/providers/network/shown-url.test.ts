import { describe, expect, it } from 'vitest';
import { hide } from '../../../src/core/redact.js';
import { shownUrl } from '../../../src/providers/network/shown-url.js';

const shown = (url: string) => shownUrl(new URL(url));

describe('a URL that is shown', () => {
  it('has neither user, query nor fragment', () => {
    expect(shown('wss://user:word@venue.test:9443/stream?key=1#2')).toBe('wss://venue.test:9443/stream');
  });

  it.each([
    'pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1', // a listen key
    'd41d8cd98f00b204e9800998ecf8427e',
    '0b9f7f2c-6f0e-4a3e-9c55-3a4f0b6f3b52',
    'AbCdEfGhIjKlMnOpQrStUvWxYzAbCdEfGhIjKlMnOp',
  ])('has no part of its path that looks like a key (%s)', (key) => {
    expect(shown(`wss://venue.test/ws/${key}`)).toBe('wss://venue.test/ws/[redacted]');
    expect(shown(`https://venue.test/${key}/trades`)).toBe('https://venue.test/[redacted]/trades');
  });

  it('has no text that was registered as a secret', () => {
    const end = hide('short-key');
    expect(shown('https://venue.test/v2/short-key/trades')).toBe('https://venue.test/v2/[redacted]/trades');
    end();
  });

  it.each([
    '/api/v3/historicalTrades',
    '/ws/btcusdt@depth20@100ms/ethusdt@aggTrade',
    '/products/BTC-USDT-SWAP-2024-08-08/candles',
    '/some-endpoint-with-a-very-long-name',
    '/ws/[redacted]',
  ])('has the rest of its path as it is (%s)', (path) => {
    expect(shown(`https://venue.test${path}`)).toBe(`https://venue.test${path}`);
  });
});
