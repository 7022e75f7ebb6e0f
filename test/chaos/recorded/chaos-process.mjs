// A process that runs the jobs over recorded data with checkpoints and restarts, and kills their threads:
// node chaos-process.mjs CONFIG (JSON). Tells what happens as lines of JSON on standard output.

import { writeSync } from 'node:fs';
import { BroadcastChannel } from 'node:worker_threads';
import pino from 'pino';
import { FileCheckpointStore } from '../../../dist/src/checkpoints/checkpoints.js';
import { createRuntime } from '../../../dist/src/index.js';
import { chance } from './chance.mjs';
import { CHANNEL } from './dying-operator.mjs';
import { jobsIn } from './recorded-jobs.mjs';

const { inputs, out, checkpoints, everyMs, speed, names, seed, kills, withinMs, moduleFolder } = JSON.parse(
  process.argv[2],
);
const tell = (what) => void writeSync(1, `${JSON.stringify(what)}\n`);

/** The operator dies in these by itself; of the others, the main thread terminates the thread. */
const WAYS = ['exit', 'exit', 'throw', 'reject', 'overflow', 'blocked', 'loop', 'terminate', 'terminate'];
const OUTSIDE = new Set(['blocked', 'loop', 'terminate']);
const BLOCKED_FOR_MS = 30;

const random = chance(seed);
const workers = new Map();
process.on('worker', (worker) => {
  const id = worker.threadId;
  workers.set(id, worker);
  worker.once('exit', () => workers.delete(id));
});

/** By job: the thread that its operator is in, and the way in which it was told to die. */
const threads = new Map();
const told = new Map();
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
  moduleFolders: [moduleFolder],
  maxHeapMb: 64,
  startDeadlineMs: 600_000, // the machine may be busy
  logger: pino({ level: 'warn' }, pino.destination(2)),
});
const running = new Map();
let isKilling = false;
runtime.on((event) => {
  if (event.type !== 'job.state') return;
  const { name, state, reason } = event;
  if (state === 'running') running.set(name, true);
  else running.delete(name);
  if (state === 'running') {
    tell({ is: 'running', job: name });
    beginKilling();
  }
  if (state === 'backingOff') {
    tell({ is: 'lost', job: name, way: told.get(name) ?? 'unasked', reason });
    told.delete(name);
    threads.delete(name);
  }
});

const jobs = [];
for (const spec of jobsIn({ inputs, out, speed, names })) {
  // The next start of a run that has completed would be a run of its own.
  if (await isOver(spec.name)) tell({ is: 'over', job: spec.name });
  else jobs.push(await runtime.submit(spec));
}

function beginKilling() {
  if (isKilling) return;
  isKilling = true;
  for (let kill = 0; kill < kills; kill++) setTimeout(killOne, random() * withinMs).unref();
}

function killOne() {
  const able = [...running.keys()].filter((name) => threads.has(name) && !told.has(name));
  if (able.length === 0) {
    setTimeout(killOne, 50).unref(); // all of them are about to start
    return;
  }
  const job = able[Math.floor(random() * able.length)];
  const way = WAYS[Math.floor(random() * WAYS.length)];
  const thread = threads.get(job);
  told.set(job, way);
  tell({ is: 'killing', job, way });
  if (way !== 'terminate') {
    const rows = random() < 0.5 ? 0 : 1 + Math.floor(random() * 2_000);
    channel.postMessage({ job, thread, way, rows });
  }
  if (OUTSIDE.has(way)) {
    const afterMs = way === 'terminate' ? 0 : BLOCKED_FOR_MS;
    setTimeout(() => void workers.get(thread)?.terminate(), afterMs).unref();
  }
}

const reports = await Promise.all(jobs.map(({ outcome }) => outcome));
for (const { name, outcome, error, runs } of reports) {
  tell({
    is: 'ended',
    job: name,
    outcome,
    code: error?.code,
    message: error?.message,
    epoch: runs.at(-1)?.epoch,
  });
}
await runtime.close({ deadlineMs: 5_000 });
tell({ is: 'closed' });
