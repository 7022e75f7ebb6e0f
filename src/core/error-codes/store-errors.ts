import type { ErrorTexts } from './error-text.js';

/** What becomes of records of jobs, and of leases. */
export const STORE_ERRORS = {
  STORE_INVALID: {
    meaning: 'The store of jobs is damaged, or is none.',
    cause:
      'The folder is that of something else; its file was changed or cut by somebody; or the disk has lost bytes that it had said to be safe. What a crash leaves half written is no damage: it is cut off, and nothing of it was ever acknowledged.',
    remedy:
      'The message names file and byte. Nothing was changed. Put back a copy of the folder; or move `jobs.log` away to begin without the records: checkpoints stay, and a job that is submitted again under its name goes on from its own.',
    retryable: 'no',
  },
  STORE_NEWER: {
    meaning: 'The store of jobs was written by a newer release.',
    cause: 'Tickloom was set back to an earlier release, or two releases share a folder.',
    remedy:
      'Use the release that wrote it, or a newer one. A store is brought up to date when it is opened, and is not brought back.',
    retryable: 'no',
  },
  STORE_IN_USE: {
    meaning: 'Another process has the store of jobs.',
    cause:
      'The service runs already; the store was opened twice in one process; or its owner is on another host or in another container, so nobody here can tell whether it is alive.',
    remedy:
      'The message names process and host. Stop that process. If it is on a host or in a container that no longer exists, remove the file that the message names.',
    retryable: 'yes',
  },
  STORE_FAILED: {
    meaning: 'The store of jobs could not read or keep a record.',
    cause:
      'A full disk: the change was not made, and a later one may be once there is room. Or missing permission or a failing disk: after a failed sync nobody knows what is on the disk, so nothing more is written.',
    remedy:
      'If it is retryable, make room. Otherwise repair the disk and open the store anew, by a start of the process: what was acknowledged is there.',
    retryable: 'depends',
  },
  LEASE_HELD: {
    meaning: 'Somebody else holds the lease of a job.',
    cause: 'The job runs elsewhere, or its last holder has died and its time is not over yet.',
    remedy: 'Claim again when the time is over; the message says how long it is.',
    retryable: 'yes',
  },
  UNAVAILABLE: {
    meaning: 'A store on another host did not answer.',
    cause: 'The network or that host is down. What was asked may have been done nevertheless.',
    remedy: 'Ask again. A lease that could not be renewed ends with its time.',
    retryable: 'yes',
  },
} as const satisfies ErrorTexts;
