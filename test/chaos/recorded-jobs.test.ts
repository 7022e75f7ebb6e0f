import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { hasRecordedData, recordedTitle } from '../support/recorded-data.js';
import { figureIn, runScript } from './run-script.js';

const SCRIPT = fileURLToPath(new URL('recorded/run.mjs', import.meta.url));
/** TICKLOOM_SEED=7 for other kills. */
const SEED = process.env.TICKLOOM_SEED ?? '1';
/** A source of CSV that is plain and one that is gzip, bars and a join, and outputs of each format. */
const JOBS = 'spy-bars,eurusd-asof,aig-branches';

/** What `npm run chaos` does for longer. */
const SHORT = [
  '--thread-kills',
  '4',
  '--process-kills',
  '2',
  '--stops',
  '1',
  '--stop-ms',
  '0',
  '--full-disks',
  '1',
];

describe.runIf(hasRecordedData)(recordedTitle('jobs over recorded data'), () => {
  let code: number | null;
  let said: string;
  const figure = (name: string): number => figureIn(said, name);

  beforeAll(async () => {
    ({ code, said } = await runScript(SCRIPT, ['--seed', SEED, '--jobs', JOBS, ...SHORT]));
  }, 600_000);

  it('write what they do undisturbed, whatever happens to them', () => {
    expect([code, code === 0 ? '' : said]).toEqual([0, '']);
    expect(figure('rows compared')).toBeGreaterThan(0);
  });

  it('were killed with their threads and their process', () => {
    expect(figure('kills of the process while jobs ran')).toBeGreaterThanOrEqual(2);
    expect(figure('kills of threads that ended a run')).toBeGreaterThanOrEqual(4);
  });

  it('were taken over by a second process while the first one stood still, which is fenced', () => {
    expect(figure('owners that were fenced after a stop')).toBeGreaterThan(0);
  });

  it('had no room for their outputs and checkpoints, and went on once there was some', (context) => {
    context.skip(said.includes('a full disk: NOT RUN'), 'NOT RUN: nothing can be mounted here');
    expect(figure('disks that were full')).toBe(2);
  });
});
