/** Runs that die before any of their operations. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../../src/core/random.js';
import { stateFolderOf } from '../../src/outputs/runs/state-folder.js';
import { temporaryDirectory } from '../stages/sinks/sink-rows.js';
import { CrashingFileSystem } from './crashing-file-system.js';
import { operations } from './deep.js';
import { buryRuns, remainsOf } from './file-runs.js';

interface End {
  readonly end: string;
  readonly powerCut: boolean;
  /** Whether some of what was not synced is there after the power cut. */
  readonly isPartial?: boolean;
}

/** What survives a power cut in part is the same the next time; TICKLOOM_SEED=2 for another one. */
const SEED = Number(process.env.TICKLOOM_SEED ?? 1);

/** Before an operation is after the one before it. */
export const ENDS: readonly End[] = [
  { end: 'is killed', powerCut: false },
  { end: 'loses its power', powerCut: true },
  { end: 'loses its power, and some of what was not synced,', powerCut: true, isPartial: true },
];

/** @returns Whether the operation was reached. */
export async function crashAt(
  stopAt: number,
  { powerCut, isPartial }: End,
  path: string,
  act: (fs: CrashingFileSystem['fs'], disk: CrashingFileSystem) => Promise<void>,
): Promise<boolean> {
  const disk = new CrashingFileSystem();
  disk.stopAt = stopAt;
  await act(disk.fs, disk).catch((error: unknown) => {
    if (!disk.isStopped) throw error;
  });
  const reached = disk.isStopped;
  const random = new Random(SEED * 10_000 + stopAt);
  if (powerCut && reached) await disk.cutPower(isPartial ? () => random.next() : undefined);
  else await disk.kill();
  buryRuns(path);
  return reached;
}

/** What nobody needs any more. A power cut may bring back an empty folder. */
export function needless(path: string, { powerCut }: { powerCut: boolean }): string[] {
  const remains = remainsOf(path);
  return powerCut ? remains.filter((name) => statSync(join(stateFolderOf(path), name)).isFile()) : remains;
}

/** A path for each operation until one is not reached. */
export async function everyOperation(name: string, visit: (at: number, path: string) => Promise<boolean>) {
  for (const at of operations()) {
    const path = join(temporaryDirectory(), name);
    if (!(await visit(at, path))) return at;
  }
  return 0;
}
