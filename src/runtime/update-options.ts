/** How a job takes a changed spec. */
export interface UpdateOptions {
  /**
   * Milliseconds that the run at work has for its last checkpoint. Then its thread is ended, and the next run goes on
   * from the checkpoint before. Default: `drainDeadlineMs` of the settings.
   */
  readonly deadlineMs?: number | undefined;
}
