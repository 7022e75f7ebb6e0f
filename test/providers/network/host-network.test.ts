import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { systemClock } from '../../../src/core/clock.js';
import { Random } from '../../../src/core/random.js';
import type { Frame, Socket, SocketEnd } from '../../../src/providers/contract/network.js';
import { HostNetwork } from '../../../src/providers/network/host-network.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';

const QUERY = '?listenKey=do-not-show-this';

let http: Server;
let sockets: WebSocketServer;
let port: number;
let onSocket: (socket: WebSocket, request: IncomingMessage) => void;
let onRequest: (request: IncomingMessage, response: ServerResponse) => void;
let network: HostNetwork;

beforeEach(async () => {
  onSocket = () => {};
  onRequest = (_, response) => response.end();
  http = createServer((request, response) => onRequest(request, response));
  sockets = new WebSocketServer({ server: http });
  sockets.on('connection', (socket, request) => onSocket(socket, request));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  port = (http.address() as AddressInfo).port;
  network = new HostNetwork('test', systemClock);
});

afterEach(async () => {
  network.close();
  for (const client of sockets.clients) client.terminate();
  http.closeAllConnections();
  http.close();
});

const wsUrl = () => `ws://127.0.0.1:${port}/stream${QUERY}`;
const httpUrl = (path = '/data') => `http://127.0.0.1:${port}${path}${QUERY}`;

/** Listens, and gives what came. */
function heard(socket: Socket) {
  const frames: Frame[] = [];
  const ends: SocketEnd[] = [];
  let signs = 0;
  const waiting: [() => boolean, () => void][] = [];
  const look = () => {
    for (const [holds, resolve] of waiting) if (holds()) resolve();
  };
  socket.listen({
    frame(frame) {
      frames.push(frame);
      look();
    },
    alive() {
      signs++;
      look();
    },
    closed(end) {
      ends.push(end);
      look();
    },
  });
  return {
    frames,
    ends,
    get signs() {
      return signs;
    },
    until: (holds: () => boolean) =>
      new Promise<void>((resolve) => {
        waiting.push([holds, resolve]);
        look();
      }),
  };
}

