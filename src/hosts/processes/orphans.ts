import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PipelineError } from '../../core/errors.js';
import { processEntry } from './process-pool.js';

/**
 * What the command line of a process has behind its entry: whose work it does, who supervises it, and in which
 * namespace of process ids.
 */
const MARK = /^tickloom-([0-9a-f]{16})-(\d+)-(\d*)-([0-9a-f]*)$/;

/** How long one that was ended may take to be gone. It is in a call of the system then, and goes once that returns. */
const GONE_WITHIN_MS = 5_000;
const LOOK_EVERY_MS = 10;

export interface EndedOrphans {
  /** Ids of those that are gone. */
  readonly ended: readonly number[];
  /** Ids of those that were ended, and are still there. */
  readonly left: readonly number[];
}

export interface OrphanOptions {
  /** How long one that was ended may take to be gone. */
  readonly goneWithinMs?: number;
  readonly kill?: (pid: number) => void;
}

/**
 * Stands in the command line of the processes of a runtime, so that the next one finds them.
 *
 * @param folder - Where the runtime keeps jobs or checkpoints: whoever has it next does the same work.
 */
export function markOf(folder: string): string {
  const [name] = namesOf(folder);
  return `tickloom-${name}-${process.pid}-${startOf(process.pid) ?? ''}-${ownNamespace() ?? ''}`;
}

/**
 * Ends the processes that an earlier runtime with this folder has left behind: their command line says so, they are of
 * the same user, and the process that it names as their supervisor has gone. They end themselves, too, but may take a
 * few seconds for it, and may hold files meanwhile.
 *
 * Ids of processes mean something in their namespace alone: those of another one, such as that of a container on the
 * same machine, are left to it, since their supervisor would look as if it had gone. Only where there is a /proc of
 * this namespace (Linux).
 */
export async function endOrphans(
  folder: string,
  { goneWithinMs = GONE_WITHIN_MS, kill = killGroup }: OrphanOptions = {},
): Promise<EndedOrphans> {
  const namespace = ownNamespace();
  const orphans = namespace === undefined ? [] : orphansOf(namesOf(folder), namespace);
  for (const orphan of orphans) if (isStill(orphan)) kill(orphan.pid);
  const untilMs = performance.now() + goneWithinMs;
  while (orphans.some(isStill) && performance.now() < untilMs) await sleep(LOOK_EVERY_MS);
  const left = orphans.filter(isStill).map(({ pid }) => pid);
  return { ended: orphans.map(({ pid }) => pid).filter((pid) => !left.includes(pid)), left };
}

/** They may still write where jobs of this folder would write now. */
export function leftRunning(pids: readonly number[], folder: string): PipelineError {
  const which = pids.length === 1 ? `process ${pids[0]}` : `processes ${pids.join(', ')}`;
  return new PipelineError(
    'PROCESS_LEFT_RUNNING',
    `Expected the processes that an earlier runtime has left behind with ${folder} to be gone once they were ended, found ${which} still there: see what it is in (such as a disk or a network file system that does not answer), and start again once it has gone`,
    { retryable: true },
  );
}

interface Orphan {
  readonly pid: number;
  readonly startedAt: string;
}

function orphansOf(names: readonly string[], namespace: string): readonly Orphan[] {
  const entry = basename(processEntry());
  return pids().flatMap((pid) => {
    const words = (told(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? '').split('\0');
    const at = words.findIndex((word) => basename(word) === entry);
    const [, whose, supervisor, itsStart, itsNamespace] = (at >= 0 && MARK.exec(words[at + 1] ?? '')) || [];
    if (whose === undefined || !names.includes(whose) || itsNamespace !== namespace) return [];
    if (namespaceOf(pid) !== namespace || !isOfThisUser(pid)) return [];
    const startedAt = startOf(pid);
    return startedAt !== undefined && hasGone(Number(supervisor), itsStart ?? '') ? [{ pid, startedAt }] : [];
  });
}

/** It leads a group of its own. */
function killGroup(pid: number): void {
  told(() => process.kill(-pid, 'SIGKILL')); // or it has ended just now
}

const pids = (): readonly number[] =>
  (told(() => readdirSync('/proc')) ?? []).map(Number).filter((pid) => Number.isSafeInteger(pid) && pid > 0);

/** Ids are used again: the start says whether it is the same process. */
const isStill = ({ pid, startedAt }: Orphan): boolean => startOf(pid) === startedAt;

/** Known for certain: a process that cannot be looked at is there. */
function hasGone(pid: number, startedAt: string): boolean {
  if (startedAt === '') return false;
  try {
    return startIn(readFileSync(`/proc/${pid}/stat`, 'latin1')) !== startedAt;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ESRCH';
  }
}

const isOfThisUser = (pid: number): boolean =>
  told(() => statSync(`/proc/${pid}`).uid) === process.getuid?.();

const startOf = (pid: number): string | undefined =>
  told(() => startIn(readFileSync(`/proc/${pid}/stat`, 'latin1')));

/** When a process began, in ticks since boot: field 22 of proc(5). `undefined` if it has gone, a zombie included. */
function startIn(stat: string): string | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return /[ZX]/.test(fields[0] ?? 'Z') ? undefined : fields[19];
}

/** That of this process; `undefined` where /proc is of another one, or there is none. */
const ownNamespace = (): string | undefined =>
  told(() => readlinkSync('/proc/self')) === String(process.pid) ? namespaceOf(process.pid) : undefined;

/** The namespace of process ids of a process, among those of all boots of all machines. */
const namespaceOf = (pid: number): string | undefined =>
  told(() =>
    digest(
      `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()} ${readlinkSync(`/proc/${pid}/ns/pid`)}`,
    ),
  );

/**
 * The names of a folder: the same for all ways to it, and another one for a folder of the same path in a container.
 * Its path is for the time before it is made.
 */
function namesOf(folder: string): readonly [string, ...string[]] {
  const path = told(() => realpathSync(folder)) ?? resolve(folder);
  const made = told(() => statSync(path, { bigint: true }));
  return made ? [digest(`${made.dev}:${made.ino}`), digest(path)] : [digest(path)];
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

function told<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch {
    return undefined; // it has ended, is hidden, or there is no /proc
  }
}
