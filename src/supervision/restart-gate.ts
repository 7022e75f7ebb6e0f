/** Decides when jobs that are to run again may start. No method may throw. */
export interface RestartGate<Job> {
  /** Whether the next run of a job has to wait for others. */
  holds(job: Job): boolean;
  /** The next run of a job is due, and waits for nothing but its thread and this gate. */
  onDue(job: Job): void;
}
