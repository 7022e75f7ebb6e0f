import type { JobActor } from '../../src/supervision/job-actor.js';
import type { StartQueue } from '../../src/supervision/start-queue.js';

/** The plainest order in which jobs may start. */
export function firstComeFirstServed(): StartQueue<JobActor> {
  const waiting = new Set<JobActor>();
  return {
    get isEmpty() {
      return waiting.size === 0;
    },
    takeBack: () => true,
    push: (job) => void waiting.add(job),
    shift() {
      const [first] = waiting;
      if (first) waiting.delete(first);
      return first;
    },
    delete: (job) => void waiting.delete(job),
  };
}
