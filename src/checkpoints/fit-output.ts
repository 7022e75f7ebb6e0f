import { basename, join } from 'node:path';
import type { OutputView } from '../outputs/inspect/inspect-output.js';
import { isAfter } from '../outputs/parts/part-name.js';
import type { PartPosition } from '../outputs/parts/part-position.js';
import type { FilePosition } from '../outputs/single-file/file-position.js';
import { type JournalPosition, journalName } from '../outputs/staging/journal.js';
import type { OpenFilesPosition } from '../outputs/staging/open-files-position.js';
import { STAGED } from '../outputs/staging/staged-file.js';
import type { InspectedFileSystem } from './inspect-store.js';

/** What an output has of the files that a checkpoint lists. */
export interface OutputFit {
  /** Why a start from the checkpoint would be refused, as lines. */
  readonly problems: readonly string[];
  /** Parts of the run that the start takes back. */
  readonly beyond: readonly string[];
  /** The highest epoch of the run that the output knows. */
  readonly epoch: number;
}

/** A file of the run, and how many bytes of it are there. */
interface Sized {
  readonly name: string;
  readonly bytes: number;
}

/** Compares a position in a directory of parts with what is there. Changes nothing, reads no rows. */
export async function fitParts(
  position: PartPosition,
  view: OutputView,
  fs: InspectedFileSystem,
): Promise<OutputFit> {
  const { run, published, staged, open } = position;
  const own = view.files.filter(({ part }) => part?.run === run);
  const stagedFiles = await stagedBy(run, view, fs);
  const problems: string[] = [];
  const listed = new Set([...staged, ...(open?.files ?? [])].map(({ name }) => name));
  const before = own.filter(({ name, part }) => !listed.has(name) && !isAfter(part!, position));
  if (before.length < published) {
    problems.push(`expected ${published} parts of run ${run} that are published, found ${before.length}`);
  }
  for (const { name, bytes } of staged) {
    const found = [...own.filter((file) => file.name === name), ...stagedAs(name, stagedFiles)];
    if (!found.some((file) => file.bytes === bytes)) problems.push(lacks(name, bytes, found));
  }
  if (open) problems.push(...lackingOpen(open, [...own, ...stagedFiles], stagedFiles));
  return {
    problems,
    beyond: own.filter(({ part }) => isAfter(part!, position)).map(({ name }) => name),
    epoch: highest(view, run, position.epoch),
  };
}

/** Compares a position in a single file with what is there. Changes nothing, reads no rows. */
export async function fitFile(
  { run, epoch, bytes, published, open }: FilePosition,
  view: OutputView,
  fs: InspectedFileSystem,
): Promise<OutputFit> {
  const name = basename(view.output);
  const stagedFiles = await stagedBy(run, view, fs);
  const shown = view.kind === 'file' ? view.files.map((file) => ({ name, bytes: file.bytes })) : [];
  const problems: string[] = [];
  if (open) problems.push(...lackingOpen(open, [...shown, ...stagedFiles], stagedFiles));
  else {
    const found = published ? shown : [...shown, ...stagedAs(name, stagedFiles)];
    if (bytes > 0 && !found.some((file) => file.bytes >= bytes)) problems.push(lacks(name, bytes, found));
  }
  return { problems, beyond: [], epoch: highest(view, run, epoch) };
}

function lackingOpen(
  { files, journal }: OpenFilesPosition,
  all: readonly Sized[],
  staged: readonly Sized[],
): string[] {
  const problems: string[] = [];
  for (const { name, inFile } of files) {
    const found = [...all.filter((file) => file.name === name), ...stagedAs(name, staged)];
    if (!found.some((file) => file.bytes >= inFile)) problems.push(lacks(name, inFile, found));
  }
  if (journal) problems.push(...lackingJournal(journal, staged));
  return problems;
}

function lackingJournal({ number, bytes }: JournalPosition, staged: readonly Sized[]): string[] {
  const name = journalName(number);
  const found = stagedAs(name, staged);
  return found.some((file) => file.bytes >= bytes) ? [] : [lacks(name, bytes, found)];
}

/** The files beside the output that owners of the run have left. */
async function stagedBy(run: string, { staged }: OutputView, fs: InspectedFileSystem): Promise<Sized[]> {
  const files: Sized[] = [];
  for (const folder of staged.filter((one) => one.run === run)) {
    for (const name of await fs.readdir(folder.path).catch(() => [])) {
      // One that has gone meanwhile is not there.
      const found = await fs.lstat(join(folder.path, name)).catch(() => undefined);
      if (found?.isFile()) files.push({ name, bytes: found.size });
    }
  }
  return files;
}

const stagedAs = (name: string, staged: readonly Sized[]): readonly Sized[] =>
  staged.filter((file) => file.name === `${basename(name)}${STAGED}`);

const highest = ({ files, staged }: OutputView, run: string, epoch: number): number =>
  Math.max(
    epoch,
    ...files.map(({ part }) => (part?.run === run ? part.epoch : 0)),
    ...staged.map((folder) => (folder.run === run ? folder.epoch : 0)),
  );

const lacks = (name: string, bytes: number, found: readonly Sized[]): string =>
  `expected "${name}" with ${bytes} bytes, found ${found.length === 0 ? 'no such file' : `${Math.max(...found.map((file) => file.bytes))}`}`;
