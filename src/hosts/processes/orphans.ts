import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processEntry } from './process-pool.js';

/** What the command line of a process has behind its entry: whose work it does, and who supervises it. */
const MARK = /^tickloom-([0-9a-f]{16})-(\d+)-(\d*)$/;

/** How long one that was ended may take to be gone. It is in a call of the system then, and goes once that returns. */
const GONE_WITHIN_MS = 5_000;
const LOOK_EVERY_MS = 10;

/**
 * Stands in the command line of the processes of a runtime, so that the next one finds them.
 *
 * @param folder - Where the runtime keeps jobs or checkpoints: whoever has it next does the same work.
 */
export function markOf(folder: string): string {
  return `tickloom-${nameOf(folder)}-${process.pid}-${startOf(process.pid) ?? ''}`;
}

/**
 * Ends the processes that an earlier runtime with this folder has left behind: their command line says so, they are of
 * the same user, and the process that it names as their supervisor has gone. They end themselves, too, but may take a
 * few seconds for it, and may hold files meanwhile. Only where there is a /proc (Linux).
 *
 * @returns Their ids, once they are gone.
 */
export async function endOrphans(folder: string): Promise<readonly number[]> {
  const orphans = orphansOf(nameOf(folder));
  for (const orphan of orphans) {
    if (!isStill(orphan)) continue;
    try {
      process.kill(-orphan.pid, 'SIGKILL'); // it leads a group of its own
    } catch {
      // It has ended just now.
    }
  }
  const untilMs = performance.now() + GONE_WITHIN_MS;
  while (orphans.some(isStill) && performance.now() < untilMs) await sleep(LOOK_EVERY_MS);
  return orphans.map(({ pid }) => pid);
}

interface Orphan {
  readonly pid: number;
  readonly startedAt: string;
}

function orphansOf(name: string): readonly Orphan[] {
  const entry = basename(processEntry());
  return pids().flatMap((pid) => {
    const words = (told(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? '').split('\0');
    const at = words.findIndex((word) => basename(word) === entry);
    const [, whose, supervisor, itsStart] = (at >= 0 && MARK.exec(words[at + 1] ?? '')) || [];
    const startedAt = startOf(pid);
    if (whose !== name || startedAt === undefined || !isOfThisUser(pid)) return [];
    const isSupervised = itsStart !== '' && startOf(Number(supervisor)) === itsStart;
    return isSupervised ? [] : [{ pid, startedAt }];
  });
}

const pids = (): readonly number[] =>
  (told(() => readdirSync('/proc')) ?? []).map(Number).filter((pid) => Number.isSafeInteger(pid) && pid > 0);

/** Ids are used again: the start says whether it is the same process. */
const isStill = ({ pid, startedAt }: Orphan): boolean => startOf(pid) === startedAt;

const isOfThisUser = (pid: number): boolean =>
  told(() => statSync(`/proc/${pid}`).uid) === process.getuid?.();

/** When a process began, in ticks since boot: field 22 of proc(5). `undefined` if it has gone, a zombie included. */
function startOf(pid: number): string | undefined {
  const stat = told(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return /[ZX]/.test(fields[0] ?? 'Z') ? undefined : fields[19];
}

/** The same for all ways to a folder. */
function nameOf(folder: string): string {
  const path = told(() => realpathSync(folder)) ?? resolve(folder);
  return createHash('sha256').update(path).digest('hex').slice(0, 16);
}

function told<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch {
    return undefined; // it has ended, is hidden, or there is no /proc
  }
}
