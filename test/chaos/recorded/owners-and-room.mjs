/** What else a process may meet: it stands still while another one takes over, and a disk that is full. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { jobsIn } from './recorded-jobs.mjs';
import { startProcess } from './started-process.mjs';

/** Events of a process, with what it made of each job. */
function watched(config) {
  const ends = new Map();
  const begun = new Set();
  const problems = [];
  const started = startProcess({ ...config, seed: 0, kills: 0 }, (event) => {
    if (event.is === 'running') begun.add(event.job);
    if (event.is === 'ended') ends.set(event.job, event);
    if (event.is === 'lost') problems.push(`${event.job}: a run ended: ${event.reason}`);
  });
  return { ...started, ends, jobsBegun: begun, problems };
}

const partsIn = (folder) =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true }).filter((name) => /-\d+-\d+\./.test(name)).length
    : 0;

async function until(holds, what) {
  const last = performance.now() + 120_000;
  while (!holds()) {
    if (performance.now() > last) throw new Error(`never held: ${what}`);
    await setTimeout(10);
  }
}

/**
 * A process is stopped as it writes; a second one takes its jobs over and completes them; the first one goes on.
 *
 * @param stoppedForMs - How long it stands still at least.
 * @returns What went wrong.
 */
export async function stopAndTakeOver(config, stoppedForMs) {
  const first = watched(config);
  const jobs = jobsIn(config).length;
  // One that has not claimed its key yet would begin a run of its own afterwards.
  await until(() => first.jobsBegun.size === jobs && partsIn(config.out) > 0, 'all jobs run, and publish');
  first.kill('SIGSTOP');
  const second = watched(config);
  await Promise.all([second.end, setTimeout(stoppedForMs)]);
  const before = partsIn(config.out);
  first.kill('SIGCONT');
  const { code, said } = await first.end;
  const problems = [...second.problems];
  if (code !== 0) problems.push(`the first owner ended with ${code}: ${said}`);
  for (const { job, outcome, message } of second.ends.values()) {
    if (outcome !== 'completed') problems.push(`the second owner of ${job}: ${outcome}: ${message}`);
  }
  for (const { job, outcome, code, message } of first.ends.values()) {
    // One that had ended before it was stopped is no matter of the second.
    const isFine = outcome === 'completed' ? !second.ends.has(job) : code === 'FENCED';
    if (!isFine) problems.push(`the first owner of ${job}: ${outcome}: ${code}: ${message}`);
  }
  if (partsIn(config.out) !== before) problems.push('the first owner has published files after it went on');
  return { problems, fenced: [...first.ends.values()].filter(({ code }) => code === 'FENCED').length };
}

/** Mounts a small disk at a folder. @returns What takes it away; nothing where that is not allowed. */
export function mountSmallDisk(folder, megabytes) {
  mkdirSync(folder, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  return () => execFileSync('umount', ['-l', folder], { stdio: 'ignore' });
}

/**
 * The disk becomes full while the jobs write to it, and has room again later.
 *
 * @param disk - Where the small disk is mounted.
 * @returns What went wrong.
 */
export async function runOutOfRoom(config, disk) {
  const started = watched(config);
  await until(() => partsIn(config.out) > 0, 'the process publishes a file');
  const filler = join(disk, 'filler');
  fill(filler, disk);
  // It writes on until what it has buffered finds no room.
  await until(
    () => /full|ENOSPC|no space/i.test(started.said()) || started.ends.size > 0,
    'it tells that the disk is full',
  );
  const hadEnded = started.ends.size;
  await setTimeout(500);
  fill(`${filler}-2`, disk);
  const whileFull = [...started.ends.values()].filter(({ outcome }) => outcome !== 'completed');
  rmSync(filler);
  rmSync(`${filler}-2`, { force: true });
  await started.end;
  const problems = whileFull.map(({ job, message }) => `${job} ended while the disk was full: ${message}`);
  for (const { job, outcome, message } of started.ends.values()) {
    if (outcome !== 'completed') problems.push(`${job}: ${outcome}: ${message}`);
  }
  return { problems, restarts: started.problems, hadEnded, said: started.said() };
}

/** Leaves no block of a disk free. */
function fill(path, disk) {
  const { bavail, bsize } = statfsSync(disk);
  if (bavail > 0) {
    try {
      writeFileSync(path, Buffer.alloc(bavail * bsize));
    } catch (error) {
      if (error.code !== 'ENOSPC') throw error;
    }
  }
}
