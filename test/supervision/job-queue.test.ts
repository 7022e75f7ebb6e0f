import { describe, expect, it } from 'vitest';
import { JobQueue } from '../../src/supervision/job-queue.js';

describe('a queue of jobs', () => {
  it('serves who came first, and nobody who left before', () => {
    const queue = new JobQueue<string>();
    for (const job of ['a', 'b', 'c', 'd']) queue.push(job);
    queue.delete('a');
    queue.delete('c');
    queue.delete('x');
    expect([queue.shift(), queue.shift(), queue.shift()]).toEqual(['b', 'd', undefined]);
    queue.push('c');
    expect(queue.shift()).toBe('c');
  });
});
