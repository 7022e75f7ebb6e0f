import { deserialize, serialize } from 'node:v8';
import { describe, expect, it } from 'vitest';
import { countValues } from '../../src/wire/count-values.js';

const sparse = (length: number) => {
  const list: unknown[] = [];
  list.length = length;
  return deserialize(serialize(list)) as unknown;
};

describe('the number of values in data', () => {
  it.each([
    [7, 1],
    [null, 1],
    [{ a: 1, b: [2, 3] }, 7],
    [new Map([['a', 1]]), 3],
    [new Set([1, 2]), 3],
    [new Uint8Array(5), 6],
  ])('has keys and elements in it (%#)', (data, values) => {
    expect(countValues(data, 100)).toBe(values);
  });

  it.each([
    ['a list of holes', { outputs: sparse(2 ** 32 - 1) }],
    ['many values', Array.from({ length: 101 }, () => 0)],
    ['many keys', Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`k${i}`, 0]))],
  ])('is above what is asked for: %s', (_, data) => {
    expect(countValues(data, 100)).toBeGreaterThan(100);
  });

  it('is above it for data that is round, deep, or the same in many places', () => {
    const round: { self?: unknown } = {};
    round.self = round;
    let deep: unknown = 0;
    for (let i = 0; i < 1_000; i++) deep = [deep];
    let bomb: unknown = 0;
    for (let i = 0; i < 100; i++) bomb = [bomb, bomb];
    for (const data of [round, deep, bomb]) expect(countValues(data, 10_000)).toBeGreaterThan(10_000);
  });
});
