import { PipelineError } from '../core/errors.js';
import type { JobState } from './job.js';

interface Waiter {
  resolve(): void;
  reject(error: PipelineError): void;
}

/** Who waits for the next run of a job to begin. */
export class NextRun {
  readonly #job: string;
  readonly #waiters: Waiter[] = [];

  /** @param job - Its name, for errors. */
  constructor(job: string) {
    this.#job = job;
  }

  /** @throws {PipelineError} `JOB_STATE` if the job ends before. */
  begins(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
    });
  }

  /** The job has come into a state. */
  reach(state: JobState, isEnd: boolean): void {
    if (this.#waiters.length === 0 || (state !== 'starting' && !isEnd)) return;
    const message = `Job "${this.#job}" is ${state}: it ended before its next run began`;
    for (const waiter of this.#waiters.splice(0)) {
      if (isEnd) waiter.reject(new PipelineError('JOB_STATE', message));
      else waiter.resolve();
    }
  }
}
