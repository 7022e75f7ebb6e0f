// A small service with a history of trades, as venues are: it wants a key, asks for a pause now and
// then, and is away for a moment.
// @ts-check
import { once } from 'node:events';
import { createServer } from 'node:http';

export const API_KEY = 'example-key-0001';
const TRADES = 5_000;

/** Starts the service on a free port of this machine. */
export async function startServer() {
  /** Answers so far, by status. @type {Record<number, number>} */
  const answers = {};
  let asked = 0;
  const server = createServer((request, response) => {
    /** @param {number} status @param {object} body @param {Record<string, string>} [headers] */
    const answer = (status, body, headers = {}) => {
      answers[status] = (answers[status] ?? 0) + 1;
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(JSON.stringify(body));
    };
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname === '/status') return answer(200, { status: 'open' }); // for everybody
    if (request.headers.authorization !== `Bearer ${API_KEY}`) return answer(401, { error: 'unknown key' });
    if (pathname !== '/trades') return answer(404, { error: 'no such path' });
    asked++;
    if (asked === 3) return answer(429, { error: 'too many calls' }, { 'retry-after': '1' });
    if (asked >= 6 && asked <= 8) return answer(503, { error: 'back in a moment' });
    const after = Number(searchParams.get('after'));
    const limit = Number(searchParams.get('limit'));
    const last = Math.min(TRADES, after + limit);
    const trades = Array.from({ length: last - after }, (_, i) => tradeOf(after + i + 1));
    return answer(200, { trades, isLast: last === TRADES });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return { url: `http://127.0.0.1:${port}`, answers, trades: TRADES, close: () => server.close() };
}

/** @param {number} id */
const tradeOf = (id) => ({
  id,
  ms: 1_709_544_600_000 + id * 250,
  price: 100 + Math.round(Math.sin(id / 50) * 500) / 100,
  size: 1 + (id % 7),
});
