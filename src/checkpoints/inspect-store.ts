import * as nodeFs from 'node:fs/promises';
import { join } from 'node:path';
import { PipelineError } from '../core/errors.js';
import { errnoCode } from '../core/output-error.js';
import { type Liveness, livenessOf, thisOwner } from '../outputs/runs/run-owner.js';
import { silentLogger } from '../telemetry/logger.js';
import type { Checkpoint } from '../wire/checkpoint.js';
import { checkKey } from './checkpoint-store.js';
import { findCheckpoint } from './find-checkpoint.js';
import { folderOfKey } from './key-folder.js';
import { type Claim, StoreFolder } from './store-folder.js';
import { lastEpoch, type StoreFile } from './store-names.js';

/** The part of `node:fs/promises` that looking at a store takes. */
export type InspectedFileSystem = typeof nodeFs;

/** What a store of files has of a key. */
export interface KeyView {
  readonly folder: string;
  /** Of the last claim; `undefined` if this cannot be read. */
  readonly claim: Claim | undefined;
  /** Of the last claim; 0 if there is none. */
  readonly epoch: number;
  /** State of the thread that made the last claim; `unknown` if the claim does not say who it was. */
  readonly owner: Liveness | 'unknown';
  /** The checkpoint that the next start goes on from; `undefined` if there is none, or none that can be read. */
  readonly checkpoint: Checkpoint | undefined;
  /** Of its file, and of the log with its strings. */
  readonly bytes: number;
  /** What is damaged, as lines. */
  readonly problems: readonly string[];
}

/**
 * Looks at all keys of a store of files, in the order of their folders. Changes nothing.
 *
 * @throws {PipelineError} `INPUT_UNREADABLE` if the folder is no store, or cannot be read.
 */
export async function inspectStore(
  root: string,
  fs: InspectedFileSystem = nodeFs,
): Promise<readonly KeyView[]> {
  const views: KeyView[] = [];
  let others = 0;
  for (const name of (await namesOf(root, fs)).sort()) {
    const view = await viewOf(new StoreFolder(join(root, name), fs), fs);
    if (view) views.push(view);
    else others++;
  }
  if (views.length === 0 && others > 0) {
    throw unreadable(root, 'the folder of a checkpoint store', 'one with other things in it');
  }
  return views;
}

/**
 * Looks at one key of a store of files. Changes nothing.
 *
 * @returns `undefined` if nobody has claimed it.
 * @throws {PipelineError} `INPUT_UNREADABLE` if the folder is no store, or cannot be read.
 */
export async function inspectKey(
  root: string,
  key: string,
  fs: InspectedFileSystem = nodeFs,
): Promise<KeyView | undefined> {
  checkKey(key);
  await namesOf(root, fs);
  return viewOf(new StoreFolder(join(root, folderOfKey(key)), fs), fs);
}

async function namesOf(root: string, fs: InspectedFileSystem): Promise<string[]> {
  try {
    return await fs.readdir(root);
  } catch (error) {
    const code = errnoCode(error);
    const found =
      code === 'ENOENT' ? 'nothing of that name' : code === 'ENOTDIR' ? 'a file' : `one that fails: ${code}`;
    throw unreadable(root, 'the folder of a checkpoint store', found, error);
  }
}

/** @returns `undefined` for a folder without a claim. */
async function viewOf(folder: StoreFolder, fs: InspectedFileSystem): Promise<KeyView | undefined> {
  const files = await folder.files();
  const epoch = lastEpoch(files);
  if (epoch === 0) return undefined;
  const problems: string[] = [];
  const claim = await orProblem(problems, () => folder.lastClaim());
  if (claim && folder.path !== join(folder.path, '..', folderOfKey(claim.key))) {
    problems.push(
      `${folder.path}: expected the folder of its key "${claim.key}", "${folderOfKey(claim.key)}"`,
    );
  }
  const log = {
    ...silentLogger,
    warn: (fields: object) => {
      problems.push(`${messageOf((fields as { readonly err?: unknown }).err)}; the one before it is taken`);
    },
  };
  const found = await orProblem(problems, () => findCheckpoint(folder, log));
  return {
    folder: folder.path,
    claim,
    epoch,
    owner: claim?.thread ? await livenessOf(claim.thread, thisOwner(), fs) : 'unknown',
    checkpoint: found?.checkpoint,
    bytes: await bytesOf(folder, [found?.file, found?.strings], fs),
    problems,
  };
}

async function orProblem<T>(problems: string[], read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    const isOfSystem = errnoCode(error) !== undefined;
    if (!isOfSystem && !(error instanceof PipelineError)) throw error;
    const message = messageOf(error);
    if (!problems.includes(message)) problems.push(message);
    return undefined;
  }
}

async function bytesOf(
  folder: StoreFolder,
  files: readonly (Pick<StoreFile, 'name'> | undefined)[],
  fs: InspectedFileSystem,
): Promise<number> {
  let bytes = 0;
  for (const name of new Set(files.flatMap((file) => (file ? [file.name] : [])))) {
    // A checkpoint that was followed by another one meanwhile.
    bytes += await fs.stat(folder.pathOf(name)).then(
      ({ size }) => size,
      () => 0,
    );
  }
  return bytes;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const unreadable = (path: string, expected: string, found: string, cause?: unknown): PipelineError =>
  new PipelineError('INPUT_UNREADABLE', `"${path}": expected ${expected}, found ${found}`, { cause });
