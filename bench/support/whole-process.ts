import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { RunTimes } from './measure.js';

/** Prints what the command took, by the shell's own clock and by `wait4`: its children and its end included. */
const SCRIPT = `log=$1; shift; TIMEFORMAT='%3R %3U %3S'; time "$@" >"$log" 2>&1`;

interface ProcessSettings {
  /** The file that its output goes to. */
  readonly log: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Default: Node. */
  readonly program?: string;
}

/**
 * Runs a program to its end, and answers with what the whole process took.
 *
 * @throws {Error} when it fails, with that output.
 */
export async function timesOfProcess(
  args: readonly string[],
  { log, env = {}, program = process.execPath }: ProcessSettings,
): Promise<RunTimes> {
  const shell = spawn('bash', ['-c', SCRIPT, 'bash', log, program, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [told, [code]] = await Promise.all([text(shell.stderr), once(shell, 'exit')]);
  if (code !== 0)
    throw new Error(`${program} ${args.join(' ')}: exit code ${code}\n${await readFile(log, 'utf8')}`);
  const [wall, user, system] = told.trim().replaceAll(',', '.').split(' ').map(Number);
  return { wallMs: wall! * 1_000, cpuMs: (user! + system!) * 1_000 };
}
