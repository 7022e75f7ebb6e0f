import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, get, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocketServer } from 'ws';
import { systemClock } from '../../../src/core/clock.js';
import { ProviderError } from '../../../src/core/provider-error.js';
import { HostNetwork } from '../../../src/providers/network/host-network.js';

/** Of "localhost" and 127.0.0.1, for a hundred years, signed by itself. */
const pem = (name: string) =>
  readFileSync(new URL(`../../support/tls/self-signed.${name}.pem`, import.meta.url));
const CERT = pem('cert');

let server: Server;
let requests = 0;
let network: HostNetwork;
const signal = new AbortController().signal;

beforeEach(async () => {
  requests = 0;
  server = createServer({ cert: CERT, key: pem('key') }, (_, response) => {
    requests++;
    response.end('{}');
  });
  new WebSocketServer({ server }).on('connection', () => requests++);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  network = new HostNetwork('test', systemClock);
});

afterEach(() => {
  vi.unstubAllEnvs();
  network.close();
  server.closeAllConnections();
  server.close();
});

const url = (scheme: string) =>
  `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}/data?key=secret`;

async function refusal(asked: Promise<unknown>): Promise<ProviderError> {
  const error = await asked.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ProviderError);
  expect((error as ProviderError).message).not.toContain('secret');
  return error as ProviderError;
}

describe('a server whose certificate nobody vouches for', () => {
  it('answers whoever knows its certificate', async () => {
    const request = get(url('https'), { ca: CERT });
    const [answer] = await once(request, 'response');
    answer.resume();
    expect(answer.statusCode).toBe(200);
  });

  it('is refused by requests and by sockets, with the reason', async () => {
    for (const ask of [
      () => network.request(url('https'), { signal }),
      () => network.openSocket(url('wss'), { signal }),
    ]) {
      const error = await refusal(ask());
      expect(error.kind).toBe('protocol');
      expect(error.message).toMatch(
        /^Provider "test" at (https|wss):\/\/127\.0\.0\.1:\d+\/data has a certificate that nobody vouches for: .*self-signed certificate; /,
      );
    }
    expect(requests).toBe(0);
  });

  it('is refused as well where the environment turns checks off, and nothing is sent to it', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    const ofSocket = await refusal(network.openSocket(url('wss'), { signal }));
    expect(ofSocket).toMatchObject({ kind: 'protocol', message: expect.stringContaining('certificate') });
    const ofRequest = await refusal(network.request(url('https'), { signal }));
    expect(ofRequest).toMatchObject({
      kind: 'unsupported',
      message: expect.stringContaining('NODE_TLS_REJECT_UNAUTHORIZED=0'),
    });
    expect(requests).toBe(0);
  });
});
