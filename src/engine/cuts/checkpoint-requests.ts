import { PipelineError } from '../../core/errors.js';
import type { Checkpoint } from '../../wire/checkpoint.js';

interface Request {
  resolve(checkpoint: Checkpoint): void;
  reject(error: unknown): void;
}

/** The requests that wait for a checkpoint. */
export class CheckpointRequests {
  #requests: Request[] = [];
  #over = false;

  get waiting(): boolean {
    return this.#requests.length > 0;
  }

  add(): Promise<Checkpoint> {
    if (this.#over) return Promise.reject(ended());
    return new Promise((resolve, reject) => {
      this.#requests.push({ resolve, reject });
    });
  }

  /** Takes all waiting requests, which get the same checkpoint. Later requests get the next one. */
  take(): Request {
    const requests = this.#requests.splice(0);
    return {
      resolve(checkpoint) {
        for (const request of requests) request.resolve(checkpoint);
      },
      reject(error) {
        for (const request of requests) request.reject(error);
      },
    };
  }

  /** Rejects all waiting and future requests, at the end of the run. */
  refuse(): void {
    this.#over = true;
    this.take().reject(ended());
  }
}

const ended = () => new PipelineError('JOB_STATE', 'The pipeline has ended; no checkpoint was taken');
