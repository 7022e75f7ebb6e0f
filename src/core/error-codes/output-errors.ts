import type { ErrorTexts } from './error-text.js';

/** What keeps a run from writing. */
export const OUTPUT_ERRORS = {
  OUTPUT_EXISTS: {
    meaning: 'What is already at the output does not allow this run to write there.',
    cause:
      'The file or directory holds data and `ifExists` is `error`; the rows to append have other columns than those that are there; the directory is from an earlier version; the table of a database has a column that the rows do not fit; or `deadLetter.path` is a file that does not hold dead letters.',
    remedy:
      'Choose another path, or set `ifExists` to `append` or `replace`. Nothing that was there was changed.',
    retryable: 'no',
  },
  OUTPUT_IN_USE: {
    meaning: 'Another run writes to the output, or may still do so.',
    cause:
      'Two jobs with one path; a database of DuckDB that another job, thread or process has open; a run on another host or in another container that did not say that it ended; or, on other systems than Linux, a run that died while its process, or another one of that id, is alive.',
    remedy:
      'Wait until the other run has ended, or give each job a path of its own. If you are sure that the other run is over, free the output with `tickloom release PATH`. Only runs with `ifExists: append` share a directory.',
    retryable: 'no',
  },
  OUTPUT_FAILED: {
    meaning: 'The operating system, or something else at the path, keeps a file from being written.',
    cause:
      'A disk or quota that a sync found full, too many open files, missing permission, a read-only or failing device, a mount point as output directory, or another program that wrote to the output meanwhile.',
    remedy:
      'The message names the step, the path and what to do. A full disk, too many open files and a sync that failed are retryable; the rest needs a change first.',
    retryable: 'depends',
  },
  SINK_FAILED: {
    meaning: 'A sink failed, or got rows that it cannot write.',
    cause:
      'Your callback threw; a column that is not nullable lacks a string; a value of `partitionBy` is too long for the name of a folder; or a sink of your own failed or did not open within `openDeadlineMs`.',
    remedy:
      'Read the cause in the message. Unexpected failures of a sink are retryable; what a callback throws, and rows that do not fit, are not.',
    retryable: 'depends',
  },
  FENCED: {
    meaning: 'This run was taken over, and publishes nothing more.',
    cause:
      'Another start claimed the same checkpoint key, the key was removed, or `tickloom release` freed the output while the run was still at work.',
    remedy:
      'What was committed stays. A new owner resumes from the last accepted checkpoint, so no row is lost or doubled. If that was not intended, make sure that only one process uses the key.',
    retryable: 'no',
  },
  LEASE_LOST: {
    meaning: 'The time for which this run might deliver and commit has passed, and was not moved on.',
    cause:
      'Whoever holds the lease of the job could not renew it in time: its store did not answer, or the process was suspended, or too busy.',
    remedy:
      'Nothing was delivered or committed from then on, and what was committed stays. The next run goes on from the last accepted checkpoint. If it happens often, make the lease longer.',
    retryable: 'yes',
  },
  RUN_UNKNOWN: {
    meaning: 'The output holds nothing of the run that should be released.',
    cause: 'A misspelt `--run`, or a run that has been released before.',
    remedy: 'List the runs with `tickloom parts PATH`; the message names them, too.',
    retryable: 'no',
  },
} as const satisfies ErrorTexts;
