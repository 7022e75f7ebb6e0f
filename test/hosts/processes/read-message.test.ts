import { deserialize, serialize } from 'node:v8';
import { describe, expect, it } from 'vitest';
import { readTalk, readWatch } from '../../../src/hosts/processes/read-message.js';
import { COUNTERS, Counters } from '../../../src/shared-memory/counters.js';
import { mirrorOf } from '../../../src/shared-memory/mirror-of.js';
import { ThreadWatch } from '../../../src/shared-memory/thread-watch.js';

/** A copy of the memory of a process, as far as a message has it. */
const copyOf = (counters: Counters) => mirrorOf(counters, new ThreadWatch());
const mirror = copyOf(new Counters());
const sparse = (length: number) => {
  const list: unknown[] = [];
  list.length = length;
  return deserialize(serialize(list)) as unknown;
};
const outcome = (outputs: unknown, leftovers: unknown = []) => ({
  for: 'actor',
  type: 'outcome',
  outcome: {
    report: {
      outcome: 'completed',
      reason: 'end of input',
      counters: {},
      rowsPending: 0,
      durationMs: 1,
      outputs,
      stages: [],
    },
    leftovers,
  },
  mirror,
});

describe('a message of a process', () => {
  it.each([2n ** 53n, 2n ** 53n + 1n, 2n ** 60n])('may have instants of a clock at %d ns', (now) => {
    const counters = new Counters();
    for (const name of ['heartbeatNs', 'firstRowAtNs', 'firstOutAtNs', 'lastOutAtNs'] as const) {
      counters.set(name, now);
    }
    const { message } = readWatch({ type: 'mirror', mirror: { ...copyOf(counters), nowNs: now } });
    expect(message).toMatchObject({ mirror: { nowNs: now } });
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 0.5, 2 ** 63, '1'])('counts in integers, not %s', (cell) => {
    const cells = COUNTERS.map(() => cell);
    expect(() => readWatch({ type: 'mirror', mirror: { ...mirror, cells } })).toThrow(/mirror\.cells\.0/);
  });

  it('has no instant that does not fit into a cell', () => {
    for (const nowNs of [-1n, 2n ** 63n]) {
      expect(() => readWatch({ type: 'mirror', mirror: { ...mirror, nowNs } })).toThrow(/mirror\.nowNs/);
    }
  });

  it('may name as many outputs as a run has parts', () => {
    const outputs = Array.from({ length: 100_000 }, (_, i) => `part-${i}`);
    expect(readTalk(outcome(outputs)).values).toBeGreaterThan(100_000);
  });

  it.each([
    ['outputs', outcome(sparse(2 ** 32 - 1))],
    ['leftovers', outcome([], sparse(2 ** 32 - 1))],
    ['an answer', { for: 'actor', type: 'answer', id: 1, value: sparse(2 ** 32 - 1), mirror }],
    [
      'a log line',
      {
        for: 'actor',
        type: 'notice',
        notice: { level: 'info', fields: { list: sparse(2 ** 32 - 1) }, text: '' },
      },
    ],
  ])('is refused for the length of a list before anybody walks it: %s', (_, message) => {
    expect(() => readTalk(message)).toThrow(/found another one \(more than 500000 values/);
  });

  it('of the thread that watches is refused for the length of a list, too', () => {
    const cells = sparse(2 ** 32 - 1);
    expect(() => readWatch({ type: 'mirror', mirror: { ...mirror, cells } })).toThrow(
      /more than 1000 values/,
    );
  });
});
