import type { ErrorTexts } from './error-text.js';

/** What is wrong with the data that come in, or with the place they come from. */
export const INPUT_ERRORS = {
  INPUT_MISSING: {
    meaning: 'There is no input file at a path, or none that matches a glob.',
    cause:
      'A misspelt path, a file that was moved or removed, or a relative path: it starts at the working directory, not at the spec.',
    remedy: 'Correct the path; the message says in which directory it was looked for.',
    retryable: 'no',
  },
  INPUT_UNREADABLE: {
    meaning: 'An input is there and cannot be read as it is.',
    cause:
      'Missing permission; a directory in place of a file; a file that changed while it was read; a large gzip file with the newest row first; an Arrow table with a type or a null that the column cannot hold; or, for `tickloom parts` and `tickloom release`, a path that is not an output.',
    remedy:
      'The message says what was expected and found. Leave input files as they are until the job has ended. Too many open files or a read error of the device (`EMFILE`, `ENFILE`, `EIO`) may pass by themselves, and only these are retryable.',
    retryable: 'depends',
  },
  INPUT_CORRUPT: {
    meaning: 'The content of an input file is not what the spec says it is.',
    cause:
      'A gzip file that is cut off or damaged; an empty file, binary data or UTF-16; a header without a column that the spec names; times in another unit; times that jump by more than `maxJump`.',
    remedy:
      'Check the file at the line that the message names. If the file is right, correct the columns, the `unit` of the times or `maxJump` in the spec.',
    retryable: 'no',
  },
  ROW_INVALID: {
    meaning: 'A row of the input cannot be used, and the job stopped there.',
    cause:
      'A field that is not a number or a time, a missing value, or a row with more or fewer fields than the header.',
    remedy:
      'The message names file, line, field, and what was expected and found. Correct the row, or set `deadLetter.path` to keep such rows in a file and continue.',
    retryable: 'no',
  },
  REJECTS_EXHAUSTED: {
    meaning: 'More rows were bad than the dead-letter file may take.',
    cause:
      'Usually not single bad rows: the columns, the delimiter or the time format of the spec do not fit the file.',
    remedy:
      'Look at the reasons in the dead-letter file. Correct the spec, or raise `deadLetter.maxRows` if so many rows are really bad.',
    retryable: 'no',
  },
  INPUT_LAGS: {
    meaning:
      'Of inputs that are joined or merged in time, one is so far behind that no more rows of the others may wait for it.',
    cause:
      'A source that no longer delivers, or starts much later in time than the others; or rows of one symbol alone that move no watermark for the others.',
    remedy:
      'The message names the input that lags. See whether it still delivers and begins at the same time, or raise `rowsMax` of the stage that reads it.',
    retryable: 'depends',
  },
  LATE_ROW: {
    meaning: 'A row arrived after its bar had been closed.',
    cause:
      'Rows are further out of order than the source promises (`maxDelay`), or a file holds one symbol after the other.',
    remedy:
      'The message names the row, the row that moved the watermark, and which value would be enough: raise `lateness` of `bars` or `maxDelay` of the source, or say with `late` that late rows are dropped or kept as dead letters.',
    retryable: 'no',
  },
  DICTIONARY_FULL: {
    meaning: 'A string column has more than 1,048,576 different values.',
    cause: 'The column holds ids or free text. A string column is for names that repeat, such as symbols.',
    remedy: 'Leave the column out, or read it as a number.',
    retryable: 'no',
  },
  MEMORY_EXHAUSTED: {
    meaning: 'A job would hold more in columns than `maxMemoryMb` allows.',
    cause: 'Open bars with a long `lateness`, many keys in the batcher, or large row groups of Parquet.',
    remedy:
      'The message lists what holds how much memory. Lower the option that it names, or raise `maxMemoryMb`.',
    retryable: 'no',
  },
  SOURCE_FAILED: {
    meaning: 'A source threw an error that has no code of its own.',
    cause:
      'An outage of what it reads from, or a bug in a source of your own. Also: it did not open within `openDeadlineMs`.',
    remedy:
      'Read the cause in the message. With a budget or a breaker in front of the source, a read that fails is made again instead of failing the job.',
    retryable: 'yes',
  },
} as const satisfies ErrorTexts;
