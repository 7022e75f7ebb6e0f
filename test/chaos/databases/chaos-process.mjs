// A process that runs jobs into databases with checkpoints and restarts, and kills their threads and children:
// node chaos-process.mjs CONFIG (JSON). Tells what happens as lines of JSON on standard output.

import { writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BroadcastChannel } from 'node:worker_threads';
import pino from 'pino';
import { FileCheckpointStore } from '../../../dist/src/checkpoints/checkpoints.js';
import { createRuntime } from '../../../dist/src/index.js';
import { chance } from '../recorded/chance.mjs';
import { CHANNEL } from '../recorded/dying-operator.mjs';
import { jobsIn, mayKillThread } from './database-jobs.mjs';

const { checkpoints, everyMs, seed, threadKills, childKills, withinMs, ...place } = JSON.parse(
  process.argv[2],
);
const tell = (what) => void writeSync(1, `${JSON.stringify(what)}\n`);

/** The operator dies in these by itself; of the others, the main thread terminates the thread. */
const WAYS = ['exit', 'throw', 'reject', 'blocked', 'loop', 'terminate', 'terminate'];
const OUTSIDE = new Set(['blocked', 'loop', 'terminate']);
const BLOCKED_FOR_MS = 30;
const AGAIN_AFTER_MS = 50;

const random = chance(seed);
const oneOf = (all) => all[Math.floor(random() * all.length)];
const workers = new Map();
process.on('worker', (worker) => {
  const id = worker.threadId;
  workers.set(id, worker);
  worker.once('exit', () => workers.delete(id));
});

/** By job: the thread that its operator is in, and the way in which it was killed. */
const threads = new Map();
const killed = new Map();
const channel = new BroadcastChannel(CHANNEL);
channel.unref();
channel.onmessage = ({ data }) => {
  if (data.isThere) threads.set(data.job, data.thread);
};

const isOver = async (name) => {
  const found = await new FileCheckpointStore(checkpoints).load(name);
  return found?.ended?.isPublished === true;
};

const runtime = await createRuntime({
  checkpoints: { path: checkpoints, every: `${everyMs}ms` },
  restart: { policy: 'on-failure', backOff: '1ms', backOffMax: '20ms', maxRestarts: 10_000 },
  moduleFolders: [dirname(fileURLToPath(new URL('../recorded/dying-operator.mjs', import.meta.url)))],
  maxHeapMb: 64,
  startDeadlineMs: 600_000, // the machine may be busy
  logger: pino({ level: 'warn' }, pino.destination(2)),
});
const running = new Set();
const handles = new Map();
let isKilling = false;
runtime.on((event) => {
  if (event.type !== 'job.state') return;
  const { name, state, reason } = event;
  if (state === 'running') {
    running.add(name);
    tell({ is: 'running', job: name });
    beginKilling();
  } else running.delete(name);
  if (state === 'backingOff') {
    tell({ is: 'lost', job: name, way: killed.get(name) ?? 'restarted', reason });
    killed.delete(name);
    threads.delete(name);
  }
});

for (const spec of jobsIn(place)) {
  // The next start of a run that has completed would be a run of its own.
  if (await isOver(spec.name)) tell({ is: 'over', job: spec.name });
  else handles.set(spec.name, await runtime.submit(spec));
}

function beginKilling() {
  if (isKilling) return;
  isKilling = true;
  for (let kill = 0; kill < threadKills; kill++) setTimeout(killThread, random() * withinMs).unref();
  for (let kill = 0; kill < childKills; kill++) setTimeout(killChild, random() * withinMs).unref();
}

function killThread() {
  const able = [...running].filter((name) => mayKillThread(name) && threads.has(name) && !killed.has(name));
  if (able.length === 0) {
    setTimeout(killThread, AGAIN_AFTER_MS).unref(); // all of them are about to start
    return;
  }
  const job = oneOf(able);
  const way = oneOf(WAYS);
  const thread = threads.get(job);
  killed.set(job, way);
  if (way !== 'terminate') {
    const rows = random() < 0.5 ? 0 : 1 + Math.floor(random() * 2_000);
    channel.postMessage({ job, thread, way, rows });
  }
  // A thread that has ended its job may have another one by now, with DuckDB in it.
  const terminate = () => {
    if (running.has(job) && threads.get(job) === thread) void workers.get(thread)?.terminate();
  };
  if (OUTSIDE.has(way)) setTimeout(terminate, way === 'terminate' ? 0 : BLOCKED_FOR_MS).unref();
}

function killChild() {
  const able = [...running].filter((name) => handles.get(name)?.inspect().pid !== undefined);
  if (able.length === 0) {
    setTimeout(killChild, AGAIN_AFTER_MS).unref();
    return;
  }
  const job = oneOf(able);
  killed.set(job, 'child');
  process.kill(handles.get(job).inspect().pid, 'SIGKILL');
}

const reports = await Promise.all([...handles.values()].map(({ outcome }) => outcome));
for (const { name, outcome, error, runs } of reports) {
  const epoch = runs.at(-1)?.epoch;
  tell({ is: 'ended', job: name, outcome, code: error?.code, message: error?.message, epoch });
}
await runtime.close({ deadlineMs: 5_000 });
tell({ is: 'closed' });
