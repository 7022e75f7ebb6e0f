import { PipelineError } from '../core/errors.js';
import type { Checkpoint } from '../protocol/pipeline-report.js';

interface Request {
  resolve(checkpoint: Checkpoint): void;
  reject(error: unknown): void;
}

/** Those who wait for a checkpoint. All that wait when it is taken get the same one. */
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

  /** @throws What `take` throws: a cut that fails ends the run, and those who wait are told too. */
  async answer(take: () => Promise<Checkpoint>): Promise<void> {
    const requests = this.#requests;
    this.#requests = [];
    try {
      const checkpoint = await take();
      for (const { resolve } of requests) resolve(checkpoint);
    } catch (error) {
      for (const { reject } of requests) reject(error);
      throw error;
    }
  }

  /** The run is over: nobody waits for ever. */
  refuse(): void {
    this.#over = true;
    for (const { reject } of this.#requests.splice(0)) reject(ended());
  }
}

const ended = () => new PipelineError('JOB_STATE', 'The pipeline has ended; no checkpoint was taken');
