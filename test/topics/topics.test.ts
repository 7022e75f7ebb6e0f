import { describe, expect, it } from 'vitest';
import { ColumnMemory } from '../../src/columns/column-memory.js';
import type { ControlRecord } from '../../src/columns/control-record.js';
import { DictionarySet } from '../../src/columns/dictionary.js';
import type { Row } from '../../src/columns/row-view.js';
import type { Schema } from '../../src/columns/schema.js';
import { topicLinks } from '../../src/topics/topic-links.js';
import { batchOf } from '../support/batch-rows.js';
import { rowsFrom, schemaOf, TopicRig } from './topic-rig.js';

type Told = Row | ControlRecord;

const isRecord = (each: Told): each is ControlRecord => 'type' in each;
const rowsOf = (stream: readonly Told[]): Row[] => stream.filter((each): each is Row => !isRecord(each));
const recordsOf = (stream: readonly Told[]) => stream.filter(isRecord);
const times = (stream: readonly Told[]) => rowsOf(stream).map(({ time }) => Number((time as bigint) ?? 0n));
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

describe('a topic', () => {
  it('gives all rows to each of its consumers, with their records, and its end', async () => {
    const rig = new TopicRig();
    const [a, b] = [rig.consumer('a'), rig.consumer('b')];
    const { write, end } = await rig.producer();
    await rig.settle();
    await write(rowsFrom(0, 3), [{ row: 1, record: { type: 'watermark', at: 5n as never } }]);
    await write(rowsFrom(3, 2, ['C']));
    const expected = [
      rowsFrom(0, 1)[0],
      { type: 'watermark', at: 5n },
      ...rowsFrom(1, 2),
      ...rowsFrom(3, 2, ['C']),
    ];
    const ended = end();
    expect(await a.readAll()).toEqual(expected);
    expect(await b.readAll()).toEqual(expected);
    await ended;
    expect(rig.registry.list()).toEqual([expect.objectContaining({ name: 'ticks' })]);
  });

  it('has more rows than its rings, whatever the turns of its ends', async () => {
    const rig = new TopicRig();
    const a = rig.consumer('a', { rows: 10 });
    const { write, end, dictionaries } = await rig.producer();
    await rig.settle();
    const all = a.readAll();
    for (let batch = 0; batch < 300; batch++) await write(rowsFrom(30 * batch, 30));
    await end();
    expect(times(await all)).toEqual(range(0, 9_000));
    a.inlet.close();
    expect([a.dictionaries.memory.current, dictionaries.memory.current]).toEqual([0, 0]);
  });

  it('tells who joins late which rows are missing', async () => {
    const rig = new TopicRig();
    const { write, end } = await rig.producer();
    await write(rowsFrom(100, 40));
    await write(rowsFrom(90, 5));
    const late = rig.consumer('late');
    await rig.settle();
    await write(rowsFrom(200, 2));
    const [told, all] = await Promise.all([late.readAll(), end()]);
    expect(all).toBeUndefined();
    expect(recordsOf(told)).toEqual([
      {
        type: 'gap',
        from: 90n,
        to: 140n,
        reason: 'joined late: the first 45 rows of the topic are not here',
      },
    ]);
    expect(isRecord(told[0]!)).toBe(true);
    expect(times(told)).toEqual([200, 201]);
  });

  it('goes on for all others while one consumer takes nothing, and conflates for that one', async () => {
    const rig = new TopicRig('quote');
    const slow = rig.consumer('slow', { overflow: 'conflate' });
    const quick = rig.consumer('quick');
    const { write, end, producer } = await rig.producer();
    await rig.settle();
    const all = quick.readAll();
    for (let batch = 0; batch < 200; batch++) await write(rowsFrom(50 * batch, 50));
    expect(producer.health()).toMatchObject({
      status: 'degraded',
      reason: expect.stringContaining('job "slow"'),
    });
    expect(producer.statistics().rowsWaitingForConsumers).toBeLessThanOrEqual(150);
    const last = slow.readAll();
    await end();
    expect(times(await all)).toEqual(range(0, 10_000));
    const found = times(await last);
    expect(found).toEqual([...found].sort((x, y) => x - y));
    expect(found.slice(-2)).toEqual([9_998, 9_999]); // the last quote of each symbol
    expect(found.length + slow.inlet.rowsLeftOut).toBe(10_000);
    expect(slow.inlet.rowsLeftOut).toBeGreaterThan(5_000);
  });

  it.each(['trade', 'book'] as const)('tells of the exact range of each %s that it drops', async (kind) => {
    const rig = new TopicRig(kind);
    const slow = rig.consumer('slow', { overflow: 'drop-oldest' });
    const { write, end } = await rig.producer();
    await rig.settle();
    for (let batch = 0; batch < 200; batch++) await write(rowsFrom(50 * batch, 50));
    const told = slow.readAll();
    await end();
    const stream = await told;
    const found = times(stream);
    const missing = range(0, 10_000).filter((time) => !found.includes(time));
    const gaps = recordsOf(stream).filter((record) => record.type === 'gap');
    const inGaps = gaps.flatMap(({ from, to }) => range(Number(from), Number(to)));
    expect(inGaps).toEqual(missing);
    expect(missing.length).toBe(slow.inlet.rowsLeftOut);
    // A gap stands where its rows would: all before it are earlier, all behind it later.
    const [gap] = gaps;
    const at = stream.indexOf(gap!);
    expect(Math.max(...times(stream.slice(0, at)))).toBeLessThan(Number(gap!.from));
    expect(Math.min(...times(stream.slice(at)))).toBe(Number(gap!.to));
    const resets = recordsOf(stream).filter(({ type }) => type === 'reset');
    expect(resets).toHaveLength(kind === 'book' ? gaps.length : 0);
  });

  it('takes rows too slowly from the first one that is left out until all that waited are read', async () => {
    const rig = new TopicRig();
    const slow = rig.consumer('slow', { overflow: 'drop-oldest' });
    const { write } = await rig.producer();
    await rig.settle();
    for (let batch = 0; batch < 10; batch++) await write(rowsFrom(50 * batch, 50));
    expect(slow.inlet.isTooSlow).toBe(false);
    for (let batch = 10; batch < 100; batch++) await write(rowsFrom(50 * batch, 50));
    expect(slow.inlet.isTooSlow).toBe(true);
    const reading = slow.readAll();
    await rig.settle();
    expect(slow.inlet.isTooSlow).toBe(false);
    expect(slow.inlet.rowsLeftOut).toBeGreaterThan(0);
    await write(rowsFrom(5_000, 10));
    await rig.settle();
    expect(slow.inlet.isTooSlow).toBe(false);
    slow.inlet.stop();
    await reading;
  });

  it('waits for a consumer that asks for it, and goes on with its rows', async () => {
    const rig = new TopicRig();
    const slow = rig.consumer('slow');
    const { write, end } = await rig.producer();
    await rig.settle();
    let written = 0;
    const writing = (async () => {
      for (let batch = 0; batch < 100; batch++) {
        await write(rowsFrom(50 * batch, 50));
        written++;
      }
    })();
    await rig.settle();
    expect(written).toBeLessThan(100);
    const told = slow.readAll();
    await writing;
    await end();
    expect(times(await told)).toEqual(range(0, 5_000));
  });

  it('fails with both names if such a consumer takes nothing until the deadline', async () => {
    const rig = new TopicRig();
    rig.consumer('stuck');
    const { write, dictionaries, close } = await rig.producer('maker');
    await rig.settle();
    const writing = (async () => {
      for (let batch = 0; batch < 100; batch++) await write(rowsFrom(50 * batch, 50));
    })();
    await rig.settle();
    const failed = expect(writing).rejects.toMatchObject({
      code: 'TOPIC_BLOCKED',
      retryable: true,
      message: expect.stringMatching(/"ticks".*job "maker".*job "stuck".*5000 ms/),
    });
    await rig.clock.advance(5_000);
    await failed;
    close();
    expect(dictionaries.memory.current).toBe(0);
  });

  it('fails a consumer that asks for it, and nobody else', async () => {
    const rig = new TopicRig();
    const brittle = rig.consumer('brittle', { overflow: 'fail' });
    const other = rig.consumer('other');
    const { write, end } = await rig.producer();
    await rig.settle();
    const all = other.readAll();
    for (let batch = 0; batch < 100; batch++) await write(rowsFrom(50 * batch, 50));
    await end();
    await expect(brittle.readAll()).rejects.toMatchObject({
      code: 'QUEUE_FULL',
      message: expect.stringMatching(/"ticks".*job "maker".*"overflow"/),
    });
    expect(brittle.inlet.rows).toBeGreaterThan(100); // what was in the ring was read before
    expect(times(await all)).toEqual(range(0, 5_000));
  });

  it('goes on if a consumer leaves, also one that it waits for', async () => {
    const rig = new TopicRig();
    const leaving = rig.consumer('leaving');
    const { write, end, producer } = await rig.producer();
    await rig.settle();
    const writing = (async () => {
      for (let batch = 0; batch < 100; batch++) await write(rowsFrom(50 * batch, 50));
    })();
    await rig.settle();
    leaving.inlet.close();
    await writing;
    await end();
    expect(producer.statistics()).toMatchObject({ consumers: 0, rowsProduced: 5_000 });
    await rig.settle();
    expect(rig.registry.list()).toEqual([]);
  });

  it('tells that its producer was lost, behind the last row that it wrote', async () => {
    const rig = new TopicRig();
    const a = rig.consumer('a');
    const { write, close } = await rig.producer();
    await rig.settle();
    await write(rowsFrom(0, 5));
    close();
    const reading = a.readAll();
    await expect(reading).rejects.toMatchObject({
      code: 'TOPIC_LOST',
      retryable: true,
      message: expect.stringMatching(/"ticks".*job "maker".* lost/),
    });
    expect(a.inlet.rows).toBe(5);
  });

  it('tells in the stream of a loss, a gap and a reset if the consumer waits for the next producer', async () => {
    const rig = new TopicRig();
    const a = rig.consumer('a', {}, { producerLost: 'wait' });
    const first = await rig.producer('first');
    await rig.settle();
    await first.write(rowsFrom(10, 3, ['X']));
    await rig.settle();
    const seen = await a.readWaiting();
    first.close();
    const told = a.readAll();
    await rig.settle();
    expect(a.inlet.producer).toBeUndefined();
    const second = await rig.producer('second');
    await rig.settle();
    expect(a.inlet.producer).toBe('job "second"');
    await second.write(rowsFrom(20, 2, ['Y', 'X']));
    await second.end();
    expect([...seen, ...(await told)]).toEqual([
      ...rowsFrom(10, 3, ['X']),
      { type: 'stale', since: 12n },
      { type: 'gap', from: 12n, to: 20n, reason: 'its producer, job "first", was lost' },
      { type: 'reset', at: 20n, reason: 'the topic has another producer: job "second"' },
      ...rowsFrom(20, 2, ['Y', 'X']),
    ]);
    expect(a.inlet.producers).toBe(2);
  });

  it('goes on with the next producer after an end, if the consumer waits for it', async () => {
    const rig = new TopicRig();
    const a = rig.consumer('a', {}, { producerEnds: 'wait' });
    const first = await rig.producer('first');
    await rig.settle();
    await first.write(rowsFrom(0, 2));
    await first.end('drained');
    const told = a.readAll();
    await rig.settle();
    const second = await rig.producer('second');
    await second.write(rowsFrom(7, 1));
    await second.end('failed');
    await expect(told).rejects.toMatchObject({
      code: 'TOPIC_LOST',
      message: expect.stringContaining('has failed'),
    });
    expect(a.inlet.rows).toBe(3);
  });

  it('has one producer at a time', async () => {
    const rig = new TopicRig();
    const first = await rig.producer('first');
    await expect(rig.producer('second')).rejects.toMatchObject({
      code: 'TOPIC_TAKEN',
      message: expect.stringMatching(/job "first".*job "second"/),
    });
    first.close();
    await rig.settle();
    await expect(rig.producer('second')).resolves.toBeDefined();
  });

  it('refuses a consumer that reads other columns, and says what differs', async () => {
    const rig = new TopicRig();
    const other = rig.consumer(
      'other',
      {},
      { schema: { kind: 'trade', columns: [{ name: 'time', type: 'int64' }] } },
    );
    const late = rig.consumer('late', {}, { maxDelayNs: 7 });
    await rig.producer('maker', { order: { scope: 'symbol', maxDelayNs: 8 } });
    await expect(other.readAll()).rejects.toMatchObject({
      code: 'TOPIC_MISMATCH',
      message: expect.stringMatching(/job "other".*job "maker".*"time" of type int64.*found.*timestamp/),
    });
    await expect(late.readAll()).rejects.toMatchObject({
      code: 'TOPIC_MISMATCH',
      message: expect.stringContaining('maxDelay: 8ns'),
    });
  });

  it('waits with its first row for the jobs that are about to join, up to a deadline', async () => {
    const rig = new TopicRig();
    rig.registry.add('job-1', 'reader', { produces: [], consumes: ['ticks'] });
    const { write } = await rig.producer();
    let isWritten = false;
    const writing = (async () => {
      await write(rowsFrom(0, 1));
      isWritten = true;
    })();
    await rig.settle();
    expect(isWritten).toBe(false);
    await rig.clock.advance(1_000);
    await writing;

    rig.registry.add('job-2', 'another', { produces: [], consumes: ['other'] });
    const other = await rig.producer('other', { topic: 'other' });
    const waiting = other.write(rowsFrom(0, 1));
    rig.registry.remove('job-2'); // it has ended without joining
    await waiting;
  });

  it('gives its only rows to who joins while they wait, though its end comes with them', async () => {
    const rig = new TopicRig();
    rig.registry.add('job-1', 'reader', { produces: [], consumes: ['ticks'] });
    const { write, producer } = await rig.producer();
    const writing = write(rowsFrom(0, 3), [{ row: 3, record: { type: 'end', how: 'completed' } }]);
    await rig.settle();
    const reader = rig.consumer('reader');
    await rig.settle();
    rig.registry.remove('job-1');
    await writing;
    await producer.flush();
    producer.close();
    expect(times(await reader.readAll())).toEqual([0, 1, 2]);
  });

  it('tells who waits for it that the job has ended which was to produce it', async () => {
    const rig = new TopicRig();
    rig.registry.add('job-1', 'maker', {
      produces: [{ topic: 'ticks', schema: { kind: 'custom', columns: [] } }],
      consumes: [],
    });
    const a = rig.consumer('a');
    const told = a.readAll();
    await rig.settle();
    rig.registry.remove('job-1');
    await expect(told).rejects.toMatchObject({
      code: 'TOPIC_LOST',
      message: expect.stringContaining('job "maker"'),
    });
  });

  it.each(['before it began', 'after its producer had left the topic'])(
    'tells a job that was submitted and joins later that the producing job has ended, %s',
    async (when) => {
      const rig = new TopicRig();
      const { registry } = rig;
      registry.add('job-1', 'reader', { produces: [], consumes: ['ticks'] });
      const produces = [{ topic: 'ticks', schema: schemaOf('trade') }];
      registry.add('job-2', 'maker', { produces, consumes: [] });
      const links = topicLinks(registry.linkOf('job-1'));
      if (when !== 'before it began') {
        const maker = topicLinks(registry.linkOf('job-2'));
        const { close } = await rig.producer('maker', { links: maker });
        close();
        await rig.settle();
      }
      registry.remove('job-2');
      const told = rig.consumer('reader', {}, { links }).readAll();
      await expect(told).rejects.toMatchObject({
        code: 'TOPIC_LOST',
        message: expect.stringContaining('job "maker"'),
      });
    },
  );

  it.each(['while the job backs off', 'before the job fails, which had not joined'])(
    'tells a job that is started again that the producing job has ended, %s',
    async (when) => {
      const rig = new TopicRig();
      const { registry } = rig;
      registry.add('job-1', 'reader', { produces: [], consumes: ['ticks'] });
      const produces = [{ topic: 'ticks', schema: schemaOf('trade') }];
      registry.add('job-2', 'maker', { produces, consumes: [] });
      if (when === 'while the job backs off') {
        const maker = await rig.producer('maker', { links: topicLinks(registry.linkOf('job-2')) });
        const first = rig.consumer('reader', {}, { links: topicLinks(registry.linkOf('job-1')) });
        await rig.settle();
        await maker.write(rowsFrom(0, 2));
        first.inlet.close();
        registry.expectAgain('job-1');
        maker.close();
        await rig.settle();
        registry.remove('job-2');
      } else {
        registry.remove('job-2');
        registry.expectAgain('job-1');
      }
      const told = rig.consumer('reader', {}, { links: topicLinks(registry.linkOf('job-1')) }).readAll();
      await expect(told).rejects.toMatchObject({
        code: 'TOPIC_LOST',
        message: expect.stringContaining('job "maker"'),
      });
    },
  );

  it('forgets the end of a producer once another one has joined', async () => {
    const rig = new TopicRig();
    const { registry } = rig;
    registry.add('job-1', 'reader', { produces: [], consumes: ['ticks'] });
    const produces = [{ topic: 'ticks', schema: schemaOf('trade') }];
    registry.add('job-2', 'maker', { produces, consumes: [] });
    registry.remove('job-2');
    registry.add('job-3', 'next', { produces, consumes: [] });
    const next = await rig.producer('next', { links: topicLinks(registry.linkOf('job-3')) });
    next.close();
    registry.expectAgain('job-3');
    registry.expectAgain('job-1');
    const reader = rig.consumer('reader', {}, { links: topicLinks(registry.linkOf('job-1')) });
    await rig.settle();
    const again = await rig.producer('next', { links: topicLinks(registry.linkOf('job-3')) });
    await again.write(rowsFrom(0, 2));
    await again.end();
    expect(times(await reader.readAll())).toEqual([0, 1]);
  });

  it('tells a consumer that joined after the producer had left, once the job of that one ends', async () => {
    const rig = new TopicRig();
    const { registry } = rig;
    const produces = [{ topic: 'ticks', schema: schemaOf('trade') }];
    registry.add('job-1', 'maker', { produces, consumes: [] });
    const { close } = await rig.producer('maker', { links: topicLinks(registry.linkOf('job-1')) });
    close();
    await rig.settle();
    const told = rig.consumer('late').readAll();
    await rig.settle();
    registry.remove('job-1');
    await expect(told).rejects.toMatchObject({ code: 'TOPIC_LOST' });
  });

  it('lets a job that joins later wait if another producer was submitted meanwhile', async () => {
    const rig = new TopicRig();
    const { registry } = rig;
    registry.add('job-1', 'reader', { produces: [], consumes: ['ticks'] });
    const produces = [{ topic: 'ticks', schema: schemaOf('trade') }];
    registry.add('job-2', 'maker', { produces, consumes: [] });
    registry.remove('job-2');
    registry.add('job-3', 'next', { produces, consumes: [] });
    const reader = rig.consumer('reader', {}, { links: topicLinks(registry.linkOf('job-1')) });
    await rig.settle();
    const { write, end } = await rig.producer('next', { links: topicLinks(registry.linkOf('job-3')) });
    await write(rowsFrom(0, 2));
    await end();
    expect(times(await reader.readAll())).toEqual([0, 1]);
  });

  it('has room in its rings for rows of any width', async () => {
    const rig = new TopicRig();
    const names = range(0, 3_000).map((i) => `column${i}`);
    const schema: Schema = { kind: 'custom', columns: names.map((name) => ({ name, type: 'float64' })) };
    const wide = rig.consumer('wide', {}, { schema });
    const { producer, dictionaries } = await rig.producer('maker', { schema });
    await rig.settle();
    const rows = [1, 2, 3].map((value) => Object.fromEntries(names.map((name) => [name, value])));
    const told = wide.readAll();
    await producer.publish(batchOf(schema, dictionaries, rows), producer.fence);
    const last = batchOf(schema, dictionaries, [], {
      controls: [{ row: 0, record: { type: 'end', how: 'completed' } }],
    });
    await producer.publish(last, producer.fence);
    await producer.flush();
    expect(await told).toEqual(rows);
  });

  it('tells the time of all symbols if the rows of its producer do', async () => {
    const rig = new TopicRig();
    const a = rig.consumer('a', {}, { maxDelayNs: 3 });
    const { write, end } = await rig.producer('maker', { order: { scope: 'all', maxDelayNs: 3 } });
    await rig.settle();
    await write(rowsFrom(10, 2));
    await rig.settle();
    const told = await a.readWaiting();
    await write(rowsFrom(9, 1)); // late, within what it promises
    await end();
    expect([...told, ...(await a.readAll())]).toEqual([
      ...rowsFrom(10, 2),
      { type: 'watermark', at: 8n },
      ...rowsFrom(9, 1),
    ]);
  });

  it('tells of what came while its consumer did not run, before the first row after a restart', async () => {
    const rig = new TopicRig();
    const a = rig.consumer('a');
    a.inlet.goOnFrom({ latest: '7' });
    const { write, end } = await rig.producer();
    await rig.settle();
    await write(rowsFrom(20, 2));
    await end();
    const told = await a.readAll();
    const reason = 'restart: rows that came meanwhile are lost';
    expect(told).toEqual([{ type: 'gap', from: 7n, to: 20n, reason }, ...rowsFrom(20, 2)]);
    expect(a.inlet.latest).toBe(21n);
  });

  it('waits at its end for a consumer that goes on taking rows, however long it takes', async () => {
    const rig = new TopicRig();
    const slow = rig.consumer('slow', { rows: 5_000 });
    const { write, end } = await rig.producer();
    await rig.settle();
    for (let batch = 0; batch < 80; batch++) await write(rowsFrom(50 * batch, 50));
    const ending = end();
    const found: number[] = [];
    while (found.length < 4_000) {
      const batch = await slow.inlet.read();
      const times = batch!.int32('time');
      for (let row = 0; row < batch!.length; row++) found.push(times[2 * row]!);
      batch!.release();
      await rig.clock.advance(600); // 5 s would have been up long ago
      await rig.settle();
    }
    await ending;
    expect(found).toEqual(range(0, 4_000));
    expect(await slow.inlet.read()).toBeNull();
  });

  it.each(['while rows come', 'at the end'])(
    'waits for a consumer that takes some rows by each deadline, %s',
    async (when) => {
      const rig = new TopicRig();
      const slow = rig.consumer('slow', when === 'at the end' ? { rows: 5_000 } : {});
      const { write, end } = await rig.producer();
      await rig.settle();
      const writing = (async () => {
        for (let batch = 0; batch < 40; batch++) await write(rowsFrom(50 * batch, 50));
        await end();
      })();
      const settled = writing.then(() => 'ended', String);
      await rig.settle();
      const found: number[] = [];
      while (found.length < 2_000) {
        const batch = await slow.inlet.read();
        const times = batch!.int32('time');
        for (let row = 0; row < batch!.length; row++) found.push(times[2 * row]!);
        batch!.release();
        await rig.clock.advance(4_000); // the writer is woken after some 400 rows, far behind the deadline
        await rig.settle();
      }
      expect(await settled).toBe('ended');
      expect(found).toEqual(range(0, 2_000));
    },
  );

  it('cuts off a consumer that does not take the last rows, and says so to it', async () => {
    const rig = new TopicRig();
    const gone = rig.consumer('gone', { overflow: 'drop-oldest' });
    const { write, end } = await rig.producer();
    await rig.settle();
    for (let batch = 0; batch < 80; batch++) await write(rowsFrom(50 * batch, 50));
    const ending = end();
    await rig.settle();
    await rig.clock.advance(5_000);
    await ending;
    await expect(gone.readAll()).rejects.toMatchObject({
      code: 'QUEUE_FULL',
      message: expect.stringContaining('"blockDeadline"'),
    });
  });

  it('ends a stream that is stopped behind the rows of all producers that wait for it', async () => {
    const rig = new TopicRig();
    const a = rig.consumer('a', {}, { producerEnds: 'wait' });
    const first = await rig.producer('first');
    await rig.settle();
    await first.write(rowsFrom(0, 100));
    await first.end();
    await rig.settle();
    const second = await rig.producer('second');
    await rig.settle();
    await second.write(rowsFrom(100, 100));
    await rig.settle();
    a.inlet.stop();
    expect(times(await a.readAll())).toEqual(range(0, 200));
    expect(await a.inlet.read()).toBeNull();
  });

  it('keeps a topic when a consumer leaves that an earlier producer of it had refused', async () => {
    const rig = new TopicRig();
    const refused = rig.consumer('refused');
    const first = await rig.producer('first', { order: { scope: 'symbol', maxDelayNs: 8 } });
    await rig.settle();
    first.close(); // the topic is forgotten, though the refused consumer has not left
    await rig.settle();
    expect(rig.registry.list()).toEqual([]);
    await rig.producer('second');
    await rig.settle();
    refused.inlet.close();
    await rig.settle();
    expect(rig.registry.list()).toMatchObject([{ name: 'ticks', producer: 'job "second"' }]);
    await expect(rig.producer('third')).rejects.toMatchObject({ code: 'TOPIC_TAKEN' });
  });

  it('cuts off a consumer for whose rows the producer has no memory, and says so to it', async () => {
    const rig = new TopicRig();
    const slow = rig.consumer('slow', { overflow: 'drop-newest', rows: 100_000 });
    const memory = new ColumnMemory(1e6);
    const dictionaries = new DictionarySet(memory);
    const { producer } = await rig.producer('maker', { dictionaries });
    await rig.settle();
    const batchAt = (i: number) => batchOf(schemaOf('trade'), dictionaries, rowsFrom(50 * i, 50));
    const batches = Array.from({ length: 100 }, (_, i) => batchAt(i));
    memory.take(memory.limitBytes - memory.current, 'others');
    for (const batch of batches) await producer.publish(batch, producer.fence);
    await expect(slow.readAll()).rejects.toMatchObject({
      code: 'QUEUE_FULL',
      message: expect.stringContaining('"maxMemoryMb"'),
    });
  });

  it('ends a stream that is stopped behind what was written for it until then', async () => {
    const rig = new TopicRig();
    const a = rig.consumer('a');
    const { write } = await rig.producer();
    await rig.settle();
    await write(rowsFrom(0, 100));
    a.inlet.stop();
    await write(rowsFrom(100, 100));
    expect(times(await a.readAll())).toEqual(range(0, 100));
  });
});
