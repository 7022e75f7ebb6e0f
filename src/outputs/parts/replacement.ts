import { join } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import type { Disk } from '../disk/disk.js';
import { RANDOM_NAME } from '../disk/random-name.js';
import { findStaged, look, stagingFolders } from '../runs/fence.js';
import type { Staging } from '../staging/staging.js';
import { COLUMNS_FILE } from './existing-parts.js';
import { digits, isPart } from './part-name.js';
import { makeFolders, removeFromOutput, renameIntoOutput, syncOutput } from './partition-folders.js';

/** A complete part that is waiting to be published. */
export interface StagedPart {
  readonly name: string;
  readonly bytes: number;
}

/**
 * The record of a replacement. Once it is written, the old parts no longer count and the new ones do,
 * even though moving them takes a while.
 */
interface Decision {
  readonly version: 1;
  readonly run: string;
  /** Names of the parts to remove. */
  readonly old: readonly string[];
  /** The new parts. */
  readonly parts: readonly StagedPart[];
}

const FILE = new RegExp(`^replacing-(${RANDOM_NAME})-\\d{5,}\\.json$`);

/** A decision that the next run at the output will carry out. */
export interface PendingReplacement {
  readonly path: string;
  readonly run: string;
  /** Number of parts to remove and to add; `undefined` if the file cannot be parsed. */
  readonly parts: { readonly old: number; readonly new: number } | undefined;
}

/** Where the parts of an output are, and where their staging is. */
export interface OutputFolders {
  readonly disk: Disk;
  readonly state: string;
  readonly directory: string;
}

/**
 * Replaces parts by others: records the decision, removes the old parts, publishes the new ones. A reader
 * sees fewer rows for a while, but never duplicates. The new columns must be staged (`stageColumns`);
 * until the decision, the columns of the old parts stay recorded.
 *
 * @throws {PipelineError} `FENCED` before anything was decided.
 */
export async function replaceParts(
  folders: OutputFolders,
  staging: Staging,
  { epoch, ...decided }: Omit<Decision, 'version'> & { readonly epoch: number },
): Promise<void> {
  const decision: Decision = { version: 1, ...decided };
  const path = decisionPath(folders, decision.run, epoch);
  await staging.sync();
  await staging.decide(path, JSON.stringify(decision));
  await carryOut(folders, path, decision);
}

/** Whether this owner of a run has made a decision that is not finished yet. */
export const hasDecided = (folders: OutputFolders, run: string, epoch: number): Promise<boolean> =>
  folders.disk.has(decisionPath(folders, run, epoch));

const decisionPath = ({ state }: OutputFolders, run: string, epoch: number): string =>
  join(state, `replacing-${run}-${digits(epoch, 5)}.json`);

/**
 * Finishes replacements that runs had decided before they died.
 *
 * @param ownRun - Run of the caller; its folders stay even if they are empty.
 */
export async function finishReplacements(folders: OutputFolders, ownRun: string): Promise<void> {
  const { disk, state } = folders;
  for (const name of (await disk.list(state)).filter((found) => FILE.test(found))) {
    const path = join(state, name);
    const text = await disk.read(path);
    if (text === undefined) continue;
    const decision = parseDecision(path, text);
    await carryOut(folders, path, decision);
    if (decision.run !== ownRun) await removeEmptyFolders(disk, join(state, decision.run));
  }
}

/** Replacements that runs decided but did not finish. Changes nothing. */
export async function pendingReplacements(disk: Disk, state: string): Promise<PendingReplacement[]> {
  const pending: PendingReplacement[] = [];
  for (const name of (await disk.list(state)).sort()) {
    const run = FILE.exec(name)?.[1];
    if (run === undefined) continue;
    const path = join(state, name);
    try {
      const text = await disk.read(path);
      if (text === undefined) continue; // finished in between
      const { old, parts } = parseDecision(path, text);
      pending.push({ path, run, parts: { old: old.length, new: parts.length } });
    } catch (error) {
      if (!(error instanceof PipelineError)) throw error;
      pending.push({ path, run, parts: undefined });
    }
  }
  return pending;
}

async function removeEmptyFolders(disk: Disk, runFolder: string): Promise<void> {
  for (const folder of [...(await stagingFolders(disk, runFolder)), runFolder]) {
    await disk.fs.rmdir(folder).catch(() => undefined);
  }
}

/** Carries out a decision. Each step may have been taken before, by this run or another one. */
async function carryOut(
  { disk, state, directory }: OutputFolders,
  path: string,
  decision: Decision,
): Promise<void> {
  const { run, old, parts } = decision;
  await removeFromOutput(disk, directory, old);
  const columns = await findStaged(disk, await stagingFolders(disk, join(state, run)), COLUMNS_FILE);
  if (columns) await renameIntoOutput(disk, state, columns.path, COLUMNS_FILE);
  const names = parts.map(({ name }) => name);
  await makeFolders(disk, directory, names);
  for (const name of names) {
    const final = join(directory, name);
    const folders = await stagingFolders(disk, join(state, run));
    const staged = await findStaged(disk, folders, name);
    if (staged && (await renameIntoOutput(disk, directory, staged.path, name))) continue;
    if (await look(disk, final)) continue;
    if ((await disk.read(path)) === undefined) return; // another run has finished it
    throw new PipelineError(
      'OUTPUT_FAILED',
      `"${final}" was to replace what was in its directory, and is gone: expected it there or below ` +
        `"${join(state, run)}"; restore it, or remove "${path}" to do without it`,
    );
  }
  await syncOutput(disk, directory, names);
  await disk.remove(path);
  await disk.syncDirectory(state);
}

function parseDecision(path: string, text: string): Decision {
  let found: Partial<Decision> | null = null;
  try {
    found = JSON.parse(text) as Partial<Decision> | null;
  } catch {
    // Reported below.
  }
  const isDecision =
    found?.version === 1 &&
    new RegExp(`^${RANDOM_NAME}$`).test(String(found.run)) &&
    Array.isArray(found.old) &&
    found.old.every((name: unknown) => isPart(String(name))) &&
    Array.isArray(found.parts) &&
    found.parts.every((part: Partial<StagedPart> | null) => isPart(String(part?.name)));
  if (isDecision) return found as Decision;
  throw new PipelineError(
    'OUTPUT_FAILED',
    `"${path}" should list which parts replace which, but cannot be understood: move it away to continue without it`,
  );
}
