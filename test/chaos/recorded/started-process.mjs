import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PROCESS = fileURLToPath(new URL('chaos-process.mjs', import.meta.url));
/** Every process that this one has started and that lives. */
const alive = new Set();
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/**
 * Starts a process that runs the jobs.
 *
 * @param onEvent - Is given what it tells, as it tells it.
 * @param program - The script of the process.
 */
export function startProcess(config, onEvent = () => {}, program = PROCESS) {
  const child = spawn(process.execPath, [program, JSON.stringify(config)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  alive.add(child);
  const running = new Set();
  let [rest, said] = ['', ''];
  let begin;
  const begun = new Promise((resolve) => {
    begin = resolve;
  });
  child.stdout.on('data', (chunk) => {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop();
    for (const line of lines.filter((text) => text.startsWith('{'))) {
      const event = JSON.parse(line);
      if (event.is === 'running') {
        running.add(event.job);
        begin();
      }
      if (event.is === 'lost' || event.is === 'ended') running.delete(event.job);
      onEvent(event);
    }
  });
  child.stderr.on('data', (chunk) => {
    said = `${said}${chunk}`.slice(-20_000);
  });
  const end = new Promise((resolve) => {
    child.once('close', (code, signal) => {
      alive.delete(child);
      begin();
      resolve({ code: signal ?? code, said });
    });
  });
  return {
    kill: (signal) => child.kill(signal),
    /** A job is running, or it has ended. */
    begun,
    end,
    /** How many jobs are running, as far as it has told. */
    running: () => running.size,
    said: () => said,
  };
}
