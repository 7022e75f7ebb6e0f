/** Signals whose number is in the exit code that a shell sees. */
export type EndSignal = 'SIGKILL' | 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/**
 * Ends the process at once. `process.exit` would wait for a thread that is in a call which does not return; a signal
 * does not. A shell shows it as 128 plus its number: 137 for SIGKILL.
 */
export function endBySignal(signal: EndSignal): never {
  process.removeAllListeners(signal); // with a listener, the signal would not end the process
  process.kill(process.pid, signal);
  // Signals other than SIGKILL may be delivered a moment later.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
  process.kill(process.pid, 'SIGKILL');
  throw new Error('the process did not end');
}
