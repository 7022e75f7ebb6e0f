import { describe, expect, it } from 'vitest';
import { type IsolationWish, isolationOf, problemOfIsolation } from '../../src/supervision/isolation-of.js';
import { specOf } from './job-fixtures.js';

const wishes = (submitted: IsolationWish = {}, defaults: IsolationWish = {}) => ({ submitted, defaults });
const plain = specOf('a');
const native = specOf('a', { use: 'duck', loads: 'native' });
const gated = { ...plain, gate: { breaker: 'venue' } };
const topical = specOf('a', {
  use: 'topic',
  options: { topic: 'ticks', schema: { kind: 'trade', columns: [] } },
});

describe('what a job is isolated by', () => {
  it('is a thread where nobody says otherwise, and a process for native code', () => {
    expect(isolationOf(plain, wishes())).toEqual({ by: 'thread' });
    expect(isolationOf(native, wishes())).toEqual({ by: 'process' });
  });

  it('is what the submit says, before the spec, before the settings', () => {
    const spec = { ...native, isolation: 'thread' } as const;
    expect(isolationOf(spec, wishes({ isolation: 'process' }, { isolation: 'thread' })).by).toBe('process');
    expect(isolationOf(spec, wishes({}, { isolation: 'process' })).by).toBe('thread');
    expect(isolationOf(native, wishes({}, { isolation: 'thread' })).by).toBe('thread');
    expect(isolationOf(plain, wishes({}, { isolation: 'process' })).by).toBe('process');
  });

  it('is a process for a job whose memory is limited, with the limit that was said first', () => {
    expect(isolationOf(plain, wishes({ maxProcessMb: 300 }, { maxProcessMb: 200 }))).toEqual({
      by: 'process',
      maxProcessMb: 300,
    });
    expect(isolationOf({ ...plain, maxProcessMb: 400 }, wishes()).maxProcessMb).toBe(400);
    expect(isolationOf(plain, wishes({}, { maxProcessMb: 200 }))).toEqual({ by: 'thread' });
    expect(isolationOf(native, wishes({}, { maxProcessMb: 200 })).maxProcessMb).toBe(200);
  });

  it('is a process for native code with budgets and breakers', () => {
    expect(isolationOf({ ...native, gate: { breaker: 'venue' } }, wishes()).by).toBe('process');
  });

  it('is refused where it cannot be, with what to do', () => {
    const process = wishes({ isolation: 'process' });
    expect(problemOfIsolation(plain, process)).toBeUndefined();
    expect(problemOfIsolation(gated, wishes())).toBeUndefined();
    expect(problemOfIsolation(gated, process)).toBeUndefined();
    expect(problemOfIsolation(topical, wishes({}, { isolation: 'process' }))?.message).toMatch(
      /topics cannot reach/,
    );
    const limited = wishes({ isolation: 'thread', maxProcessMb: 300 });
    expect(problemOfIsolation(plain, limited)?.message).toMatch(/"maxProcessMb" limits a process/);
  });
});
