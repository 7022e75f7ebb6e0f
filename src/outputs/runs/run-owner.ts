import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { errnoCode } from '../../core/output-error.js';
import type { FileSystem } from '../disk/file-system.js';

/** The thread that a run lives in, so that others can tell whether it is gone. */
export interface RunOwner {
  readonly host: string;
  /** Id of the running kernel's boot; `""` if the system does not provide one. */
  readonly boot: string;
  /** The namespace of process ids. Two containers on one kernel have different ones. */
  readonly processes: string;
  readonly pid: number;
  /** The kernel's id of the thread; 0 if the system does not provide one. */
  readonly thread: number;
  /** Start of the thread, in ticks since boot, since ids are reused. */
  readonly startedAt: string;
}

/**
 * Whether the owner of a run is alive.
 *
 * - `gone`: certainly over.
 * - `elsewhere`: on another host or in another container, so it cannot be seen from here.
 * - `uncertain`: here is a process of its id, but the system does not say whether it is the same one, or whether
 *   the thread still runs. Only Linux says so.
 */
export type Liveness = 'live' | 'gone' | 'elsewhere' | 'uncertain';

/** For messages: why nobody here can tell whether an owner is alive. */
export const WHY_UNSEEN = {
  elsewhere: 'cannot be seen from this host or container',
  uncertain: 'may have died: this system does not say when its process began',
} as const satisfies Partial<Record<Liveness, string>>;

/** Whether data that somebody wrote down is an owner. */
export function isRunOwner(data: unknown): data is RunOwner {
  const { host, boot, processes, pid, thread, startedAt } = (data ?? {}) as Partial<RunOwner>;
  const areTexts = [host, boot, processes, startedAt].every((text) => typeof text === 'string');
  return areTexts && Number.isSafeInteger(pid) && Number.isSafeInteger(thread);
}

/** The calling thread. Reads /proc synchronously, since asynchronous reads run in a different thread. */
export function thisOwner(): RunOwner {
  const [, thread] = /\/task\/(\d+)$/.exec(told(() => readlinkSync('/proc/thread-self'))) ?? [];
  const stat = thread === undefined ? '' : told(() => readFileSync(statOf(process.pid, thread), 'latin1'));
  return {
    host: hostname(),
    boot: told(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1')).trim(),
    processes: told(() => readlinkSync('/proc/self/ns/pid')),
    pid: process.pid,
    thread: Number(thread ?? 0),
    startedAt: threadFacts(stat)?.startedAt ?? '',
  };
}

/** Whether the thread still runs. */
export async function livenessOf(owner: RunOwner, here: RunOwner, fs: FileSystem): Promise<Liveness> {
  if (owner.host !== here.host) return 'elsewhere';
  // One machine has one boot at a time, and a local disk belongs to one machine.
  if (owner.boot !== here.boot) return 'gone';
  if (owner.processes !== here.processes) return 'elsewhere';
  let mayBeHidden = false;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if (errnoCode(error) === 'ESRCH') return 'gone';
    mayBeHidden = true; // another user's process: /proc may not show it
  }
  if (owner.thread === 0) return 'uncertain';
  let stat: string;
  try {
    stat = await fs.readFile(statOf(owner.pid, owner.thread), 'latin1');
  } catch (error) {
    const isMissing = errnoCode(error) === 'ENOENT' || errnoCode(error) === 'ESRCH';
    return isMissing && !mayBeHidden ? 'gone' : 'uncertain';
  }
  const found = threadFacts(stat);
  if (!found) return 'uncertain';
  // A zombie no longer runs; its parent has just not collected its exit code yet.
  return found.startedAt !== owner.startedAt || /[ZX]/.test(found.state) ? 'gone' : 'live';
}

const statOf = (pid: number, thread: number | string) => `/proc/${pid}/task/${thread}/stat`;

/** Fields 3 and 22 of proc(5). The name in field 2 may contain spaces and parentheses. */
function threadFacts(stat: string): { readonly state: string; readonly startedAt: string } | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  const startedAt = fields[19];
  return state && startedAt ? { state, startedAt } : undefined;
}

function told(read: () => string): string {
  try {
    return read();
  } catch {
    return ''; // not Linux, or no /proc
  }
}
