import { execFile } from 'node:child_process';
import { getEventListeners } from 'node:events';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { readInt64 } from '../../src/columns/int64.js';
import { startRuntime, until } from './threads-support.js';

const toTopic = { use: 'topic', topic: 'quotes' } as const;
const ticks = (rows?: number) =>
  ({
    name: 'ticks',
    source: { use: 'synthetic', symbols: 5, interval: '100ms', ...(rows !== undefined && { rows }) },
    sink: toTopic,
  }) as const;

describe('a subscription', () => {
  it('gives the batches of a topic to the main thread, to the end of its producer', async () => {
    const runtime = await startRuntime();
    const subscription = runtime.subscribe('quotes', { overflow: 'block' });
    const job = await runtime.submit(ticks(200_000));
    let rows = 0;
    let last: bigint | undefined;
    for await (const batch of subscription) {
      const times = batch.int32('time');
      const first = readInt64(times, 0);
      if (last !== undefined) expect(first - last).toBe(100_000_000n);
      last = readInt64(times, batch.length - 1);
      rows += batch.length;
    }
    expect(rows).toBe(200_000);
    expect(subscription.schema?.kind).toBe('quote');
    expect(await job.outcome).toMatchObject({ outcome: 'completed' });
    await until(() => runtime.topics().length === 0);
  });

  it('gives rows as objects of their own, and is over when its loop is left', async () => {
    const runtime = await startRuntime();
    const job = await runtime.submit(ticks());
    const subscription = runtime.subscribe('quotes', { batchRows: 16 });
    const rows = [];
    for await (const row of subscription.rows()) {
      rows.push(row);
      if (rows.length === 40) break;
    }
    expect(new Set(rows.map(({ time }) => time)).size).toBe(40);
    expect(rows[0]).toMatchObject({ symbol: expect.stringMatching(/^SYM00\d$/), bid: expect.any(Number) });
    await until(() => runtime.topics()[0]?.consumers.length === 0);
    const { rowsOut } = job.inspect().counters;
    await until(() => job.inspect().counters.rowsOut > rowsOut + 1_000_000);
    expect((await subscription[Symbol.asyncIterator]().next()).done).toBe(true);
  });

  it('lets quotes take the place of earlier ones while its loop is busy, and timers have their turn', async () => {
    const runtime = await startRuntime();
    const subscription = runtime.subscribe('quotes');
    const job = await runtime.submit(ticks());
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    let rows = 0;
    for await (const batch of subscription) {
      rows += batch.length;
      if (subscription.rowsLeftOut > 0 && rows > 0 && turns > 20) break;
      // As long as it is not slow enough: whoever takes all rows at once leaves none out.
      const { rowsOut } = job.inspect().counters;
      if (subscription.rowsLeftOut === 0)
        await until(() => job.inspect().counters.rowsOut > rowsOut + 1_000_000);
    }
    clearInterval(timer);
    expect(subscription.rowsLeftOut).toBeGreaterThan(0);
  });

  it('throws the reason of its signal, and leaves no listener', async () => {
    const runtime = await startRuntime();
    const controller = new AbortController();
    const { signal } = controller;
    const subscription = runtime.subscribe('quotes', { signal });
    const reading = subscription[Symbol.asyncIterator]().next();
    await until(() => runtime.topics()[0]?.consumers[0] === 'a subscription to "quotes"');
    controller.abort(new Error('enough'));
    await expect(reading).rejects.toThrow('enough');
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    await until(() => runtime.topics().length === 0);
    const late = runtime.subscribe('quotes', { signal });
    await expect(late[Symbol.asyncIterator]().next()).rejects.toThrow('enough');
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('throws once its producer was lost, and waits for the next one if asked to', async () => {
    const runtime = await startRuntime();
    const failing = runtime.subscribe('quotes');
    const waiting = runtime.subscribe('quotes', { producerLost: 'wait' });
    const read = async (subscription: typeof failing) => {
      const records: string[] = [];
      for await (const { controls } of subscription)
        records.push(...controls.map(({ record }) => record.type));
      return records;
    };
    const [first, second] = [read(failing), read(waiting)];
    const failed = expect(first).rejects.toMatchObject({ code: 'TOPIC_LOST' });
    const job = await runtime.submit(ticks());
    await until(() => job.inspect().counters.rowsOut > 0);
    await job.stop();
    await failed;
    await (await runtime.submit({ ...ticks(10), name: 'again' })).outcome;
    expect((await second).filter((type) => type !== 'watermark')).toEqual(['stale', 'reset']);
  });

  it('ends with its runtime, and can be closed unread', async () => {
    const runtime = await startRuntime();
    const unread = runtime.subscribe('quotes');
    unread.close();
    const read = runtime.subscribe('quotes')[Symbol.asyncIterator]().next();
    await runtime.close();
    expect((await read).done).toBe(true);
    expect(() => runtime.subscribe('quotes')).toThrow(expect.objectContaining({ code: 'RUNTIME_CLOSED' }));
  });

  it('refuses options that make no sense, all of them at once', async () => {
    const runtime = await startRuntime();
    const options = { overflow: 'loose', ringBytes: 1_000, signal: {} } as never;
    expect(() => runtime.subscribe('no topic', options)).toThrow(
      expect.objectContaining({
        code: 'OPTIONS_INVALID',
        problems: ['topic', 'overflow', 'ringBytes', 'signal'].map((option) =>
          expect.stringMatching(`^subscribe\\.${option}: expected `),
        ),
      }),
    );
  });

  it('keeps no process alive', async () => {
    const script = `
      import { createRuntime } from ${JSON.stringify(new URL('../../dist/src/index.js', import.meta.url).href)};
      const runtime = await createRuntime();
      const subscription = runtime.subscribe('quotes');
      void subscription[Symbol.asyncIterator]().next();
      console.log('subscribed');`;
    const args = ['--input-type=module', '--eval', script];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 });
    expect(stdout).toBe('subscribed\n');
  });
});
