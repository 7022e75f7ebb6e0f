import { readFileSync } from 'node:fs';

/** How a thread has spent its time, as the system counts it. */
export interface ThreadTime {
  /** Ns on a processor. */
  readonly ranNs: number;
  /** Ns for which it could have run and no processor was free, up to the last time that it got one. */
  readonly waitedNs: number;
  /** Whether it runs, or waits for a processor, at this moment: it is in no call that waits. */
  readonly isRunnable: boolean;
}

/**
 * Asks the system about a thread, of this process or of another one: Linux, `schedstat`.
 *
 * @param systemId - As `systemThreadId` told it in that thread.
 * @returns `undefined` if the system does not say.
 */
export function threadTime(systemId: number): ThreadTime | undefined {
  if (systemId === 0) return undefined;
  try {
    const folder = `/proc/${systemId}/task/${systemId}`;
    const [ran, waited] = readFileSync(`${folder}/schedstat`, 'latin1').split(' ').map(Number);
    const stat = readFileSync(`${folder}/stat`, 'latin1');
    // The name of the thread is in brackets, and may have any text in it.
    const state = stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
    if (ran === undefined || waited === undefined || Number.isNaN(ran + waited)) return undefined;
    return { ranNs: ran, waitedNs: waited, isRunnable: state === 'R' };
  } catch {
    return undefined; // it has just ended, or there is no /proc
  }
}
