/** Entry of a pipeline's process. Wiring only; what a pipeline does is in `src/engine`. */
import { Worker } from 'node:worker_threads';
import { runTask } from '../src/actor/run-task.js';
import { serveProcess } from '../src/actor/serve-process.js';
import { jobConsole } from '../src/telemetry/job-console.js';
import type { WatchData } from '../src/wire/process-messages.js';

/** The thread that watches has nothing but a few numbers. */
const WATCH_HEAP = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1, stackSizeMb: 1 };

const [, , , limits] = process.argv;

serveProcess({
  // Of the supervisor, which has made it just now.
  limits: JSON.parse(limits ?? '{}') as Pick<WatchData, 'rssBytesMax' | 'orphanGraceMs'>,
  startWatch(data, onOrphaned) {
    const watch = new Worker(new URL('process-watch.worker.cjs', import.meta.url), {
      workerData: data,
      execArgv: [],
      resourceLimits: WATCH_HEAP,
    });
    watch.on('message', onOrphaned);
    watch.on('error', (error) => {
      throw error; // unwatched, it would be no process of ours
    });
    watch.unref();
  },
  run(task, own) {
    globalThis.console = jobConsole(task.spec.name);
    return runTask(task, { process: process.pid }, own);
  },
});
