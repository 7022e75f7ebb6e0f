import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { redact } from '../core/redact.js';

/**
 * A console for the user's code in the thread of a job. Everything goes to standard error, each line with
 * the job's name and without credentials. Standard output belongs to the program that runs the jobs.
 */
export function jobConsole(job: string, target: { write(text: string): unknown } = process.stderr): Console {
  const lines = new Writable({
    decodeStrings: false,
    write(text: string, _encoding, done) {
      target.write(redact(text).replace(/^(?=[\s\S])/gm, `[${job}] `));
      done();
    },
  });
  return new Console({ stdout: lines, stderr: lines });
}
