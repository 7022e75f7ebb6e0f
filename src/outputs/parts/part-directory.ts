import { dirname, join } from 'node:path';
import type { Schema } from '../../columns/schema.js';
import { invariant } from '../../core/invariant.js';
import { outputFailed } from '../../core/output-error.js';
import type { PlainData } from '../../core/plain-data.js';
import type { Disk } from '../disk/disk.js';
import { type IfExists, type Output, orClose, type Prepared } from '../output.js';
import type { FileCut, ResumedFile } from '../output-file.js';
import { look } from '../runs/fence.js';
import { OutputRun, type OutputRunOptions } from '../runs/output-run.js';
import { openStateFolder } from '../runs/state-folder.js';
import { OpenFiles, type OpenFilesLimits, resumeOpenFiles } from '../staging/open-files.js';
import type { OpenFilesPosition } from '../staging/open-files-position.js';
import type { StagedFile } from '../staging/staged-file.js';
import { EndedParts } from './ended-parts.js';
import {
  COLUMNS_FILE,
  type Columns,
  columnsOf,
  columnsText,
  noteColumns,
  refuseManifest,
  refuseOtherColumns,
  refuseParts,
} from './existing-parts.js';
import { isPart, partName } from './part-name.js';
import { asPartPosition, type PartPosition, toPlainData } from './part-position.js';
import { listOutput } from './partition-folders.js';
import { discardBeyond, highestEpoch, publishListed, refuseForeign } from './recover-parts.js';
import { finishReplacements, type OutputFolders } from './replacement.js';

export interface PartDirectoryOptions {
  readonly disk: Disk;
  readonly directory: string;
  /** Prefix of every part's name. */
  readonly job: string;
  /** `parquet`, `csv.gz`. */
  readonly extension: string;
  readonly ifExists: IfExists;
  readonly schema: Schema;
  /** The columns that name the folders of the parts. */
  readonly partitionBy: readonly string[];
  /** Whether `resume` will be called; existing parts then belong to the job. */
  readonly resuming: boolean;
  /** Assigned by a checkpoint store, if there is one. */
  readonly epoch: number | undefined;
  /** See `StageContext`. */
  readonly keyId?: string | undefined;
  /** Whether a checkpoint store decides which rows count; parts then wait for `commit`. */
  readonly checkpointed: boolean;
  /** For tests. */
  readonly limits?: OpenFilesLimits | undefined;
}

/**
 * A directory that holds complete parts and nothing else, named
 * `<job>-<run>-<epoch>-<sequence>.<extension>`. Everything in it counts. A part is written in the run's
 * folder beside the directory, and renamed into it when it ends, or once a checkpoint that lists it was
 * accepted.
 */
export class PartDirectory implements Output {
  readonly isOneFile = false;
  readonly #options: PartDirectoryOptions;
  /** The real directory, since the path itself may be a link. */
  #directory: string;
  #state = '';
  #outputRun: OutputRun | undefined;
  /** Sequence of the part that began last. */
  #sequence = 0;
  readonly #open = new Set<StagedFile>();
  #openFiles: OpenFiles | undefined;
  /** Names of the open parts that are listed in the last position handed out. */
  #listed = new Set<string>();
  /** Folders of earlier owners, with the files that the last accepted checkpoint lists. */
  #fenced: readonly string[] = [];
  readonly #ended: EndedParts;
  #waitsForCommit: boolean;
  /** Whether a position that lists staged files of this owner was handed out. */
  #isHandedOut = false;
  /** Whether everything written is published, and nothing was written since. */
  #isFlushed = false;

