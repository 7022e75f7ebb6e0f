/** A thread that says that it is there, and waits to be ended. */
import { parentPort } from 'node:worker_threads';

parentPort?.on('message', () => {});
parentPort?.postMessage('here');
