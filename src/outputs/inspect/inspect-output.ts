import type { Stats } from 'node:fs';
import { basename, join } from 'node:path';
import { silentLogger } from '../../telemetry/logger.js';
import { Disk } from '../disk/disk.js';
import { type FileSystem, nodeFileSystem } from '../disk/file-system.js';
import { RANDOM_NAME } from '../disk/random-name.js';
import { type PartId, parsePartName } from '../parts/part-name.js';
import { listOutput } from '../parts/partition-folders.js';
import { type PendingReplacement, pendingReplacements } from '../parts/replacement.js';
import { parseStagingFolder } from '../runs/fence.js';
import { type RegisteredRun, registeredRuns } from '../runs/run-entries.js';
import { KEPT } from '../staging/staging.js';
import { type FoundOutput, findOutput, unreadable } from './find-output.js';

/** A file that counts. For a single file, nothing says which run wrote it. */
export interface CountedFile {
  readonly name: string;
  readonly bytes: number;
  readonly part: PartId | undefined;
}

/** An entry in a directory of parts that is not a part. */
export interface ForeignFile {
  readonly name: string;
  readonly kind: 'file' | 'directory' | 'link' | 'other';
  /** A glob for a format matches it, so queries read it as if it counted. */
  readonly isRead: boolean;
}

/** The folder that one owner of a run writes in, or wrote in. */
export interface StagedFolder {
  readonly path: string;
  readonly run: string;
  readonly epoch: number;
  /** Files that are incomplete or not published yet, and the journal of a checkpoint. */
  readonly files: number;
  readonly bytes: number;
  /** Whether a checkpoint store may resume from its contents. */
  readonly isKept: boolean;
  /** Whether its owner can no longer publish anything. */
  readonly isFenced: boolean;
  /** State of its owner; `ended` if the run reported its end, or its death was noticed. */
  readonly owner: RegisteredRun['liveness'] | 'ended';
}

/** The files of an output that count, those that do not count yet, and the runs that they belong to. */
export interface OutputView extends FoundOutput {
  readonly files: readonly CountedFile[];
  readonly foreign: readonly ForeignFile[];
  /** Only with outputs of earlier versions: the list of the parts that count. */
  readonly manifest: string | undefined;
  readonly staged: readonly StagedFolder[];
  readonly runs: readonly RegisteredRun[];
  readonly replacements: readonly PendingReplacement[];
  /** Folders that a release was removing when it died. Nobody reads them. */
  readonly released: readonly string[];
}

/** Name of a run's folder whose removal has begun. */
export const RELEASED = new RegExp(`^released-${RANDOM_NAME}$`);
const MANIFEST = 'manifest.json';
const RUN_FOLDER = new RegExp(`^${RANDOM_NAME}$`);
const DATA_FILE = /^[^.].*\.(parquet|(csv|tsv|jsonl|ndjson|json)(\.gz)?)$/i;
/** Enough to keep the threads of libuv busy. */
const LOOKS_MAX = 64;

/**
 * Inspects an output. Changes nothing, follows no link in it, and works while runs are writing: a part
 * that is published meanwhile may be listed both as staged and as counting, but is never missed.
 *
 * @throws {PipelineError} `INPUT_UNREADABLE`
 */
export async function inspectOutput(path: string, fs: FileSystem = nodeFileSystem): Promise<OutputView> {
  const found = await findOutput(fs, path);
  try {
    const disk = new Disk(fs, silentLogger);
    // Files move from staging to the output, so they are listed in this order.
    const runs = found.hasState ? await registeredRuns(disk, found.state) : [];
    const staged = found.hasState ? await stagedFolders(disk, found.state, runs) : [];
    const replacements = found.hasState ? await pendingReplacements(disk, found.state) : [];
    const names = found.hasState ? await disk.list(found.state) : [];
    const released = names.filter((name) => RELEASED.test(name)).map((name) => join(found.state, name));
    return { ...found, runs, staged, replacements, released, ...(await visibleFiles(disk, found)) };
  } catch (error) {
    throw unreadable(path, error);
  }
}

async function visibleFiles(disk: Disk, { kind, output }: FoundOutput) {
  const files: CountedFile[] = [];
  const foreign: ForeignFile[] = [];
  const names = kind === 'directory' ? (await listOutput(disk, output)).sort() : [''];
  await eachOf(disk, output, names, (name, facts) => {
    const part = parsePartName(name);
    if (facts.isFile() && (kind === 'file' || part)) files.push({ name, bytes: facts.size, part });
    else if (kind === 'directory' && name !== MANIFEST) {
      const type = facts.isFile() ? 'file' : facts.isDirectory() ? 'directory' : undefined;
      foreign.push({
        name,
        kind: type ?? (facts.isSymbolicLink() ? 'link' : 'other'),
        isRead: type !== 'directory' && DATA_FILE.test(basename(name)),
      });
    }
  });
  const manifest = kind === 'directory' && names.includes(MANIFEST) ? join(output, MANIFEST) : undefined;
  return { files, foreign, manifest };
}

async function stagedFolders(
  disk: Disk,
  state: string,
  runs: readonly RegisteredRun[],
): Promise<StagedFolder[]> {
  const folders: StagedFolder[] = [];
  for (const run of (await disk.list(state)).filter((name) => RUN_FOLDER.test(name)).sort()) {
    const runFolder = join(state, run);
    const names = (await listFolder(disk, runFolder)).filter(parseStagingFolder).sort();
    for (const name of names) {
      const { staging, epoch, fencedBy } = parseStagingFolder(name)!;
      const path = join(runFolder, name);
      let files = 0;
      let bytes = 0;
      const inside = await listFolder(disk, path);
      await eachOf(disk, path, inside, (file, facts) => {
        if (!facts.isFile() || file === KEPT) return;
        files++;
        bytes += facts.size;
      });
      const entry = runs.find((one) => one.entry?.run === run && one.entry.staging === staging);
      folders.push({
        path,
        run,
        epoch,
        files,
        bytes,
        isKept: inside.includes(KEPT),
        isFenced: fencedBy > 0,
        owner: entry?.liveness ?? 'ended',
      });
    }
  }
  return folders;
}

/** Lists one of our own folders. A link or a file in its place is not followed. */
async function listFolder(disk: Disk, path: string): Promise<string[]> {
  const [isFolder] = await looksAt(disk, [path]);
  return isFolder?.isDirectory() ? disk.list(path) : [];
}

/** Visits the entries in the order of their names. Entries that have disappeared are left out. */
async function eachOf(
  disk: Disk,
  folder: string,
  names: readonly string[],
  take: (name: string, facts: Stats) => void,
): Promise<void> {
  for (let at = 0; at < names.length; at += LOOKS_MAX) {
    const some = names.slice(at, at + LOOKS_MAX);
    const found = await looksAt(
      disk,
      some.map((name) => join(folder, name)),
    );
    for (const [i, facts] of found.entries()) if (facts) take(some[i]!, facts);
  }
}

const looksAt = (disk: Disk, paths: readonly string[]): Promise<(Stats | undefined)[]> =>
  Promise.all(
    paths.map((path) =>
      (disk.fs.lstat(path) as Promise<Stats>).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw error;
      }),
    ),
  );
