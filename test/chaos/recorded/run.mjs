// Kills threads and the whole process while jobs over recorded data are at work, and compares what they wrote with an
// undisturbed run: npm run -s chaos -- --thread-kills 200 --process-kills 100 --seed 1

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { MODULES, newTally, runRound, runUndisturbed } from './chaos-round.mjs';
import { compareOutputs } from './compare-outputs.mjs';
import { mountSmallDisk, runOutOfRoom, stopAndTakeOver } from './owners-and-room.mjs';
import { hasRecordedData, prepareInputs } from './recorded-jobs.mjs';

const { values } = parseArgs({
  options: {
    'thread-kills': { type: 'string', default: '200' },
    'process-kills': { type: 'string', default: '100' },
    /** Kills of the process in one round; the jobs run from begin to end in each. */
    'kills-per-round': { type: 'string', default: '14' },
    /** Times that a process stands still while a second one takes its jobs over, and for how long. */
    stops: { type: 'string', default: '1' },
    'stop-ms': { type: 'string', default: '10000' },
    /** Times that the disk of the outputs is full, and that of the checkpoints. */
    'full-disks': { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 100_000) },
    /** Speed of the replay, in times of real time; without it, by turns: that kills come early, late, and at the end. */
    speed: { type: 'string' },
    'checkpoint-ms': { type: 'string', default: '50' },
    jobs: { type: 'string' },
    folder: { type: 'string' },
  },
});
/** A recorded day takes 20 s, 8 s or 3 s. */
const SPEEDS = [3_000, 7_000, 20_000];
/** Of the disk that is filled. */
const DISK_MB = 64;
const say = (text) => void process.stdout.write(`${text}\n`);

if (!hasRecordedData) {
  say('NOT RUN: there is no ../shared/data');
  process.exit(0);
}

const seed = Number(values.seed);
const [threadKills, processKills] = [Number(values['thread-kills']), Number(values['process-kills'])];
const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'tickloom-chaos-'));
const inputs = join(folder, 'inputs');
const names = values.jobs?.split(',');
say(`seed ${seed}, ${threadKills} kills of threads, ${processKills} of the process, in ${folder}`);
prepareInputs(inputs);

const configOf = (name, speed = 'max') => ({
  inputs,
  out: join(folder, name, 'out'),
  checkpoints: join(folder, name, 'checkpoints'),
  everyMs: Number(values['checkpoint-ms']),
  speed,
  names,
  moduleFolder: MODULES,
});

const began = performance.now();
const tally = newTally();
await runUndisturbed(configOf('undisturbed'));
say(`the undisturbed run took ${Math.round(performance.now() - began)} ms`);

let [rows, files, round] = [0, 0, 0];
const problems = [];
while (tally.processKills < processKills || tally.threadKills < threadKills) {
  round++;
  const speed = Number(values.speed ?? SPEEDS[round % SPEEDS.length]);
  const config = configOf(`round-${round}`, speed);
  const processLeft = Math.max(0, processKills - tally.processKills);
  const threadsLeft = Math.max(0, threadKills - tally.threadKills);
  const ofProcess = Math.min(processLeft, Number(values['kills-per-round']));
  const rounds = Math.max(1, Math.ceil(processLeft / Number(values['kills-per-round'])));
  const plan = {
    seed: seed * 1_000 + round,
    processKills: ofProcess,
    threadKills: Math.ceil((threadsLeft / rounds) * 1.2),
  };
  say(
    `round ${round}: ${plan.processKills} kills of the process, ${plan.threadKills} of threads, replay at ${speed}×`,
  );
  const wrong = await runRound(config, plan, tally, say);
  const compared = await compareOutputs(configOf('undisturbed').out, config.out);
  rows += compared.rows;
  files += compared.files;
  problems.push(...[...wrong, ...compared.problems].map((text) => `round ${round}: ${text}`));
  say(`  ${compared.rows} rows in ${compared.files} files compared`);
  if (problems.length > 0) break;
  rmSync(join(folder, `round-${round}`), { recursive: true });
}

/** One way of disturbing a run: what it makes of the jobs, compared with the undisturbed run. */
async function disturbed(name, config, disturb) {
  const wrong = await disturb(config);
  const compared = await compareOutputs(configOf('undisturbed').out, config.out);
  rows += compared.rows;
  files += compared.files;
  problems.push(...[...wrong, ...compared.problems].map((text) => `${name}: ${text}`));
  say(`${name}: ${compared.rows} rows in ${compared.files} files compared`);
}

const SLOW = Number(values.speed ?? SPEEDS[1]);
let [fenced, fullDisks] = [0, 0];
for (let stop = 1; stop <= Number(values.stops) && problems.length === 0; stop++) {
  await disturbed(`a second owner, ${stop}`, configOf(`stop-${stop}`, SLOW), async (config) => {
    const found = await stopAndTakeOver(config, Number(values['stop-ms']));
    fenced += found.fenced;
    return found.problems;
  });
}
for (let full = 1; full <= Number(values['full-disks']) && problems.length === 0; full++) {
  for (const which of ['out', 'checkpoints']) {
    const disk = join(folder, `disk-${which}-${full}`);
    const unmount = mountSmallDisk(disk, DISK_MB);
    if (!unmount) {
      say(`a full disk: NOT RUN, since nothing can be mounted here`);
      continue;
    }
    try {
      const config = { ...configOf(`full-${which}-${full}`, SLOW), [which]: join(disk, which) };
      await disturbed(`a full disk for ${which}, ${full}`, config, async () => {
        const found = await runOutOfRoom(config, disk);
        fullDisks++;
        for (const restart of found.restarts) say(`  ${restart}`);
        return found.problems;
      });
    } finally {
      unmount();
    }
  }
}

const figures = {
  seed,
  rounds: round,
  'kills of the process while jobs ran': tally.processKills,
  'kills of the process before': tally.processKillsAtStart,
  'processes that a heap overflow ended': tally.processesDied,
  'kills of threads that ended a run': tally.threadKills,
  ...Object.fromEntries(Object.entries(tally.threadsLost).map(([way, count]) => [`  by ${way}`, count])),
  'owners that were fenced after a stop': fenced,
  'disks that were full': fullDisks,
  'starts of the process': tally.starts,
  'highest epoch of a run': tally.epochMax,
  'rows compared': rows,
  'files compared': files,
  differences: problems.length,
  seconds: Math.round((performance.now() - began) / 1_000),
};
for (const [name, value] of Object.entries(figures)) say(`${name.padEnd(40)} ${value}`);
if (problems.length === 0) {
  if (values.folder === undefined) rmSync(folder, { recursive: true });
} else {
  for (const problem of problems) say(`DIFFERENCE: ${problem}`);
  say(`kept: ${folder}`);
  process.exitCode = 1;
}
