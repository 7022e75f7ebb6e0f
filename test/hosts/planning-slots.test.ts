import { describe, expect, it } from 'vitest';
import { turnOfTheLoop } from '../../src/core/clock.js';
import { PipelineError } from '../../src/core/errors.js';
import { PlanningSlots } from '../../src/hosts/planning-slots.js';

const closed = new PipelineError('RUNTIME_CLOSED', 'closed');

describe('room for threads that load code of users', () => {
  it('is given to no more than there is of it, whoever asks, and to who came first', async () => {
    const slots = new PlanningSlots(2);
    const [one, another] = [{}, {}];
    const first = await slots.take(one);
    await slots.take(another);
    const given: string[] = [];
    void slots.take(another).then(() => given.push('another'));
    void slots.take(one).then(() => given.push('one'));
    await turnOfTheLoop();
    expect(given).toEqual([]);
    first.free();
    first.free(); // twice frees no second one
    await turnOfTheLoop();
    expect(given).toEqual(['another']);
  });

  it('is not waited for any more by who is closed, and still by others', async () => {
    const slots = new PlanningSlots(1);
    const [one, another] = [{}, {}];
    const held = await slots.take(one);
    const waiting = slots.take(one);
    const other = slots.take(another);
    slots.giveUp(one, closed);
    await expect(waiting).rejects.toBe(closed);
    held.free();
    await other;
  });

  it('is left to a thread that does not end until it is gone; where none is left, an error names them', async () => {
    const slots = new PlanningSlots(2);
    const stuck = [await slots.take({}), await slots.take({})];
    const waiting = slots.take({});
    stuck[0]!.markStuck('module "a"');
    stuck[1]!.markStuck('module "b"');
    const named = 'those of module "a", module "b" were told to end, but did not';
    await expect(waiting).rejects.toThrow(named);
    await expect(slots.take({})).rejects.toThrow(named);
    stuck[0]!.free();
    await slots.take({});
  });

  it('is waited for by a thousand at most, and who comes then may try again', async () => {
    const slots = new PlanningSlots(1);
    await slots.take({});
    const owner = {};
    const waiting = Array.from({ length: 1_000 }, () => slots.take(owner).catch(() => {}));
    await expect(slots.take({})).rejects.toMatchObject({ retryable: true });
    slots.giveUp(owner, closed);
    await Promise.all(waiting);
  });
});
