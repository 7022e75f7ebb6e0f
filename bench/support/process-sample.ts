import { readdirSync, readFileSync } from 'node:fs';

/** What the process holds at one instant. */
export interface ProcessSample {
  /** Resident memory of all threads. */
  readonly rssMb: number;
  /** Of the main thread. */
  readonly heapMb: number;
  /** Of the main thread, shared memory and columns included. */
  readonly externalMb: number;
  /** What keeps the main thread's event loop alive: sockets, timers, ports and such. */
  readonly handles: number;
  /** `NaN` except on Linux. */
  readonly threads: number;
  /** Open files. `NaN` except on Linux. */
  readonly descriptors: number;
  /** Of all threads, since the process began. */
  readonly cpuSeconds: number;
}

const MB = 1_048_576;

export function sampleProcess(): ProcessSample {
  const { rss, heapUsed, external } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return {
    rssMb: rss / MB,
    heapMb: heapUsed / MB,
    externalMb: external / MB,
    handles: process.getActiveResourcesInfo().length,
    ...kernelCounts(),
    cpuSeconds: (user + system) / 1e6,
  };
}

function kernelCounts(): Pick<ProcessSample, 'threads' | 'descriptors'> {
  if (process.platform !== 'linux') return { threads: Number.NaN, descriptors: Number.NaN };
  const threads = /^Threads:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'latin1'));
  return { threads: Number(threads?.[1]), descriptors: readdirSync('/proc/self/fd').length };
}
