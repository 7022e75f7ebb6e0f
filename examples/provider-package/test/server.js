// A small venue on this machine: a stream of trades, a history of them, and a key that it wants.
// @ts-check
import { once } from 'node:events';
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

export const API_KEY = 'example-key-0001';
/** The history: a trade each second from here on. */
export const FIRST_MS = Date.UTC(2024, 0, 1);
const TRADES = 1_200;
const SYMBOLS = ['BTC-USD', 'ETH-USD'];
const EVERY_MS = 20;

/** Starts it on a free port. */
export async function startVenue() {
  /** @type {Set<NodeJS.Timeout>} */
  const timers = new Set();
  const server = createServer((request, response) => {
    /** @param {number} status @param {object} body */
    const answer = (status, body) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://localhost');
    if (request.headers.authorization !== `Bearer ${API_KEY}`) return answer(401, { error: 'unknown key' });
    if (pathname === '/account') return answer(200, { account: 'example' });
    if (pathname === '/instruments') return answer(200, { symbols: SYMBOLS });
    if (pathname === '/trades') {
      const [from, to, after, limit] = ['from', 'to', 'after', 'limit'].map((key) => Number(query.get(key)));
      const all = historyOf(query.get('symbol') ?? '').filter(({ t }) => t >= (from ?? 0) && t < (to ?? 0));
      const rest = all.filter(({ id }) => id > (after ?? 0));
      return answer(200, { trades: rest.slice(0, limit), isLast: rest.length <= (limit ?? 0) });
    }
    return answer(404, { error: 'no such path' });
  });
  const sockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, socket, head) => {
    const isKnown = request.headers.authorization === `Bearer ${API_KEY}`;
    if (isKnown && request.url === '/stream') return sockets.handleUpgrade(request, socket, head, stream);
    socket.end(`HTTP/1.1 ${isKnown ? '404 Not Found' : '401 Unauthorized'}\r\nContent-Length: 0\r\n\r\n`);
  });
  /** @param {import('ws').WebSocket} socket */
  const stream = (socket) => {
    socket.send('{"heartbeat":true}');
    socket.on('message', (message) => {
      const { subscribe } = JSON.parse(String(message));
      let id = 0;
      const timer = setInterval(() => {
        id++;
        for (const symbol of subscribe) socket.send(JSON.stringify(tradeOf(symbol, id, Date.now())));
      }, EVERY_MS);
      timers.add(timer);
      socket.on('close', () => {
        clearInterval(timer);
        timers.delete(timer);
      });
    });
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return {
    url: `http://127.0.0.1:${port}`,
    trades: TRADES,
    /** Streams that are open. */
    streams: () => timers.size,
    close() {
      server.close();
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
    },
  };
}

/** @param {string} symbol */
const historyOf = (symbol) =>
  SYMBOLS.includes(symbol)
    ? Array.from({ length: TRADES }, (_, i) => tradeOf(symbol, i + 1, FIRST_MS + i * 1_000))
    : [];

/** @param {string} symbol @param {number} id @param {number} ms */
const tradeOf = (symbol, id, ms) => ({
  id,
  s: symbol,
  t: ms,
  p: 100 + (id % 50) / 10,
  q: 1 + (id % 7),
  side: id % 2 === 0 ? 'buy' : 'sell',
});
