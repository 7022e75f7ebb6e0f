import { describe, expect, it } from 'vitest';
import { type Exploration, explore, exploredGlances } from './interleavings.js';

const { glance, tally } = exploredGlances;

function cells() {
  const memory = new SharedArrayBuffer(64);
  return { memory, words: new Int32Array(memory) };
}

/** What the last thread may return, in all schedules. */
function outcomes(exploration: Exploration): string[] {
  const seen = new Set<string>();
  explore({ weak: true, ...exploration, check: (results) => void seen.add(String(results.at(-1))) });
  return [...seen].sort();
}

describe('weak memory, as it is explored', () => {
  it('lets a glance give what was overwritten since the last atomic load, and nothing from before', () => {
    const { memory, words } = cells();
    const writer = () => void Atomics.store(words, 0, 1);
    const old = () => glance(words, 0);
    expect(outcomes({ memory, threads: [writer, old] })).toEqual(['0', '1']);
    const told = () => [Atomics.load(words, 0), glance(words, 0)];
    expect(outcomes({ memory, threads: [writer, told] })).toEqual(['0,0', '0,1', '1,1']);
  });

  it('shows in a glance all that comes before what was read atomically', () => {
    const { memory, words } = cells();
    const writer = () => {
      tally(words, 0);
      Atomics.store(words, 8, 1);
    };
    const reader = () => `${Atomics.load(words, 8)}${glance(words, 0)}`;
    expect(outcomes({ memory, threads: [writer, reader] })).toEqual(['00', '01', '11']);
  });

  it('lets glances be answered in any order', () => {
    const { memory, words } = cells();
    const writer = () => {
      Atomics.store(words, 0, 1);
      Atomics.store(words, 8, 1);
    };
    const reader = () => `${glance(words, 8)}${glance(words, 0)}`;
    expect(outcomes({ memory, threads: [writer, reader] })).toEqual(['00', '01', '10', '11']);
  });

  it('lets a glance come before the store of a read-modify-write ahead of it, of other cells', () => {
    const { memory, words } = cells();
    const body = (own: number, other: number) => () => {
      Atomics.add(words, own, 1);
      return `${glance(words, other)}`;
    };
    const seen = new Set<string>();
    const threads = [body(0, 8), body(8, 0)];
    explore({ memory, weak: true, threads, check: (results) => void seen.add(results.join('')) });
    expect([...seen].sort()).toEqual(['00', '01', '10', '11']);
    seen.clear();
    const loads = [0, 8].map((own) => () => {
      Atomics.add(words, own, 1);
      return Atomics.load(words, 8 - own);
    });
    explore({ memory, weak: true, threads: loads, check: (results) => void seen.add(results.join('')) });
    expect([...seen].sort()).toEqual(['01', '10', '11']);
  });

  it('never shows a thread less than what it wrote itself', () => {
    const { memory, words } = cells();
    const counter = () => {
      Atomics.add(words, 0, 1);
      tally(words, 0);
      return `${glance(words, 0)}${Atomics.load(words, 0)}`;
    };
    expect(outcomes({ memory, threads: [counter] })).toEqual(['22']);
  });

  it('lets plain writes of several cells be seen in any order, and of one cell in its own', () => {
    const { memory, words } = cells();
    const writer = () => {
      tally(words, 0);
      tally(words, 0);
      tally(words, 8);
    };
    const reader = () => `${Atomics.load(words, 8)}${Atomics.load(words, 0)}`;
    expect(outcomes({ memory, threads: [writer, reader] })).toEqual(['00', '01', '02', '10', '11', '12']);
  });

  it('ends with all that was written, and shows it before the next atomic write of the thread', () => {
    const { memory, words } = cells();
    const writer = () => {
      tally(words, 0);
      Atomics.add(words, 8, 1);
      tally(words, 0);
    };
    const reader = () => `${Atomics.load(words, 8)}${Atomics.load(words, 0)}`;
    expect(outcomes({ memory, threads: [writer, reader] })).toEqual(['00', '01', '02', '11', '12']);
    explore({ memory, weak: true, threads: [writer], check: () => expect(words[0]).toBe(2) });
  });

  it('is strong unless asked for', () => {
    const { memory, words } = cells();
    const writer = () => {
      tally(words, 0);
      return glance(words, 0);
    };
    const reader = () => `${glance(words, 0)}${glance(words, 0)}`;
    expect(outcomes({ memory, weak: false, threads: [writer, reader], writesPlainly: true })).toEqual([
      '00',
      '01',
      '11',
    ]);
  });
});
