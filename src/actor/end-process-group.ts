/**
 * Ends this process by force, with all processes that it has started and that are still in its group: nothing that it
 * does, or is in, can delay that. `process.exit` waits for calls of the system.
 */
export function endProcessGroup(): void {
  try {
    process.kill(-process.pid, 'SIGKILL'); // a process of a pipeline leads a group of its own
  } catch {
    // Not where there are no groups.
  }
  process.kill(process.pid, 'SIGKILL');
}
