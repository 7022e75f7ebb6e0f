/** A round: all jobs from their begin to their end, through kills of all that takes part. */
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { chance } from '../recorded/chance.mjs';
import { startProcess } from '../recorded/started-process.mjs';

const PROCESS = fileURLToPath(new URL('chaos-process.mjs', import.meta.url));
const CUTS_MAX = 10;
const SERVER_DOWN_MS_MAX = 400;
/** For what hangs, not for what is slow. */
const ROUND_MS_MAX = 900_000;

/** What is counted over all rounds. */
export const newTally = () => ({
  parents: 0,
  parentsAtStart: 0,
  servers: 0,
  lost: {},
  restarts: 0,
  starts: 0,
  epochMax: 0,
});

/** Runs all jobs without a disturbance. */
export async function runUndisturbed(config) {
  const calm = {
    ...config,
    rate: 'max',
    everyMs: 1_000,
    seed: 0,
    threadKills: 0,
    childKills: 0,
    withinMs: 0,
  };
  const problems = [];
  const started = startProcess(
    calm,
    (event) => {
      if (event.is === 'ended' && event.outcome !== 'completed')
        problems.push(`${event.job}: ${event.message}`);
    },
    PROCESS,
  );
  const { code, said } = await started.end;
  if (code !== 0 || problems.length > 0) throw new Error(`the undisturbed run: ${code} ${problems} ${said}`);
}

/**
 * @param config - Of the process, its connection through the proxy.
 * @returns What went wrong.
 */
export async function runRound(config, { seed, server, proxy }, tally, say) {
  const random = chance(seed);
  const problems = [];
  let killsLeft = Math.floor(random() * 4);
  let serverKillsLeft = 1 + Math.floor(random() * 2);
  let isOver = false;
  let current;
  const deadline = Date.now() + ROUND_MS_MAX;

  async function killServer(begun) {
    await begun;
    while (serverKillsLeft > 0 && !isOver) {
      await setTimeout(200 + random() * 2_000);
      if (isOver || current.running() === 0) continue;
      serverKillsLeft--;
      tally.servers++;
      await server.crash(random() * SERVER_DOWN_MS_MAX);
    }
  }

  const onEvent = (event) => {
    if (event.is === 'lost') {
      if (event.way === 'restarted') {
        tally.restarts++;
        say(`  restarted: ${event.job}: ${event.reason}`);
      } else tally.lost[event.way] = (tally.lost[event.way] ?? 0) + 1;
    }
    if (event.is === 'ended') {
      tally.epochMax = Math.max(tally.epochMax, event.epoch ?? 0);
      if (event.outcome !== 'completed')
        problems.push(`${event.job}: ${event.outcome}: ${event.code}: ${event.message}`);
    }
    if (event.is === 'closed') isOver = true;
  };

  proxy.cutUpTo(CUTS_MAX);
  let serverKiller;
  for (let life = 1; ; life++) {
    const kills = { threadKills: 1 + Math.floor(random() * 4), childKills: 1 + Math.floor(random() * 4) };
    const withinMs = 300 + random() * 2_500;
    const own = { ...config, ...kills, withinMs, seed: Math.floor(random() * 2 ** 32) };
    current = startProcess(own, onEvent, PROCESS);
    tally.starts++;
    serverKiller ??= killServer(current.begun);
    if (killsLeft > 0) {
      const isAtStart = random() < 0.15;
      const killAtMs = random() * (isAtStart ? 700 : 2_500);
      if (!isAtStart) await current.begun;
      await Promise.race([setTimeout(killAtMs, undefined, { ref: false }), current.end]);
      const running = current.running();
      if (!isOver && current.kill('SIGKILL')) {
        killsLeft--;
        if (running > 0) tally.parents++;
        else tally.parentsAtStart++;
      }
    }
    const tooLong = setTimeout(Math.max(0, deadline - Date.now()), 'too long', { ref: false });
    const end = await Promise.race([current.end, tooLong]);
    if (end === 'too long') {
      current.kill('SIGKILL');
      problems.push(`the jobs have not ended within ${ROUND_MS_MAX / 1_000} s: ${current.said()}`);
    } else if (end.code === 'SIGKILL' && problems.length === 0) {
      say(
        `  start ${life}: killed, ${killsLeft} kills of the parent and ${serverKillsLeft} of the server left`,
      );
      continue;
    } else if (end.code !== 0) problems.push(`the process ended with ${end.code}: ${end.said}`);
    isOver = true;
    proxy.cutUpTo(0);
    await serverKiller;
    return problems;
  }
}
