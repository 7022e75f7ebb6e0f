import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { serverPrograms } from './databases/own-server.mjs';

const SCRIPT = fileURLToPath(new URL('databases/run.mjs', import.meta.url));
/** TICKLOOM_SEED=7 for other kills. */
const SEED = process.env.TICKLOOM_SEED ?? '1';
/** `npm run chaos:databases` does it for longer. */
const ROUNDS = 2;

const hasServer = serverPrograms() !== undefined;
const title = 'jobs into databases';

/** @returns What the script prints, and its exit code. */
async function runScript(): Promise<{ readonly code: number | null; readonly said: string }> {
  const args = [SCRIPT, '--seed', SEED, '--rounds', String(ROUNDS)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      said += chunk;
    });
  }
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, said };
}

describe.runIf(hasServer)(
  hasServer ? title : `${title} (NOT RUN: no initdb and pg_ctl of PostgreSQL)`,
  () => {
    let code: number | null;
    let said: string;
    const figure = (name: string): number => Number(new RegExp(`^${name} +(\\d+)$`, 'm').exec(said)?.[1]);

    beforeAll(async () => {
      ({ code, said } = await runScript());
    }, 1_800_000);

    it('have the rows of an undisturbed run in their tables, whatever was killed', () => {
      expect([code, code === 0 ? '' : said]).toEqual([0, '']);
      expect(figure('rounds')).toBe(ROUNDS);
      expect(figure('rows compared')).toBeGreaterThan(0);
      expect(figure('differences')).toBe(0);
    });

    it('were killed with their children and their server, and their connections were cut', () => {
      expect(figure('kills of children that ended a run')).toBeGreaterThan(0);
      expect(figure('kills of the server')).toBeGreaterThan(0);
      expect(figure('connections that were cut')).toBeGreaterThan(0);
    });
  },
);
