import { readlinkSync } from 'node:fs';

/** What the system calls the calling thread; 0 where it does not say (Linux does). */
export function systemThreadId(): number {
  if (process.platform !== 'linux') return 0;
  try {
    return Number(/\/task\/(\d+)$/.exec(readlinkSync('/proc/thread-self'))?.[1] ?? 0);
  } catch {
    return 0; // no /proc here
  }
}
