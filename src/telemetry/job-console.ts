import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { redact } from '../core/redact.js';

/** Where a console writes, and how much of it waits for the main thread. */
export interface ConsoleTarget {
  write(text: string): unknown;
  readonly writableLength?: number;
}

/** Characters that may wait. The main thread writes them at once, which must take it a moment only. */
const WAITING_CHARS_MAX = 65_536;

/**
 * A console for the user's code in the thread of a job. Everything goes to standard error, each line with
 * the job's name and without credentials. Standard output belongs to the program that runs the jobs. What is
 * written faster than the main thread takes it is left out, and a line says so.
 */
export function jobConsole(job: string, target: ConsoleTarget = process.stderr): Console {
  let leavesOut = false;
  const lines = new Writable({
    decodeStrings: false,
    write(text: string, _encoding, done) {
      const isFull = (target.writableLength ?? 0) >= WAITING_CHARS_MAX;
      if (!isFull) target.write(redact(text).replace(/^(?=[\s\S])/gm, `[${job}] `));
      else if (!leavesOut) target.write(`[${job}] … more is printed than can be shown: lines are left out\n`);
      leavesOut = isFull;
      done();
    },
  });
  return new Console({ stdout: lines, stderr: lines });
}
