import { turnOfTheLoop } from '../core/clock.js';

/** Jobs whose dependencies have come or failed that are dealt with in one turn of the event loop. */
const SETTLED_PER_TURN = 50;

/** A job whose dependencies have come, or with why they cannot come any more. */
export interface SettledJob<Job> {
  readonly job: Job;
  readonly reason?: string;
}

export interface SettledJobsListener<Job> {
  /** Starts what may start now. */
  startQueued(): void;
  onMet(job: Job): void;
  onUnmeetable(job: Job, reason: string): void;
}

/** Starts jobs once what they wait for has come, or refuses them once it cannot, a few at a time. */
export class SettledJobs<Job> {
  readonly #listener: SettledJobsListener<Job>;
  readonly #settled: SettledJob<Job>[] = [];
  #isSettling = false;

  constructor(listener: SettledJobsListener<Job>) {
    this.#listener = listener;
  }

  add(settled: SettledJob<Job>): void {
    this.#settled.push(settled);
    this.startSoon();
  }

  /** Later, so that listeners are told of what has happened before they are told of what follows from it. */
  startSoon(): void {
    if (this.#isSettling) return;
    this.#isSettling = true;
    queueMicrotask(() => void this.#settleAll());
  }

  async #settleAll(): Promise<void> {
    for (;;) {
      this.#listener.startQueued();
      for (const { job, reason } of this.#settled.splice(0, SETTLED_PER_TURN)) {
        if (reason === undefined) this.#listener.onMet(job);
        else this.#listener.onUnmeetable(job, reason);
      }
      if (this.#settled.length === 0) break;
      await turnOfTheLoop();
    }
    this.#isSettling = false;
  }
}
