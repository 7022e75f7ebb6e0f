import { describe, expect, it } from 'vitest';
import type { Batch } from '../../src/columns/batch.js';
import { ColumnMemory } from '../../src/columns/column-memory.js';
import type { PlacedControl } from '../../src/columns/control-record.js';
import { DictionarySet } from '../../src/columns/dictionary.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { ringTopics } from '../../src/topics/ring-topics.js';
import type { TopicFence } from '../../src/topics/topic-port.js';
import { code } from '../resilience/rate/coordinator-rig.js';
import { batchOf, streamOf } from '../support/batch-rows.js';
import { rowsFrom, SETTINGS, schemaOf, TopicRig } from './topic-rig.js';

const schema = schemaOf('trade');

function portOf(rig: TopicRig, name: string) {
  const dictionaries = new DictionarySet(new ColumnMemory());
  const port = ringTopics({ connect: () => rig.registry.connect(`job "${name}"`) });
  const produce = () =>
    port.produce({
      topic: 'ticks',
      schema,
      order: { scope: 'symbol', maxDelayNs: 0 },
      title: `job "${name}"`,
      dictionaries,
      clock: rig.clock,
      log: silentLogger,
      blockDeadlineMs: 5_000,
      consumersDeadlineMs: 0,
    });
  const subscribe = (position?: Parameters<typeof port.subscribe>[0]) =>
    port.subscribe(position, {
      topic: 'ticks',
      schema,
      maxDelayNs: 0,
      settings: SETTINGS,
      dictionaries,
      batchRows: 64,
      producerEnds: 'wait',
      producerLost: 'wait',
    });
  const batch = (from: number, controls: PlacedControl[] = []) =>
    batchOf(schema, dictionaries, rowsFrom(from, 2), { controls });
  return { produce, subscribe, batch };
}

/** What waits for a reader. */
function waiting(reader: { read(): Batch | null | Promise<Batch | null> }) {
  const batches: Batch[] = [];
  for (let batch = reader.read(); batch && !(batch instanceof Promise); batch = reader.read())
    batches.push(batch);
  return streamOf(batches);
}

describe('the topics of a runtime, as a port', () => {
  it('give each producer of a topic a higher fence than the one before', async () => {
    const rig = new TopicRig();
    const first = await portOf(rig, 'first').produce();
    const reader = portOf(rig, 'reader').subscribe();
    first.close();
    await rig.settle();
    const second = await portOf(rig, 'second').produce();
    expect(second.fence.epoch).toBeGreaterThan(first.fence.epoch);
    expect(second.fence.owner).toBe('job "second"');
    second.close();
    reader.close();
  });

  it.each<[string, (fence: TopicFence) => TopicFence]>([
    ['a lower epoch', ({ epoch, owner }) => ({ epoch: epoch - 1, owner })],
    ['a higher epoch that nobody gave', ({ epoch, owner }) => ({ epoch: epoch + 1, owner })],
    ['another owner of the same epoch', ({ epoch }) => ({ epoch, owner: 'job "other"' })],
  ])('refuse rows with %s, and free them', async (_, other) => {
    const rig = new TopicRig();
    const { produce, batch } = portOf(rig, 'maker');
    const publisher = await produce();
    const reader = portOf(rig, 'reader').subscribe();
    await rig.settle();
    const stale = batch(0);
    expect(() => publisher.publish(stale, other(publisher.fence))).toThrow(code('FENCED'));
    expect(stale.isReleased).toBe(true);
    await publisher.publish(batch(10), publisher.fence);
    await rig.settle();
    expect(waiting(reader).map((row) => 'time' in row && row.time)).toEqual([10n, 11n]);
    publisher.close();
    reader.close();
  });

  it('refuse the rows of a producer that was let go of: its thread could not be ended with its job', async () => {
    const rig = new TopicRig();
    const { produce, batch } = portOf(rig, 'maker');
    const publisher = await produce();
    rig.registry.close();
    await rig.settle();
    expect(() => publisher.publish(batch(0), publisher.fence)).toThrow(code('FENCED'));
    publisher.close();
  });

  it('publish nothing of a producer that was let go of while it waited for a consumer', async () => {
    const rig = new TopicRig();
    const maker = portOf(rig, 'maker');
    const publisher = await maker.produce();
    const reader = portOf(rig, 'reader').subscribe();
    await rig.settle();
    let waits: Promise<void> | void;
    let last: Batch;
    for (let from = 0; ; from += 2) {
      last = maker.batch(from);
      waits = publisher.publish(last, publisher.fence);
      if (
        waits &&
        (await Promise.race([waits.then(() => 'given'), rig.settle().then(() => 'waits')])) === 'waits'
      )
        break;
    }
    const { rowsProduced } = publisher.statistics();
    const refused = expect(waits).rejects.toThrow(code('FENCED'));
    rig.registry.close();
    await rig.settle();
    waiting(reader);
    await rig.settle();
    await refused;
    expect(last.isReleased).toBe(true);
    expect(publisher.statistics()).toMatchObject({ rowsProduced });
    publisher.close();
    reader.close();
  });

  it.each(['completed', 'suspended'] as const)(
    'tell no consumer of the end (%s) of a producer that was let go of',
    async (how) => {
      const rig = new TopicRig();
      const maker = portOf(rig, 'maker');
      const publisher = await maker.produce();
      const reader = portOf(rig, 'reader').subscribe();
      await rig.settle();
      const end = [{ row: 0, record: { type: 'end', how: 'completed' } as const }];
      if (how === 'completed') await publisher.publish(maker.batch(0, end), publisher.fence);
      rig.registry.close();
      await rig.settle();
      const told = how === 'completed' ? publisher.flush() : publisher.suspend();
      await expect(told).rejects.toThrow(code('FENCED'));
      publisher.close();
      reader.close();
    },
  );

  it('go on from a position that is plain data, and tell what is missing behind it', async () => {
    const rig = new TopicRig();
    const maker = portOf(rig, 'maker');
    const publisher = await maker.produce();
    const before = portOf(rig, 'reader').subscribe();
    await rig.settle();
    await publisher.publish(maker.batch(0), publisher.fence);
    await rig.settle();
    waiting(before);
    const position = structuredClone(before.position());
    before.close();
    await rig.settle();
    await publisher.publish(maker.batch(10), publisher.fence);
    const after = portOf(rig, 'reader').subscribe(position);
    await rig.settle();
    await publisher.publish(maker.batch(20), publisher.fence);
    await rig.settle();
    const gaps = waiting(after).filter(({ type }) => type === 'gap');
    expect(gaps).toContainEqual(expect.objectContaining({ from: 1n, to: 20n }));
    expect(structuredClone(after.position())).toEqual(after.position());
    publisher.close();
    after.close();
  });

  it.each<[string, unknown]>([
    ['null', null],
    ['a text', 'latest'],
    ['nothing that it knows', {}],
    ['a number', { latest: 5 }],
    ['no number', { latest: 'soon' }],
  ])('refuse a position that is none of theirs: %s', async (_, position) => {
    const rig = new TopicRig();
    const { subscribe } = portOf(rig, 'reader');
    expect(() => subscribe(position as never)).toThrow(code('CHECKPOINT_INVALID'));
  });
});
