/** A thread that says that it is there, and waits to be ended. CommonJS, as the entry of our threads is. */
const { parentPort } = require('node:worker_threads');

parentPort?.on('message', () => {});
parentPort?.postMessage('here');
