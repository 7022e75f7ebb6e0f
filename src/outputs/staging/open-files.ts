import { PipelineError } from '../../core/errors.js';
import type { Disk } from '../disk/disk.js';
import type { FileCut, FileMark, ResumedFile } from '../output-file.js';
import { type FoundFile, findStaged } from '../runs/fence.js';
import type { OutputRun } from '../runs/output-run.js';
import { Journal, type JournalEntry, type JournalPosition, journalName, readJournal } from './journal.js';
import type { OpenFilePosition, OpenFilesPosition } from './open-files-position.js';
import type { StagedFile } from './staged-file.js';
import type { Staging } from './staging.js';
import { SyncsBehind, type SyncsBehindLimits } from './syncs-behind.js';

export interface OpenFilesLimits extends SyncsBehindLimits {
  /** Size at which a new journal is begun. It is read all at once when a run is resumed. */
  readonly journalBytesMax: number;
}

const LIMITS: OpenFilesLimits = {
  journalBytesMax: 64 * 1_048_576,
  unsyncedBytesMax: 16 * 1_048_576,
  waitingBytesMax: 64 * 1_048_576,
};
/** How many bytes of a file are copied into the journal at a time. */
const COPIED_BYTES = 1_048_576;

interface Followed {
  readonly number: number;
  /** How many of its bytes are durable in the file itself. */
  inFile: number;
  /** End of its bytes in the journal, if that is further. */
  inJournal: number;
  tailFrom: number;
}

/**
 * Makes the counted part of open files durable without ending them. Data that is not final goes into a
 * journal. So do the new bytes if several files have grown, so that only one file is synced however many
 * are open. Files are synced as they grow, behind the flow, so the bytes that a checkpoint copies are few.
 */
export class OpenFiles {
  readonly #staging: Staging;
  readonly #limits: OpenFilesLimits;
  readonly #behind: SyncsBehind;
  readonly #followed = new Map<StagedFile, Followed>();
  #numbers = 0;
  #journal: Journal | undefined;
  #journals = 0;
  /** Size of the journal after the whole cuts with which it began. */
  #wholeBytes = 0;
  /** Journals that the last accepted checkpoint may still list. */
  #old: Journal[] = [];

  /**
   * @param open - Returns the files that are open.
   * @param limits - For tests.
   */
  constructor(staging: Staging, open: () => Iterable<StagedFile>, limits: OpenFilesLimits = LIMITS) {
    this.#staging = staging;
    this.#limits = limits;
    this.#behind = new SyncsBehind(open, limits);
  }

