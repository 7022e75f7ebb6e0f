/** Decides in which order queued jobs start. Its methods take logarithmic time at most. */
export interface StartQueue<Job> {
  /** Whether no job may start now. */
  readonly isEmpty: boolean;
  /** Takes in a job that was submitted. */
  push(job: Job): void;
  /**
   * Takes in a job that has begun in an earlier process, and takes it out again at once.
   *
   * @returns Whether it could: whoever is told so starts it or ends it.
   */
  takeBack(job: Job): boolean;
  /** Takes out the job that is to start now, if one may. Whoever takes it either starts it or ends it. */
  shift(): Job | undefined;
  /** A job has ended, in the queue or after it left it. */
  delete(job: Job): void;
}
