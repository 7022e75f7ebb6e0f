import { PipelineError } from '../../core/errors.js';
import type { Disk } from '../disk/disk.js';
import type { FileCut, FileMark, ResumedFile } from '../output-file.js';
import { type FoundFile, findStaged } from '../runs/fence.js';
import type { RunPlace } from '../runs/run-place.js';
import { Journal, type JournalEntry, type JournalPosition, journalName, readJournal } from './journal.js';
import type { OpenFilePosition, OpenFilesPosition } from './open-files-position.js';
import type { StagedFile } from './staged-file.js';
import type { Staging } from './staging.js';

export interface OpenFilesLimits {
  /** Size at which a new journal is begun. It is read all at once when a run is resumed. */
  readonly journalBytesMax: number;
  /** Limit for new bytes of files that are copied into the journal instead of being synced in place. */
  readonly copiedBytesMax: number;
}

const LIMITS: OpenFilesLimits = { journalBytesMax: 64 * 1_048_576, copiedBytesMax: 64 * 1_048_576 };

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
 * are open.
 */
export class OpenFiles {
  readonly #staging: Staging;
  readonly #limits: OpenFilesLimits;
  readonly #followed = new Map<StagedFile, Followed>();
  #numbers = 0;
  #journal: Journal | undefined;
  #journals = 0;
  /** Journals that the last accepted checkpoint may still list. */
  #old: Journal[] = [];

  /** @param limits - For tests. */
  constructor(staging: Staging, limits: OpenFilesLimits = LIMITS) {
    this.#staging = staging;
    this.#limits = limits;
  }

  /** Whether the next cuts must be whole, because a new journal begins with them. */
  get wantsWhole(): boolean {
    return this.#journal === undefined || this.#journal.file.bytes > this.#limits.journalBytesMax;
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
    const grown = cuts.filter(({ file, mark }) => mark.bytes > this.#of(file).inFile);
    const bytes = grown.reduce((sum, { file, mark }) => sum + mark.bytes - this.#of(file).inFile, 0);
    const hasMore = cuts.some(({ log, tail }) => log.length > 0 || tail.length > 0);
    const hasNewNames = this.#staging.hasNewNames || this.wantsWhole;
    // Two syncs at most, of the file, of the journal, of their names: or far too much to be written twice.
    const areSynced = bytes > this.#limits.copiedBytesMax || (grown.length <= 1 && !(hasMore && hasNewNames));
    if (cuts.length > 0 && this.wantsWhole && (hasMore || !areSynced)) await this.#beginJournal();
    for (const cut of cuts) await this.#write(cut, areSynced);
    const journal = this.#journal;
    await journal?.flush();
    const synced = areSynced ? grown : [];
    return {
      position: {
        files: cuts.map((cut) => this.#listed(cut)),
        journal: cuts.length > 0 && journal ? journal.position : null,
      },
      sync: async () => {
        for (const { file } of synced) await file.sync();
        if (cuts.length > 0) await journal?.file.sync();
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

  /** Closes the journal, which stays on disk. Does not throw. */
  async close(): Promise<void> {
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
    const journal = this.#journal;
    if (isSynced) followed.inFile = mark.bytes;
    const from = Math.max(followed.inFile, followed.inJournal);
    if (journal && mark.bytes > from) {
      await journal.add('bytes', followed.number, from, [await file.read(from, mark.bytes)]);
      followed.inJournal = mark.bytes;
    }
    await journal?.add('log', followed.number, 0, log);
    if (beginsTail) followed.tailFrom = journal?.bytes ?? 0;
    await journal?.add('tail', followed.number, 0, tail);
  }

  #listed({ file, mark, state }: FileCut<StagedFile>): OpenFilePosition {
    const { number, inFile, tailFrom } = this.#of(file);
    return { name: file.name, ...mark, number, inFile, tailFrom, state };
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
  place: RunPlace,
  nextName: (listed: OpenFilePosition) => { readonly name: string; readonly final: string },
): Promise<ResumedFile<StagedFile>[]> {
  try {
    return await resumed(source, { files, journal }, place.staging, nextName);
  } catch (error) {
    await place.refuseOvertaken();
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