  /**
   * Whether the next cuts must be whole, because a new journal begins with them. However much that is, at
   * least as much is written to a journal after it.
   */
  get wantsWhole(): boolean {
    const bytesMax = Math.max(this.#limits.journalBytesMax, 2 * this.#wholeBytes);
    return this.#journal === undefined || this.#journal.file.bytes > bytesMax;
  }

  /**
   * Called after each write. Syncs files behind the flow, and waits while too many bytes are not on the
   * disk.
   *
   * @throws {PipelineError} `OUTPUT_FAILED` if such a sync has failed.
   */
  keepUp(): Promise<void> {
    return this.#behind.keepUp();
  }

  /**
   * Records the cuts. The returned `sync` makes them durable, except for the names of the files, and may
   * run while the files grow or end.
   *
   * @param cuts - Cuts of all open files; whole ones if `wantsWhole` was true.
   */
  async take(
    cuts: readonly FileCut<StagedFile>[],
  ): Promise<{ readonly position: OpenFilesPosition; readonly sync: () => Promise<void> }> {
    this.#forgetEnded(cuts);
    for (const { file, mark } of cuts) {
      const followed = this.#of(file);
      followed.inFile = Math.max(followed.inFile, Math.min(this.#behind.syncedBytes(file), mark.bytes));
    }
    const grown = cuts.filter(({ file, mark }) => mark.bytes > this.#of(file).inFile);
    const hasMore = cuts.some(({ log, tail }) => log.length > 0 || tail.length > 0);
    const isWhole = this.wantsWhole;
    const hasNewNames = this.#staging.hasNewNames || isWhole;
    // Two syncs at most: of the file, of the journal, of their names.
    const areSynced = grown.length <= 1 && !(hasMore && hasNewNames);
    const begins = cuts.length > 0 && isWhole && (hasMore || !areSynced);
    if (begins) await this.#beginJournal();
    for (const cut of cuts) await this.#write(cut, areSynced);
    const journal = this.#journal;
    await journal?.flush();
    if (begins) this.#wholeBytes = this.#journal!.bytes;
    const synced = areSynced ? grown : [];
    return {
      position: {
        files: cuts.map((cut) => this.#listed(cut)),
        journal: cuts.length > 0 && journal ? journal.position : null,
      },
      sync: async () => {
        for (const { file } of synced) await file.sync();
        if (cuts.length > 0) await journal?.file.sync();
        await this.#behind.settled();
      },
    };
  }

  /**
   * Called when a checkpoint with this position was accepted: files listed only by earlier ones are
   * removed. Does not throw.
   */
  async accepted({ journal }: OpenFilesPosition): Promise<void> {
    if (!journal) return;
    for (const { number } of this.#old.filter((old) => old.number < journal.number)) {
      await this.#staging.remove(journalName(number));
    }
    this.#old = this.#old.filter(({ number }) => number >= journal.number);
  }

  /** Ends the syncs behind the flow, and closes the journal, which stays on disk. Does not throw. */
  async close(): Promise<void> {
    this.#behind.close();
    await this.#journal?.file.close();
  }

  #of(file: StagedFile): Followed {
    let followed = this.#followed.get(file);
    if (!followed) {
      followed = { number: ++this.#numbers, inFile: 0, inJournal: 0, tailFrom: 0 };
      this.#followed.set(file, followed);
    }
    return followed;
  }

  #forgetEnded(cuts: readonly FileCut<StagedFile>[]): void {
    const open = new Set(cuts.map(({ file }) => file));
    for (const file of this.#followed.keys()) if (!open.has(file)) this.#followed.delete(file);
  }

  async #beginJournal(): Promise<void> {
    if (this.#journal) {
      await this.#journal.file.close();
      this.#old.push(this.#journal);
    }
    const number = ++this.#journals;
    const name = journalName(number);
    this.#journal = new Journal(number, await this.#staging.begin(name, this.#staging.pathOf(name)));
    for (const followed of this.#followed.values()) followed.inJournal = followed.tailFrom = 0;
  }

  async #write(cut: FileCut<StagedFile>, isSynced: boolean): Promise<void> {
    const { file, mark, log, tail, beginsTail } = cut;
    const followed = this.#of(file);
    if (isSynced) followed.inFile = mark.bytes;
    const journal = this.#journal;
    for (let from = Math.max(followed.inFile, followed.inJournal); journal && from < mark.bytes; ) {
      const to = Math.min(mark.bytes, from + COPIED_BYTES);
      journal.add('bytes', followed.number, from, [await file.read(from, to)]);
      from = followed.inJournal = to;
      if (journal.isFull) await journal.flush();
    }
    journal?.add('log', followed.number, 0, log);
    if (beginsTail) followed.tailFrom = journal?.bytes ?? 0;
    journal?.add('tail', followed.number, 0, tail);
    if (journal?.isFull) await journal.flush();
  }

  #listed({ file, mark, state }: FileCut<StagedFile>): OpenFilePosition {
    const { number, inFile, tailFrom } = this.#of(file);
    const { bytes, checksum } = mark;
    return { name: file.name, bytes, checksum, number, inFile, tailFrom, state };
  }
}

/** Where to search for the files of a position. */
export interface OpenFilesSource {
  readonly disk: Disk;
  /** Folders of earlier owners of the run, from which they can no longer publish. */
  readonly folders: readonly string[];
  /** Another place to search for the bytes of a file. */
  readonly elsewhere?: (name: string) => Promise<FoundFile | undefined>;
}

/**
 * Resumes the files of a position, each in a copy, since an earlier owner may still write to the
 * originals.
 *
 * @param nextName - Returns the name of the next copy, and where it will be published.
 * @throws {PipelineError} `FENCED` if a later owner of the run has come.
 * @throws {PipelineError} `CHECKPOINT_INVALID` if something differs from the position.
 */
export async function resumeOpenFiles(
  source: OpenFilesSource,
  { files, journal }: OpenFilesPosition,
  outputRun: OutputRun,
  nextName: (listed: OpenFilePosition) => { readonly name: string; readonly final: string },
): Promise<ResumedFile<StagedFile>[]> {
  try {
    return await resumed(source, { files, journal }, outputRun.staging, nextName);
  } catch (error) {
    await outputRun.refuseOvertaken();
    throw error;
  }
}

async function resumed(
  source: OpenFilesSource,
  { files, journal }: OpenFilesPosition,
  staging: Staging,
  nextName: (listed: OpenFilePosition) => { readonly name: string; readonly final: string },
): Promise<ResumedFile<StagedFile>[]> {
  const entries = entriesByFile(journal ? await entriesOf(source, journal) : []);
  const all: ResumedFile<StagedFile>[] = [];
  try {
    for (const listed of files) {
      const own = entries.get(listed.number) ?? [];
      const { name, final } = nextName(listed);
      const file = await copyOf(source, listed, own, (from) =>
        staging.beginWithCopy(name, final, from, listed.inFile),
      );
      if (!file) throw missing(listed.name, listed.bytes);
      const tail = own.filter(({ offset }) => offset >= listed.tailFrom);
      all.push({ file, state: listed.state, log: contentOf(own, 'log'), tail: contentOf(tail, 'tail') });
    }
  } catch (error) {
    for (const { file } of all) await file.discard();
    throw error;
  }
  return all;
}

function entriesByFile(entries: readonly JournalEntry[]): Map<number, JournalEntry[]> {
  const byFile = new Map<number, JournalEntry[]>();
  for (const entry of entries) {
    const own = byFile.get(entry.file);
    if (own) own.push(entry);
    else byFile.set(entry.file, [entry]);
  }
  return byFile;
}

async function entriesOf({ disk, folders }: OpenFilesSource, journal: JournalPosition) {
  const name = journalName(journal.number);
  // Each epoch numbers its journals from 1, so the right one is identified by its checksum.
  let error: unknown;
  for (const folder of folders) {
    const found = await findStaged(disk, [folder], name);
    if (!found) continue;
    try {
      return readJournal(await disk.readBytes(found.path), journal, found.path);
    } catch (thrown) {
      error = thrown;
    }
  }
  throw error ?? missing(name, journal.bytes);
}

/**
 * Copies the counted part of a file. Several owners may have left a file of this name, and later ones are
 * copies that continue differently. The right one is identified by its checksum.
 *
 * @param entries - Journal entries for this file.
 * @returns `undefined` if no file has the bytes that count.
 */
export async function copyOf(
  { disk, folders, elsewhere }: OpenFilesSource,
  { name, inFile, bytes, checksum }: Pick<OpenFilePosition, 'name' | 'inFile' | keyof FileMark>,
  entries: readonly JournalEntry[],
  copy: (from: string) => Promise<StagedFile>,
): Promise<StagedFile | undefined> {
  const candidates: (FoundFile | undefined)[] = [];
  for (const folder of folders) candidates.push(await findStaged(disk, [folder], name));
  candidates.push(await elsewhere?.(name));
  for (const found of candidates) {
    if (!found || found.bytes < inFile) continue;
    const file = await copy(found.path);
    try {
      for (const { kind, at, content } of entries) {
        if (kind !== 'bytes' || file.bytes >= bytes) continue;
        // If bytes were copied to the journal and later synced in place, some of them exist twice.
        if (at + content.length > file.bytes) await file.write(content.subarray(file.bytes - at));
      }
    } catch (error) {
      await file.discard();
      throw error;
    }
    const { mark } = file;
    if (mark.bytes === bytes && mark.checksum === checksum) return file;
    await file.discard();
  }
  return undefined;
}

const contentOf = (entries: readonly JournalEntry[], kind: JournalEntry['kind']): Uint8Array[] =>
  entries.filter((entry) => entry.kind === kind).map(({ content }) => content);

const missing = (name: string, bytes: number): PipelineError =>
  new PipelineError(
    'CHECKPOINT_INVALID',
    `The checkpoint lists ${bytes} bytes of "${name}", which is not whole yet, and no file with these bytes ` +
      'is there: were files moved, removed or changed?',
  );
