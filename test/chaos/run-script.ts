import { spawn } from 'node:child_process';

/** What a script of chaos has printed, and its exit code. */
export interface ScriptEnd {
  readonly code: number | null;
  readonly said: string;
}

/** @param script - Its path. */
export async function runScript(script: string, args: readonly string[]): Promise<ScriptEnd> {
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      said += chunk;
    });
  }
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, said };
}

/** A figure of the tally that the script prints at its end; NaN if it is not there. */
export const figureIn = (said: string, name: string): number =>
  Number(new RegExp(`^${name} +(\\d+)$`, 'm').exec(said)?.[1]);
