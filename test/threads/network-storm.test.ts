import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { uncheckedSpec } from '../../dist/src/index.js';
import { discard, startRuntime, until } from './threads-support.js';

const PERMITS_PER_SECOND = 100;
const BURST = 10;
const STORM = { provider: 'storm' };
/** 50 subscriptions in three threads. */
const SYMBOLS = [17, 17, 16].map((count, job) => Array.from({ length: count }, (_, n) => `${job}-${n}`));

/** A venue that counts what it is asked, and when. */
async function startVenue() {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const subscribed = new Set<string>();
  const askedAt: number[] = [];
  server.on('connection', (socket: WebSocket) => {
    askedAt.push(performance.now());
    const own: string[] = [];
    socket.on('message', (data) => {
      askedAt.push(performance.now());
      const { subscribe } = JSON.parse(String(data));
      own.push(subscribe);
      subscribed.add(subscribe);
      socket.send(JSON.stringify({ s: subscribe, ms: Date.now(), n: 1 }));
    });
    socket.on('close', () => {
      for (const symbol of own) subscribed.delete(symbol);
    });
  });
  onTestFinished(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  const { port } = server.address() as { port: number };
  return { server, subscribed, askedAt, url: `ws://127.0.0.1:${port}/` };
}

it('a reconnect storm of 50 subscriptions stays within the budget of the provider, from three threads', async () => {
  const venue = await startVenue();
  const runtime = await startRuntime({
    maxThreads: 3,
    components: ['./test/threads/storm-venue.mjs'],
    budgets: { providers: { storm: { permits: PERMITS_PER_SECOND, burst: BURST } } },
  });
  const startedAt = performance.now();
  const jobs = await Promise.all(
    SYMBOLS.map((symbols, n) =>
      runtime.submit(
        uncheckedSpec({
          name: `storm-${n}`,
          source: { use: 'storm-venue', stream: 'trades', symbols, url: venue.url, budget: STORM },
          sink: discard,
        }),
      ),
    ),
  );
  for (let storm = 0; storm < 3; storm++) {
    await until(() => venue.subscribed.size === 50);
    for (const client of venue.server.clients) client.terminate();
    await until(() => venue.subscribed.size === 0);
  }
  await until(() => venue.subscribed.size === 50);
  // What has arrived by an instant was granted before it.
  expect(venue.askedAt.length).toBeGreaterThanOrEqual(4 * 53);
  for (const [n, at] of venue.askedAt.entries()) {
    expect(n + 1).toBeLessThanOrEqual(BURST + (PERMITS_PER_SECOND * (at - startedAt)) / 1_000);
  }
  await until(() => jobs.every((job) => job.inspect().counters.rowsIn >= 16));
  const reports = await Promise.all(jobs.map((job) => job.drain()));
  expect(reports.map(({ outcome }) => outcome)).toEqual(['completed', 'completed', 'completed']);
});

it('what a job was given is captured, and another job replays it without the venue', async () => {
  const venue = await startVenue();
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const runtime = await startRuntime({ components: ['./test/threads/storm-venue.mjs'] });
  const source = { use: 'storm-venue', stream: 'trades', symbols: ['A', 'B', 'C'], url: venue.url } as const;
  const live = await runtime.submit(
    uncheckedSpec({ name: 'live', source: { ...source, capture: folder }, sink: discard }),
  );
  await until(() => live.inspect().counters.rowsIn === 3);
  for (const client of venue.server.clients) client.terminate();
  await until(() => live.inspect().counters.rowsIn === 6);
  expect(await live.drain()).toMatchObject({ outcome: 'completed' });
  venue.server.close();
  const [name = ''] = readdirSync(folder);
  const replay = { capture: join(folder, name) };
  const report = await (
    await runtime.submit(uncheckedSpec({ name: 'again', source: { ...source, replay }, sink: discard }))
  ).outcome;
  expect(report).toMatchObject({ outcome: 'completed', counters: { rowsIn: 6 } });
});