  constructor(options: PartDirectoryOptions) {
    this.#options = options;
    this.#directory = options.directory;
    this.#waitsForCommit = options.checkpointed;
    this.#ended = new EndedParts({
      directory: options.directory,
      columns: this.#columns,
      folders: () => this.#folders,
      running: () => this.#running,
    });
  }

  async open(): Promise<void> {
    const { disk, directory, resuming } = this.#options;
    await disk.makeDirectories(directory);
    try {
      this.#directory = await disk.fs.realpath(directory);
    } catch (error) {
      throw outputFailed('look at', directory, error);
    }
    this.#state = await openStateFolder(disk, this.#directory, this.#directory);
    if (!resuming) await orClose(this, () => this.#start());
  }

  resume(position: PlainData): Promise<readonly ResumedFile<StagedFile>[]> {
    return orClose(this, () => this.#takeOver(asPartPosition(position)));
  }

  async begin(partition: string): Promise<StagedFile> {
    const { staging } = this.#running;
    const { name, final } = this.#nextPart(partition);
    this.#isFlushed = false;
    const file = await staging.begin(name, final);
    this.#open.add(file);
    return file;
  }

  async end(file: StagedFile): Promise<void> {
    await file.seal();
    this.#open.delete(file);
    this.#ended.add({ name: file.name, bytes: file.bytes, inode: file.inode });
    if (this.publishesAtEnd) await this.#ended.publishAll();
  }

  get publishesAtEnd(): boolean {
    return !this.#waitsForCommit && !this.#ended.replaces;
  }

  async keepUp(): Promise<void> {
    await this.#openFiles?.keepUp();
  }

  get wantsWhole(): boolean {
    return this.#openFiles?.wantsWhole ?? true;
  }

  async prepare(cuts: readonly FileCut<StagedFile>[]): Promise<Prepared> {
    const { staging } = this.#running;
    this.#waitsForCommit = true;
    const open = await this.#follow().take(cuts);
    const { names } = staging;
    const prepared = this.#ended.waiting.length;
    const listed = new Set(open.position.files.map(({ name }) => name));
    return {
      position: this.#position(open.position),
      sync: async () => {
        await open.sync();
        await staging.keep(names);
        // Only now the position is handed out.
        this.#isHandedOut = true;
        this.#ended.handedOut(prepared);
        this.#listed = listed;
      },
    };
  }

  async commit(position: PlainData): Promise<void> {
    const { staged, open } = asPartPosition(position);
    // The files in these folders are covered by a checkpoint of this epoch now.
    await this.#removeFenced();
    if (open) await this.#openFiles?.accepted(open);
    await this.#ended.publishListed(new Set(staged.map(({ name }) => name)));
  }

  async flush(): Promise<PlainData> {
    await this.#ended.publishAll();
    this.#isFlushed = true;
    return this.#position();
  }

  paths(): readonly string[] {
    return this.#ended.paths;
  }

  lacksSchema(): boolean {
    const { waiting, replaces, hasParts } = this.#ended;
    return waiting.length === 0 && (replaces || !hasParts);
  }

  async close(): Promise<void> {
    const outputRun = this.#outputRun;
    await this.#openFiles?.close();
    for (const file of this.#open) await file.close();
    if (!outputRun) return;
    const isDecided = await this.#ended.isDecided(outputRun);
    const isOver = !isDecided && (this.#isFlushed || !this.#waitsForCommit);
    if (isOver) await this.#removeFenced();
    else if (!this.#isHandedOut && !isDecided) await outputRun.staging.removeAll();
    else {
      if (!isDecided) await outputRun.staging.remove(COLUMNS_FILE);
      // Listed files stay: a store may hold a checkpoint that lists them.
      for (const { name } of this.#open) if (!this.#listed.has(name)) await outputRun.staging.remove(name);
      const unlisted = isDecided ? [] : this.#ended.unlisted;
      for (const { name } of unlisted) if (!this.#listed.has(name)) await outputRun.staging.remove(name);
    }
    this.#outputRun = undefined;
    await outputRun.leave(isOver);
  }

  get #running(): OutputRun {
    const outputRun = this.#outputRun;
    invariant(
      outputRun !== undefined,
      `"${this.#options.directory}" is written to between its open and its close`,
    );
    return outputRun;
  }

  async #start(): Promise<void> {
    const { disk, ifExists, extension } = this.#options;
    const state = this.#state;
    refuseManifest(this.#directory, await disk.list(this.#directory));
    this.#outputRun = await OutputRun.start(this.#runOptions);
    await finishReplacements(this.#folders, this.#outputRun.run);
    await this.#outputRun.removeRemains();
    // Only now, since no other run can add a part any more that this one would have to know about.
    const names = await listOutput(disk, this.#directory);
    const hasParts = names.some(isPart);
    if (ifExists === 'error') refuseParts(this.#directory, names, extension);
    const replaces = ifExists === 'replace' && hasParts;
    this.#ended.begin(hasParts, replaces);
    if (ifExists === 'append' && (hasParts || this.#outputRun.others > 0)) {
      await refuseOtherColumns(disk, state, this.#directory, this.#columns);
    }
    if (!replaces) await noteColumns(disk, state, this.#outputRun.staging, this.#columns);
    if (this.#waitsForCommit) this.#follow();
  }

  /**
   * Takes over a run. The order matters: nobody else may be able to publish by the time the published
   * parts are listed.
   */
  async #takeOver(position: PartPosition): Promise<readonly ResumedFile<StagedFile>[]> {
    const { disk } = this.#options;
    const folders = this.#folders;
    refuseManifest(this.#directory, await disk.list(this.#directory));
    const isKnown = (await disk.list(this.#state)).includes(position.run);
    // A replacement that has begun is completed, whatever the spec says now.
    const options = position.replaces ? { ...this.#runOptions, mode: 'replace' as const } : this.#runOptions;
    const outputRun = await OutputRun.takeOver(options, position.run, () => highestEpoch(folders, position));
    this.#outputRun = outputRun;
    if (!isKnown) await refuseForeign(folders, position);
    if (position.takesBack !== undefined) {
      // Until the first checkpoint, only this folder says that the run was here.
      await outputRun.staging.keep();
      this.#isHandedOut = true;
    }
    await finishReplacements(folders, outputRun.run);
    await publishListed(folders, position, outputRun, this.#columns);
    const resumed = await this.#goOn(position, outputRun);
    const own = await discardBeyond(folders, position, outputRun);
    this.#isHandedOut = outputRun.staging.isKept; // a part may have been moved back into it
    await outputRun.removeRemains();

    const hasParts = (await listOutput(disk, this.#directory)).some(isPart);
    // If a part of this run is in the directory, the old parts are gone already.
    const replaces = position.replaces && own.length === 0 && hasParts;
    if (hasParts && !replaces) {
      await refuseOtherColumns(disk, this.#state, this.#directory, this.#columns);
    }
    this.#ended.begin(hasParts, replaces, own);
    if (this.#waitsForCommit) this.#follow();
    return resumed;
  }

  /** From now on, the open files are kept ready for checkpoints. */
  #follow(): OpenFiles {
    this.#openFiles ??= new OpenFiles(this.#running.staging, () => this.#open, this.#options.limits);
    return this.#openFiles;
  }

  /**
   * Resumes the parts that were open. The files needed to resume them again stay until a checkpoint of
   * this epoch was accepted.
   */
  async #goOn({ open }: PartPosition, outputRun: OutputRun): Promise<readonly ResumedFile<StagedFile>[]> {
    const { disk } = this.#options;
    this.#fenced = outputRun.fenced;
    if (!open || open.files.length === 0) {
      await this.#removeFenced();
      return [];
    }
    this.#waitsForCommit = true;
    // The earlier owner may have ended and published one of them since.
    const elsewhere = async (name: string) => {
      const path = join(this.#directory, name);
      const found = await look(disk, path);
      return found && { path, ...found };
    };
    const source = { disk, folders: outputRun.fenced, elsewhere };
    const resumed = await resumeOpenFiles(source, open, outputRun, ({ name }) =>
      this.#nextPart(dirname(name)),
    );
    for (const { file } of resumed) this.#open.add(file);
    return resumed;
  }

  /** Does not throw. */
  async #removeFenced(): Promise<void> {
    for (const folder of this.#fenced) await this.#options.disk.removeFolderQuietly(folder);
    this.#fenced = [];
  }

  #position(open?: OpenFilesPosition): PlainData {
    const { run, epoch } = this.#running;
    return toPlainData({
      open: open && open.files.length > 0 ? open : undefined,
      run,
      epoch,
      sequence: this.#sequence,
      published: this.#ended.published,
      staged: this.#ended.waiting,
      replaces: this.#ended.replaces,
    });
  }

  get #runOptions(): OutputRunOptions {
    const { disk, job, ifExists: mode, epoch, keyId } = this.#options;
    return { disk, job, mode, epoch, keyId, state: this.#state, columns: columnsText(this.#columns) };
  }

  get #columns(): Columns {
    const { schema, partitionBy } = this.#options;
    return columnsOf(schema, partitionBy);
  }

  get #folders(): OutputFolders {
    return { disk: this.#options.disk, state: this.#state, directory: this.#directory };
  }

  /** @param partition - Folders of the partition, or nothing. */
  #nextPart(partition: string): { readonly name: string; readonly final: string } {
    const { run, epoch } = this.#running;
    const sequence = ++this.#sequence;
    const part = partName(this.#options.job, { run, epoch, sequence }, this.#options.extension);
    const name = partition === '' || partition === '.' ? part : `${partition}/${part}`;
    return { name, final: this.#finalOf(name) };
  }

  /** Path of a part, with the directory as the spec spells it. */
  #finalOf(name: string): string {
    return join(this.#options.directory, name);
  }
}
