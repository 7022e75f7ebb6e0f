/** What ended a run before its source did: so many rows, so much time, or an instant. */
export type Bound = 'rows' | 'duration' | 'until';

/** How many rows of its source a start may take. Plain data. */
export interface RowBounds {
  /** Rows of the whole run, over all of its starts: then it is drained. */
  readonly maxRows?: number | undefined;
  /** Rows of a slice, over the starts that it takes: then the run is suspended, and the job has completed. */
  readonly sliceRows?: number | undefined;
}

/** Where a job ends before its source does. Plain data. */
export interface JobBounds extends RowBounds {
  /** From the first time that all its stages were open; pauses, back-off and restarts are included. */
  readonly maxDurationMs?: number | undefined;
  /** An instant on the wall clock, in ms since 1970. */
  readonly untilMs?: number | undefined;
  /** Whether it is suspended there, and has completed: the next job of that name goes on. Otherwise it is drained. */
  readonly isSlice?: boolean | undefined;
}

/** How many rows of its source a run has taken, and where its slice ends. Plain data, of a checkpoint. */
export interface RowProgress {
  /** Rows that the source has given, without those that it rejected. */
  readonly rowsGiven: number;
  /** After how many rows given a slice ends that is not over. */
  readonly sliceEndsAt?: number;
  /** Rows that are read again first, and are among those given: a slice ended between two rows of one read. */
  readonly rowsToSkip?: number;
}
