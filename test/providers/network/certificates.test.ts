import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, get, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
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

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Asks the server in a process of its own, since Node reads the certificates it trusts once, at its start. */
const ASKING = `
  import { loadSources } from './.ci/load-source.mjs';
  const sources = ['src/core/clock.ts', 'src/providers/network/host-network.ts'];
  const [{ systemClock }, { HostNetwork }] = await loadSources(sources);
  const network = new HostNetwork('test', systemClock);
  const { signal } = new AbortController();
  const [https, wss] = process.argv.slice(1);
  const { status } = await network.request(https, { signal });
  const socket = await network.openSocket(wss, { signal });
  console.log(status, typeof socket.send);
  network.close();
  process.exit();
`;

async function askElsewhere(env: NodeJS.ProcessEnv): Promise<string> {
  const args = ['--input-type=module', '--eval', ASKING, url('https'), url('wss')];
  const { stdout } = await run(process.execPath, args, { cwd: ROOT, env: { ...process.env, ...env } });
  return stdout.trim();
}

describe('a server whose certificate the process is told to trust', () => {
  it('is asked by requests and by sockets', async () => {
    const trusted = fileURLToPath(new URL('../../support/tls/self-signed.cert.pem', import.meta.url));
    expect(await askElsewhere({ NODE_EXTRA_CA_CERTS: trusted })).toBe('200 function');
    expect(requests).toBe(2);
  });

  it('is not by a process that is not told', async () => {
    await expect(askElsewhere({ NODE_EXTRA_CA_CERTS: '' })).rejects.toThrow(/nobody vouches for/);
    expect(requests).toBe(0);
  });
});