describe('a socket of the host', () => {
  it('delivers texts and bytes in order, with the instant of receipt', async () => {
    onSocket = (socket) => {
      socket.send('{"a":"ä"}');
      socket.send(Buffer.from([0, 255]));
      socket.send('');
    };
    const { frames, until } = heard(await network.openSocket(wsUrl()));
    await until(() => frames.length === 3);
    expect(frames.map(({ isText }) => isText)).toEqual([true, false, true]);
    expect(frames[0]?.text()).toBe('{"a":"ä"}');
    expect([...(frames[1]?.bytes ?? [])]).toEqual([0, 255]);
    const stamps = frames.map(({ receivedMs, receivedSubMsNs }) => receivedMs * 1e6 + receivedSubMsNs);
    expect(stamps).toEqual([...stamps].sort((a, b) => a - b));
    expect(Math.abs((frames[0]?.receivedMs ?? 0) - Date.now())).toBeLessThan(60_000);
  });

  it('sends headers, protocols and messages', async () => {
    const got: unknown[] = [];
    let done = () => {};
    const all = new Promise<void>((resolve) => {
      done = resolve;
    });
    sockets.options.handleProtocols = (offered) => [...offered][0] ?? false;
    onSocket = (socket, { headers }) => {
      got.push(headers['x-key'], socket.protocol);
      socket.on('message', (data, isBinary) => {
        got.push(isBinary ? [...(data as Buffer)] : String(data));
        if (got.length === 4) done();
      });
    };
    const socket = await network.openSocket(wsUrl(), { headers: { 'x-key': 'k' }, protocols: ['v2'] });
    heard(socket);
    expect(socket.send('text')).toBe(true);
    expect(socket.send(new Uint8Array([1, 2]))).toBe(true);
    await all;
    expect(got).toEqual(['k', 'v2', 'text', [1, 2]]);
  });

  it('keeps what comes before anybody listens', async () => {
    onSocket = (socket) => {
      for (let n = 0; n < 100; n++) socket.send(`${n}`);
      socket.close(1_000, 'over');
    };
    const socket = await network.openSocket(wsUrl());
    await new Promise((resolve) => setTimeout(resolve, 20));
    const { frames, ends, until } = heard(socket);
    await until(() => ends.length === 1);
    expect(frames.map((frame) => Number(frame.text()))).toEqual(Array.from({ length: 100 }, (_, n) => n));
  });

  it.each([
    [401, 'authentication', undefined],
    [403, 'entitlement', undefined],
    [429, 'throttled', 7_000],
    [418, 'throttled', 7_000],
    [503, 'unavailable', 7_000],
    [301, 'protocol', undefined],
    [200, 'protocol', undefined],
  ])('says that it was refused with status %i: %s', async (status, kind, retryAfterMs) => {
    sockets.close();
    http.on('upgrade', (_, socket) => {
      const retry = retryAfterMs === undefined ? '' : 'Retry-After: 7\r\n';
      socket.end(`HTTP/1.1 ${status} No\r\n${retry}Location: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n`);
    });
    const error = await network.openSocket(wsUrl()).catch((thrown) => thrown);
    expect(error).toMatchObject({ kind, status, retryAfterMs });
    expect(error.message).toContain(`ws://127.0.0.1:${port}/stream`);
    expect(error.message).not.toContain('do-not-show');
  });

  it('has neither query nor user of its URL in errors', async () => {
    const errors = await Promise.all(
      [
        `ws://127.0.0.1:1/x${QUERY}`,
        'ws://user:do-not-show@127.0.0.1:1/',
        'nonsense do-not-show',
        'http://127.0.0.1/?do-not-show',
        'ws://127.0.0.1:1/#do-not-show',
      ].map((url) => network.openSocket(url).catch((thrown) => thrown)),
    );
    expect(errors.map(({ kind }) => kind)).toEqual([
      'unavailable',
      'invalid-request',
      'invalid-request',
      'invalid-request',
      'unavailable',
    ]);
    for (const error of errors) {
      expect(`${error.message} ${error.stack} ${error.cause?.message} ${error.cause?.stack}`).not.toContain(
        'do-not-show',
      );
    }
  });

  it('gives up an opening that takes too long, or is told to', async () => {
    sockets.close();
    http.on('upgrade', () => {}); // never answered
    const clock = new VirtualClock();
    const slow = new HostNetwork('test', clock);
    const late = slow.openSocket(wsUrl(), { openMsMax: 3_000 });
    const failed = expect(late).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('did not open within 3000 ms'),
    });
    await clock.advance(3_000);
    await failed;
    const stopping = new AbortController();
    const stopped = slow.openSocket(wsUrl(), { signal: stopping.signal });
    const reason = new Error('enough');
    stopping.abort(reason);
    await expect(stopped).rejects.toBe(reason);
    await expect(slow.openSocket(wsUrl(), { signal: stopping.signal })).rejects.toBe(reason);
    expect(clock.timersPending).toBe(0);
  });

  it('closes on a message that is too large', async () => {
    onSocket = (socket) => {
      socket.on('error', () => {});
      socket.send('x'.repeat(1_001));
    };
    const { frames, ends, until } = heard(await network.openSocket(wsUrl(), { frameBytesMax: 1_000 }));
    await until(() => ends.length === 1);
    expect(frames).toEqual([]);
    expect(ends[0]).toMatchObject({ isOwn: false, error: { kind: 'protocol' } });
  });

  it('tells its end once, with code and reason, whoever closed', async () => {
    onSocket = (socket, { url }) => {
      if (url?.startsWith('/stream')) socket.close(4_001, 'wrong key');
    };
    const theirs = heard(await network.openSocket(wsUrl()));
    await theirs.until(() => theirs.ends.length === 1);
    expect(theirs.ends).toEqual([{ code: 4_001, reason: 'wrong key', isOwn: false }]);
    const socket = await network.openSocket(`ws://127.0.0.1:${port}/other`);
    const own = heard(socket);
    socket.close();
    socket.close();
    await own.until(() => own.ends.length === 1);
    expect(own.ends).toEqual([{ code: 1_000, reason: '', isOwn: true }]);
    expect(socket.send('late')).toBe(false);
  });

  it('tells that the connection broke off', async () => {
    onSocket = (socket) => socket.terminate();
    const { ends, until } = heard(await network.openSocket(wsUrl()));
    await until(() => ends.length === 1);
    expect(ends).toEqual([{ code: 1_006, reason: '', isOwn: false }]);
  });

  it('cuts a connection that does not answer the close', async () => {
    const clock = new VirtualClock();
    const own = new HostNetwork('test', clock);
    onSocket = (socket) => socket.pause(); // reads nothing, and so answers nothing
    const socket = await own.openSocket(wsUrl());
    const { ends, until } = heard(socket);
    socket.close();
    await clock.advance(1_999);
    expect(ends).toEqual([]);
    await clock.advance(1);
    await until(() => ends.length === 1);
    expect(ends[0]).toMatchObject({ isOwn: true });
    expect(clock.timersPending).toBe(0);
  });

  it('delivers nothing once it was closed from this side', async () => {
    onSocket = (socket) => {
      for (let n = 0; n < 1_000; n++) socket.send(`${n}`);
    };
    const socket = await network.openSocket(wsUrl());
    const { frames, ends, until } = heard(socket);
    await until(() => frames.length > 0);
    socket.close();
    const before = frames.length;
    await until(() => ends.length === 1);
    expect(frames.length).toBe(before);
  });

  it('makes the supplier wait while it is paused', async () => {
    const bytes = 64 * 1_024;
    let server: WebSocket | undefined;
    onSocket = (socket) => {
      server = socket;
    };
    const socket = await network.openSocket(wsUrl());
    const { frames, until } = heard(socket);
    socket.pause();
    for (let n = 0; n < 500; n++) server?.send(Buffer.alloc(bytes));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(frames.length).toBeLessThan(10);
    expect(server?.bufferedAmount).toBeGreaterThan(bytes); // it waits over there
    socket.resume();
    await until(() => frames.length === 500);
  });

  it('answers pings, and tells of pings and pongs', async () => {
    let pongs = 0;
    onSocket = (socket) => {
      socket.on('pong', () => pongs++);
      socket.ping();
    };
    const socket = await network.openSocket(wsUrl());
    const log = heard(socket);
    await log.until(() => log.signs === 1);
    socket.ping();
    await log.until(() => log.signs === 2);
    expect(pongs).toBe(1);
  });

  it('takes no more to send than its bound', async () => {
    onSocket = (socket) => socket.pause();
    const socket = await network.openSocket(wsUrl());
    heard(socket);
    const message = new Uint8Array(1_024 * 1_024);
    let taken = 0;
    while (socket.send(message)) expect(++taken).toBeLessThan(64);
    expect(taken).toBeGreaterThan(0);
  });

  it('ends with what its listener throws', async () => {
    onSocket = (socket) => socket.send('x');
    const socket = await network.openSocket(wsUrl());
    const error = new Error('bug');
    const end = await new Promise<SocketEnd>((resolve) =>
      socket.listen({
        frame() {
          throw error;
        },
        closed: resolve,
      }),
    );
    expect(end).toMatchObject({ error, isOwn: true });
  });

  it('survives 10,000 fuzzed frames', async () => {
    const random = new Random(11);
    const raw: Buffer[] = Array.from({ length: 10_000 }, () =>
      Buffer.from(Array.from({ length: random.below(40) }, () => random.below(256))),
    );
    let accepted = 0;
    let ended = 0;
    let sent = 0;
    // Some keep to the protocol and hold rubbish; some break it, and the connection with it.
    onSocket = (socket) => {
      socket.on('error', () => {});
      const pump = () => {
        while (sent < raw.length && socket.readyState === socket.OPEN) {
          const frame = raw[sent++] as Buffer;
          if (sent % 500 === 0) {
            (socket as unknown as { _socket: { end(bytes: Buffer): void } })._socket.end(frame);
            return;
          } else if (sent % 777 === 0)
            socket.send(frame, { binary: false }); // mostly no UTF-8
          else socket.send(sent % 3 === 0 ? frame : frame.toString('latin1'));
        }
      };
      pump();
    };
    while (sent < raw.length) {
      const log = heard(await network.openSocket(wsUrl()));
      await log.until(() => log.ends.length === 1 || (sent >= raw.length && log.frames.length > 0));
      accepted += log.frames.length;
      ended += log.ends.length;
      for (const frame of log.frames) expect(typeof frame.text()).toBe('string');
    }
    expect(ended).toBeGreaterThan(10);
    expect(accepted).toBeGreaterThan(1_000);
  });

  it('leaves nothing open when its network is closed', async () => {
    let closed = 0;
    onSocket = (socket) => socket.on('close', () => closed++);
    const logs = [heard(await network.openSocket(wsUrl())), heard(await network.openSocket(wsUrl()))];
    network.close();
    for (const log of logs) await log.until(() => log.ends.length === 1);
    await expect(network.openSocket(wsUrl())).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('a request of the host', () => {
  it('gives status, headers and body, whatever the status', async () => {
    onRequest = ({ method, headers, url }, response) => {
      response.writeHead(418, { 'X-Used-Weight': '12' });
      response.end(JSON.stringify({ method, key: headers['x-key'], url }));
    };
    const answer = await network.request(httpUrl(), {
      method: 'POST',
      headers: { 'x-key': 'k' },
      body: 'payload',
    });
    expect(answer.status).toBe(418);
    expect(answer.headers['x-used-weight']).toBe('12');
    expect(answer.json()).toEqual({ method: 'POST', key: 'k', url: `/data${QUERY}` });
  });

  it('says that an answer is no JSON, without its text', async () => {
    onRequest = (_, response) => response.end('<html>do-not-show');
    const answer = await network.request(httpUrl());
    const error = (() => {
      try {
        return answer.json();
      } catch (thrown) {
        return thrown as Error;
      }
    })() as Error;
    expect(error).toMatchObject({ kind: 'protocol' });
    expect(`${error.message} ${error.cause}`).not.toContain('do-not-show');
  });

  it.each([
    ['as it is', false],
    ['compressed', true],
  ])('refuses a body that is too large, %s', async (_, isCompressed) => {
    onRequest = (_, response) => {
      const body = Buffer.alloc(1_000_000, 'x');
      if (isCompressed) response.writeHead(200, { 'content-encoding': 'gzip' });
      response.end(isCompressed ? gzipSync(body) : body);
    };
    await expect(network.request(httpUrl(), { bytesMax: 10_000 })).rejects.toMatchObject({
      kind: 'protocol',
    });
    expect((await network.request(httpUrl())).body.length).toBe(1_000_000);
  });

  it('follows redirects up to a bound, and takes credentials to no other origin', async () => {
    const seen: (string | string[] | undefined)[][] = [];
    onRequest = ({ url = '', headers }, response) => {
      seen.push([headers.authorization, headers['x-mbx-apikey'], headers.accept, headers['user-agent']]);
      const left = Number(new URL(url, 'http://x').pathname.slice(1));
      if (left === 0) return response.end('there');
      const host = left === 1 ? 'localhost' : '127.0.0.1';
      response.writeHead(302, { location: `http://${host}:${port}/${left - 1}` });
      return response.end();
    };
    http.close();
    http.closeAllConnections();
    http.listen(0); // of both names
    await once(http, 'listening');
    port = (http.address() as AddressInfo).port;
    const headers = {
      authorization: 'Bearer key',
      'X-MBX-APIKEY': 'key',
      accept: 'text/plain',
      'User-Agent': 'me',
    };
    const answer = await network.request(httpUrl('/3'), { headers });
    expect(answer.text()).toBe('there');
    const all = ['Bearer key', 'key', 'text/plain', 'me'];
    // Any header may be a credential: to another origin go those alone that are known to be none.
    expect(seen).toEqual([all, all, all, [undefined, undefined, 'text/plain', 'me']]);
    await expect(network.request(httpUrl('/4'), { headers })).rejects.toMatchObject({ kind: 'protocol' });
    const posted = await network.request(httpUrl('/1'), { method: 'POST', body: 'x' });
    expect(posted.status).toBe(302);
  });

  it('gives up without an answer in time, or when it is told to', async () => {
    onRequest = () => {}; // never answered
    const clock = new VirtualClock();
    const slow = new HostNetwork('test', clock);
    const failed = expect(slow.request(httpUrl(), { answerMsMax: 3_000 })).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('did not answer within 3000 ms'),
    });
    await clock.advance(3_000);
    await failed;
    const stopping = new AbortController();
    const reason = new Error('enough');
    const stopped = slow.request(httpUrl(), { signal: stopping.signal });
    stopping.abort(reason);
    await expect(stopped).rejects.toBe(reason);
    expect(clock.timersPending).toBe(0);
  });

  it('has neither query nor user of its URL in errors', async () => {
    for (const url of [
      `http://127.0.0.1:1/x${QUERY}`,
      'http://user:do-not-show@127.0.0.1:1/',
      'nonsense do-not-show',
      'ftp://127.0.0.1/?do-not-show',
    ]) {
      const error = await network.request(url).catch((thrown) => thrown);
      expect(error.kind).toBeDefined();
      expect(`${error.message} ${error.stack} ${error.cause?.message} ${error.cause?.stack}`).not.toContain(
        'do-not-show',
      );
    }
  });
});
