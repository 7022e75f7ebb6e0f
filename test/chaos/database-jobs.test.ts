import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { serverPrograms } from './databases/own-server.mjs';
import { figureIn, runScript } from './run-script.js';

const SCRIPT = fileURLToPath(new URL('databases/run.mjs', import.meta.url));
/** TICKLOOM_SEED=7 for other kills. */
const SEED = process.env.TICKLOOM_SEED ?? '1';
/** `npm run chaos:databases` does it for longer. */
const ROUNDS = 2;

const hasServer = serverPrograms() !== undefined;
const title = 'jobs into databases';

describe.runIf(hasServer)(
  hasServer ? title : `${title} (NOT RUN: no initdb and pg_ctl of PostgreSQL)`,
  () => {
    let code: number | null;
    let said: string;
    const figure = (name: string): number => figureIn(said, name);

    beforeAll(async () => {
      ({ code, said } = await runScript(SCRIPT, ['--seed', SEED, '--rounds', String(ROUNDS)]));
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
