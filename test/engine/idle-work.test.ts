import { describe, expect, it } from 'vitest';
import { IdleWork } from '../../src/engine/idle-work.js';

describe('the work of an idle loop', () => {
  it('is done while the loop waits, and is not begun after a failure', async () => {
    let failures = 0;
    const done: string[] = [];
    const idle = new IdleWork({ onFailure: () => failures++, onDone: () => done.push('done') });
    const write = async () => void done.push('write');

    idle.start(write); // the loop is busy
    idle.begin();
    idle.start(write);
    await Promise.resolve();
    await idle.end();
    expect(done[0]).toBe('write');

    idle.begin();
    idle.start(() => Promise.reject(new Error('as asked')));
    await expect(idle.end()).rejects.toThrow('as asked');
    const before = done.length;
    idle.begin();
    idle.start(write);
    await expect(idle.end()).rejects.toThrow('as asked');
    expect(done).toHaveLength(before);
    expect(failures).toBe(1);
  });
});
