/** Is one end of a stream, as often as it is asked, and answers with what it saw. */
import { parentPort } from 'node:worker_threads';
import { type RingEnd, runEnd } from './ring-ends.js';

parentPort?.on('message', (end: RingEnd) => {
  void runEnd(end).then((report) => parentPort?.postMessage(report));
});
