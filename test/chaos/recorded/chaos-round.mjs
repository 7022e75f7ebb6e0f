/** A round: all jobs from their begin to their end, through kills of threads and of the whole process. */
import { dirname } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { chance } from './chance.mjs';
import { startProcess } from './started-process.mjs';

export const MODULES = dirname(fileURLToPath(import.meta.url));

/** What is counted over all rounds. */
export const newTally = () => ({
  processKills: 0,
  processKillsAtStart: 0,
  threadKills: 0,
  threadsLost: {},
  processesDied: 0,
  starts: 0,
  epochMax: 0,
});

/** Runs all jobs without a disturbance. */
export async function runUndisturbed(config) {
  const problems = [];
  const started = startProcess({ ...config, speed: 'max', everyMs: 1_000, seed: 0, kills: 0 }, (event) => {
    if (event.is === 'ended' && event.outcome !== 'completed')
      problems.push(`${event.job}: ${event.message}`);
  });
  const { code, said } = await started.end;
  if (code !== 0 || problems.length > 0) throw new Error(`the undisturbed run: ${code} ${problems} ${said}`);
}

/**
 * @param plan.processKills - Of a process that is running jobs.
 * @param plan.threadKills - In all.
 * @returns What went wrong.
 */
export async function runRound(config, { seed, processKills, threadKills }, tally, say) {
  const random = chance(seed);
  const problems = [];
  let killsLeft = processKills;
  let threadKillsLeft = threadKills;
  for (let life = 0; ; life++) {
    let isOver = false;
    const perLife = Math.ceil((threadKillsLeft / (killsLeft + 1)) * 1.5);
    const kills = killsLeft > 0 ? Math.min(threadKillsLeft, Math.round(random() * perLife)) : threadKillsLeft;
    const withinMs = killsLeft > 0 ? 1_200 : 1_000 + kills * 200;
    const started = startProcess(
      { ...config, seed: Math.floor(random() * 2 ** 32), kills, withinMs },
      (event) => {
        if (event.is === 'lost') {
          tally.threadsLost[event.way] = (tally.threadsLost[event.way] ?? 0) + 1;
          if (event.way === 'unasked')
            problems.push(`${event.job}: a run ended that nobody had killed: ${event.reason}`);
          else {
            tally.threadKills++;
            threadKillsLeft = Math.max(0, threadKillsLeft - 1);
          }
        }
        if (event.is === 'ended') {
          tally.epochMax = Math.max(tally.epochMax, event.epoch ?? 0);
          if (event.outcome !== 'completed')
            problems.push(`${event.job}: ${event.outcome}: ${event.code}: ${event.message}`);
        }
        if (event.is === 'closed') isOver = true;
      },
    );
    tally.starts++;
    const isAtStart = random() < 0.15;
    const killAtMs = random() * (isAtStart ? 500 : 1_500);
    if (killsLeft > 0) {
      if (!isAtStart) await started.begun;
      await Promise.race([setTimeout(killAtMs, undefined, { ref: false }), started.end]);
      const running = started.running();
      if (started.kill('SIGKILL') && !isOver) {
        if (running > 0) {
          tally.processKills++;
          killsLeft--;
        } else tally.processKillsAtStart++;
      }
    }
    const { code, said } = await started.end;
    say(
      `  start ${life + 1}: ${code === 0 ? 'all jobs have ended' : `ended by ${code}`}, ${threadKillsLeft} kills of threads and ${killsLeft} of the process left`,
    );
    if (code === 'SIGKILL' && problems.length === 0) continue;
    if (code === 0) return problems;
    // A heap overflow in a thread may take the process with it: then that was a kill of the process.
    if (problems.length === 0 && /heap|out of memory/i.test(said)) {
      tally.processesDied++;
      continue;
    }
    return [...problems, ...(code === 0 ? [] : [`the process ended with ${code}: ${said}`])];
  }
}
