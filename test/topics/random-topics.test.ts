import { describe, expect, it } from 'vitest';
import type { ControlRecord } from '../../src/columns/control-record.js';
import type { Row } from '../../src/columns/row-view.js';
import { turnOfTheLoop } from '../../src/core/clock.js';
import { Random } from '../../src/core/random.js';
import { streamOf } from '../support/batch-rows.js';
import { tried } from '../support/deep.js';
import { rowsFrom, TopicRig } from './topic-rig.js';

const SEEDS = Array.from({ length: tried(12, 100, 300) }, (_, i) => i + 1);
const POLICIES = ['block', 'drop-oldest', 'drop-newest', 'conflate'] as const;

const isGap = (each: Row | ControlRecord): each is Extract<ControlRecord, { type: 'gap' }> =>
  each.type === 'gap';
const isRow = (each: Row | ControlRecord): each is Row => !('type' in each);

describe('topics with random producers and consumers', () => {
  it.each(SEEDS)('account for every row that they do not deliver (seed %i)', async (seed) => {
    const random = new Random(seed);
    const rig = new TopicRig('quote');
    const streams = new Map<string, (Row | ControlRecord)[]>();
    const reading: Promise<void>[] = [];
    const accounts: { readonly current: number }[] = [];
    const leaving: (() => void)[] = [];
    let next = 0;
    let producer = await rig.producer('maker-0');
    accounts.push(producer.dictionaries.memory);

    const join = (name: string) => {
      const overflow = POLICIES[random.below(POLICIES.length)]!;
      const consumer = rig.consumer(
        name,
        { overflow, rows: 20 + random.below(200) },
        { producerLost: 'wait', producerEnds: 'wait', batchRows: 1 + random.below(100) },
      );
      const found: (Row | ControlRecord)[] = [];
      streams.set(`${overflow} ${name}`, found);
      accounts.push(consumer.dictionaries.memory);
      leaving.push(() => consumer.inlet.stop());
      const pace = new Random(seed * 1_000 + streams.size);
      const idle = pace.below(4);
      reading.push(
        (async () => {
          for (let batch = await consumer.inlet.read(); batch; batch = await consumer.inlet.read()) {
            found.push(...streamOf([batch]));
            for (let turn = pace.below(1 + idle * 4); turn > 0; turn--) await turnOfTheLoop();
          }
          consumer.inlet.close();
        })(),
      );
    };

    join('reader-0');
    for (let step = 0; step < 150; step++) {
      const what = random.below(100);
      if (what < 80) {
        const count = 1 + random.below(120);
        await producer.write(rowsFrom(next, count, ['A', 'B', 'C']));
        next += count;
      } else if (what < 86 && streams.size < 8) {
        join(`reader-${streams.size}`);
      } else if (what < 90 && leaving.length > 1) {
        leaving.splice(random.below(leaving.length), 1)[0]!();
      } else if (what < 94) {
        if (random.below(2) === 0) await producer.end();
        else producer.close(); // killed: what waits for slow consumers is lost
        await rig.settle();
        producer = await rig.producer(`maker-${step}`);
        accounts.push(producer.dictionaries.memory);
      } else {
        await rig.settle();
      }
    }
    await producer.end();
    await rig.settle();
    for (const leave of leaving) leave();
    await Promise.all(reading);

    for (const [name, stream] of streams) {
      const times = stream.filter(isRow).map(({ time, price }) => {
        expect(Number(time)).toBe(price); // whole rows
        return Number(time);
      });
      expect(times, name).toEqual([...new Set(times)].sort((a, b) => a - b)); // in order, none doubled
      if (name.startsWith('conflate')) continue;
      const told = new Set(times);
      for (const { from, to } of stream.filter(isGap)) {
        for (let time = Number(from); time < Number(to); time++) told.add(time);
      }
      const untold = [];
      for (let time = times[0] ?? 0; time < (times.at(-1) ?? 0); time++)
        if (!told.has(time)) untold.push(time);
      expect(untold, name).toEqual([]);
    }
    producer.close();
    expect(accounts.map(({ current }) => current)).toEqual(accounts.map(() => 0));
    await rig.settle();
    expect(rig.registry.list()).toEqual([]);
  });
});
