import { describe, expect, it } from 'vitest';
import type { Batch } from '../../../../src/columns/batch.js';
import { DictionarySet } from '../../../../src/columns/dictionary.js';
import { saveBatch } from '../../../../src/columns/saved-batch.js';
import { turnOfTheLoop } from '../../../../src/core/clock.js';
import type { PlainData } from '../../../../src/core/plain-data.js';
import { nanos } from '../../../../src/core/units.js';
import type { InputOnDemand } from '../../../../src/engine/input.js';
import { RouterOptions } from '../../../../src/stages/sources/router/options.js';
import { RouterSource } from '../../../../src/stages/sources/router/router-source.js';
import { batchOf } from '../../../support/batch-rows.js';
import { stageContext } from '../../../support/stage-context.js';
import { NUMBERED, row } from './router-rig.js';

const dictionaries = new DictionarySet();
const batch = (...rows: number[]) =>
  batchOf(
    NUMBERED,
    dictionaries,
    rows.map((n) => row(n, n)),
  );

/** A router without a pipeline, over sources that give what is in their queues. */
function bare(options: object, count = 3) {
  const opened: [string, boolean][] = [];
  const queues: Record<string, Batch[]> = {};
  const inputOf = (id: string): InputOnDemand => ({
    title: id,
    schema: NUMBERED,
    order: { scope: 'all', maxDelayNs: 0 },
    capabilities: { delivery: 'live-only', bounded: false },
    rowsRejected: 0,
    rowsLeftOut: 0,
    bytesIn: 0,
    heldNs: 0n,
    heldFrom: undefined,
    rowsEverHeld: 0,
    goesOn: false,
    read: () => queues[id]!.shift() ?? new Promise<never>(() => {}),
    async open({ anew = false } = {}) {
      opened.push([id, anew]);
    },
    async close() {},
  });
  const ids = Array.from({ length: count }, (_, i) => `sources[${i}]`);
  for (const id of ids) queues[id] = [];
  const router = new RouterSource(
    RouterOptions.parse({ sources: ids.map(() => ({ use: 'a' })), ...options }),
    NUMBERED,
    stageContext({ dictionaries, inputs: Object.fromEntries(ids.map((id) => [id, inputOf(id)])) }),
  );
  return { router, queues, opened };
}

/** The position of a router that has delivered row 1 of the first source. */
async function positionAfterFirst(options: object) {
  const { router, queues } = bare(options);
  queues['sources[0]']!.push(batch(1));
  expect((await router.read())?.length).toBe(1);
  return JSON.parse(JSON.stringify(router.position())) as { stream: Record<string, PlainData> };
}

/** One that had gone to the second source, and read rows of it that were not delivered yet. */
async function positionWithHeld(options: object) {
  const position = await positionAfterFirst(options);
  return {
    current: 'sources[1]',
    held: [saveBatch(batch(2))],
    stream: { ...position.stream, left: 'error' },
  };
}

describe('a router that goes round and is resumed', () => {
  const options = { strategy: 'round-robin' };

  it('tells the switch to a source whose rows were read but not delivered', async () => {
    const { router, queues, opened } = bare(options);
    router.resume(await positionWithHeld(options));
    const held = await router.read();
    expect(held?.controls.map(({ record }) => record)).toMatchObject([
      { type: 'switched', from: 'sources[0]', to: 'sources[1]', reason: 'error' },
    ]);
    queues['sources[2]']!.push(batch(3));
    const next = await router.read();
    expect(next?.controls.map(({ record }) => record)).toMatchObject([
      { type: 'switched', from: 'sources[1]', to: 'sources[2]', reason: 'restart' },
    ]);
    expect(opened).toEqual([['sources[2]', true]]);
  });

  it('has them in a checkpoint that is taken before its first read', async () => {
    const position = await positionWithHeld(options);
    const { router } = bare(options);
    router.resume(position);
    const again = router.position();
    expect(again).toMatchObject({ current: 'sources[1]', held: position.held });
    const third = bare(options).router;
    third.resume(again);
    expect((await third.read())?.length).toBe(1);
  });
});

describe('a router that is resumed', () => {
  it('tells what a new source had told before its first row', async () => {
    const options = { strategy: 'round-robin' };
    const position = await positionWithHeld(options);
    const { router, queues } = bare({ backOff: '1h', backOffMax: '1h' });
    const reset = { type: 'reset', at: nanos(5n), reason: 'subscribed' } as const;
    router.resume({ ...position, held: [] });
    queues['sources[1]']!.push(
      batchOf(NUMBERED, dictionaries, [], { controls: [{ row: 0, record: reset }] }),
    );
    await Promise.race([router.read(), turnOfTheLoop()]);
    const again = JSON.parse(JSON.stringify(router.position()));
    const next = bare({});
    next.router.resume(again);
    next.queues['sources[1]']!.push(batch(3));
    const first = await next.router.read();
    expect(first?.controls.map(({ record }) => record)).toMatchObject([{ type: 'switched' }, reset]);
  });

  it('goes on with the source that it read, and begins the others anew', async () => {
    const options = { standby: 'hot' };
    const { router, queues, opened } = bare(options);
    router.resume((await positionAfterFirst(options)) as unknown as PlainData);
    queues['sources[0]']!.push(batch(2));
    await router.read();
    expect(opened).toEqual([
      ['sources[0]', false],
      ['sources[1]', true],
    ]);
  });
});
