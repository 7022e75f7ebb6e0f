import { describe, expect, it } from 'vitest';
import { PerTurn } from '../../src/core/per-turn.js';

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('callers that pass a few in a turn', () => {
  it('pass in the order in which they came, no more than that in a turn', async () => {
    const perTurn = new PerTurn(3);
    const passed: number[] = [];
    for (let i = 0; i < 8; i++) void perTurn.pass().then(() => passed.push(i));
    await Promise.resolve();
    expect(passed).toEqual([0, 1, 2]);
    void perTurn.pass().then(() => passed.push(8));
    await nextTurn();
    expect(passed).toEqual([0, 1, 2, 3, 4, 5]);
    await nextTurn();
    expect(passed).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('do not wait in a later turn in which nobody else passes', async () => {
    const perTurn = new PerTurn(1);
    await perTurn.pass();
    await nextTurn();
    let hasPassed = false;
    void perTurn.pass().then(() => {
      hasPassed = true;
    });
    await Promise.resolve();
    expect(hasPassed).toBe(true);
  });
});
