/** Entry of the thread that watches a pipeline's process. */
import { parentPort, workerData } from 'node:worker_threads';
import { watchProcess } from '../src/actor/process-watch.js';
import { ORPHANED, type WatchData } from '../src/wire/process-messages.js';

watchProcess(workerData as WatchData, () => parentPort?.postMessage(ORPHANED));
