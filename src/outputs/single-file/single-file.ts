import { basename, dirname } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import { invariant } from '../../core/invariant.js';
import type { PlainData } from '../../core/plain-data.js';
import type { Disk } from '../disk/disk.js';
import { type IfExists, type Output, orClose, type Prepared } from '../output.js';
import type { FileCut, FileMark, ResumedFile } from '../output-file.js';
import { type FoundFile, look } from '../runs/fence.js';
import { OutputRun } from '../runs/output-run.js';
import { openStateFolder } from '../runs/state-folder.js';
import {
  copyOf,
  OpenFiles,
  type OpenFilesLimits,
  type OpenFilesSource,
  resumeOpenFiles,
} from '../staging/open-files.js';
import type { OpenFilesPosition } from '../staging/open-files-position.js';
import { NO_BYTES, type StagedFile } from '../staging/staged-file.js';
import {
  asFilePosition,
  type FilePosition,
  filePositionData,
  isSame,
  type Standing,
} from './file-position.js';
import { notePublished, publishedBy } from './published-note.js';
import { findStanding, followLink } from './standing-file.js';

export interface SingleFileOptions {
  readonly disk: Disk;
  readonly path: string;
  readonly job: string;
  readonly ifExists: IfExists;
  /** Checks an existing file before anything is appended to it; throws if it does not fit. */
  readonly checkExisting?: (path: string) => Promise<void>;
  readonly resuming: boolean;
  /** Assigned by a checkpoint store, if there is one. */
  readonly epoch: number | undefined;
  /** See `StageContext`. */
  readonly keyId?: string | undefined;
  /** Whether a checkpoint store decides which rows count. */
  readonly checkpointed: boolean;
  /** For tests. */
  readonly limits?: OpenFilesLimits | undefined;
}

/**
 * One file that appears as a whole at the end. Until then it grows in the run's folder beside it, and a
 * checkpoint only makes it durable. A run that is taken over continues in a copy, since the earlier owner
 * may still write to the original.
 *
 * Without a checkpoint store, each flush makes the file visible. Rows that come later go into a copy,
 * which replaces the file at the next flush.
 */
export class SingleFile implements Output {
  readonly isOneFile = true;
  readonly publishesAtEnd = false;
  readonly #options: SingleFileOptions;
  /** The real file, if the path is a link to it. */
  #target: string;
  #state = '';
  #outputRun: OutputRun | undefined;
  #open: StagedFile | undefined;
  #openFiles: OpenFiles | undefined;
  /** Folders of earlier owners, with the files that the last accepted checkpoint lists. */
  #fenced: readonly string[] = [];
  /** The part of the visible file that counts. */
  #committed: FileMark = NO_BYTES;
  #standing: Standing | undefined;
  /** The visible file, if this run published it. */
  #shown: Standing | undefined;
  /** Whether something ended since the file was published. */
  #hasNews = false;
  #isPublished = false;
  /** Whether a run may be resumed from a position that this owner or an earlier one handed out. */
  #mayBeResumed = false;
  /** Whether the open file is listed in such a position. */
  #isListed = false;

  constructor(options: SingleFileOptions) {
    this.#options = options;
    this.#target = options.path;
  }

  async open(): Promise<void> {
    const { disk, path, resuming } = this.#options;
    await disk.makeDirectories(dirname(path));
    this.#standing = await this.#look();
    this.#target = await followLink(disk, path, this.#standing);
    this.#state = await openStateFolder(disk, this.#target, dirname(this.#target));
    if (!resuming) await orClose(this, () => this.#start());
  }

  resume(position: PlainData): Promise<readonly ResumedFile<StagedFile>[]> {
    return orClose(this, () => this.#takeOver(asFilePosition(position)));
  }

  async begin(): Promise<StagedFile> {
    this.#open ??= await this.#create();
    return this.#open;
  }

  async end(_file: StagedFile): Promise<void> {
    this.#hasNews = true;
  }

  async keepUp(): Promise<void> {
    await this.#openFiles?.keepUp();
  }

  get wantsWhole(): boolean {
    return this.#openFiles?.wantsWhole ?? true;
  }

  async prepare(cuts: readonly FileCut<StagedFile>[]): Promise<Prepared> {
    const { staging, run, epoch } = this.#running;
    if (cuts.length === 0 && !this.#hasNews && this.#isPublished) {
      return { position: this.#publishedPosition(), sync: async () => undefined };
    }
    const standing = this.#standing ?? null;
    const file = await this.begin();
    const handOut = async (names: number) => {
      await staging.keep(names);
      this.#mayBeResumed = this.#isListed = true;
    };
    if (cuts.length === 0) {
      const { names } = staging;
      return {
        position: filePositionData({ run, epoch, ...file.mark, published: false, standing }),
        sync: async () => {
          await file.sync();
          await handOut(names);
        },
      };
    }
    const open = await this.#follow().take(cuts);
    const { mark } = cuts[0]!;
    const { names } = staging;
    return {
      position: filePositionData({ run, epoch, ...mark, published: false, standing, open: open.position }),
      sync: async () => {
        await open.sync();
        await handOut(names);
      },
    };
  }

  /** An unfinished file is not made visible. */
  async commit(position: PlainData): Promise<void> {
    const { open } = asFilePosition(position);
    await this.#removeFenced();
    if (open) await this.#openFiles?.accepted(open);
  }

  async flush(): Promise<PlainData> {
    if (this.#hasNews) await this.#publish();
    return this.#publishedPosition();
  }

  paths(): readonly string[] {
    return this.#isPublished ? [this.#options.path] : [];
  }

  lacksSchema(): boolean {
    return !this.#isPublished && !this.#hasNews;
  }

  async close(): Promise<void> {
    const outputRun = this.#outputRun;
    this.#outputRun = undefined;
    await this.#openFiles?.close();
    await (this.#isListed ? this.#open?.close() : this.#open?.discard());
    if (!outputRun) return;
    const mayBeResumed = this.#mayBeResumed && (this.#hasNews || !this.#isPublished);
    if (!mayBeResumed) await this.#removeFenced();
    await outputRun.leave(!mayBeResumed);
  }

  /** The files in these folders are covered by a checkpoint of this epoch now. */
  async #removeFenced(): Promise<void> {
    for (const folder of this.#fenced) await this.#options.disk.removeFolderQuietly(folder);
    this.#fenced = [];
  }

  get #running(): OutputRun {
    const outputRun = this.#outputRun;
    invariant(
      outputRun !== undefined,
      `"${this.#options.path}" is written to between its open and its close`,
    );
    return outputRun;
  }

  get #name(): string {
    return basename(this.#target);
  }

  #publishedPosition(): PlainData {
    const { run, epoch } = this.#running;
    const standing = this.#standing ?? null;
    return filePositionData({ run, epoch, ...this.#committed, published: true, standing });
  }

  async #start(): Promise<void> {
    const { path, ifExists, checkExisting } = this.#options;
    this.#outputRun = await OutputRun.start(this.#runOptions);
    await this.#outputRun.removeRemains();
    // Only now, since no other run of ours can put a file there any more.
    this.#standing = await this.#look();
    const bytes = this.#standing?.bytes;
    if (bytes !== undefined && ifExists === 'error') {
      throw new PipelineError(
        'OUTPUT_EXISTS',
        `"${path}" is there already (${bytes} bytes); set "ifExists: append" to add to it, ` +
          '"ifExists: replace" to replace it, or choose another path',
      );
    }
    const counts = ifExists === 'append' ? (bytes ?? 0) : 0;
    if (counts > 0) await checkExisting?.(path);
    // Before a row is read, so that a directory without write permission is detected now.
    this.#open = await this.#create(counts);
    this.#committed = this.#open.mark;
    if (this.#options.checkpointed) this.#follow();
  }

  async #takeOver(position: FilePosition): Promise<readonly ResumedFile<StagedFile>[]> {
    const { run, epoch, published, open } = position;
    const { disk } = this.#options;
    this.#mayBeResumed = true; // files that the position lists stay if this fails
    const highest = async () => Math.max(epoch, (await publishedBy(disk, this.#state, run))?.epoch ?? 0);
    const outputRun = await OutputRun.takeOver(this.#runOptions, run, highest);
    this.#outputRun = outputRun;
    this.#fenced = outputRun.fenced;
    this.#standing = await this.#look();
    await this.#findShown(position, outputRun);
    const resumed = open ? await this.#goOn(open, outputRun) : await this.#goOnAfter(position, outputRun);
    if (published) await this.#removeFenced();
    this.#mayBeResumed = !published;
    await outputRun.removeRemains();
    if (this.#options.checkpointed) this.#follow();
    return resumed;
  }

  /** From now on, the open file is kept ready for checkpoints. */
  #follow(): OpenFiles {
    const open = () => (this.#open ? [this.#open] : []);
    this.#openFiles ??= new OpenFiles(this.#running.staging, open, this.#options.limits);
    return this.#openFiles;
  }

  /**
   * Determines whether this run published the visible file. If not, the file must be the one that was
   * visible at the checkpoint, since another job may have written it in the meantime.
   */
  async #findShown({ run, published, standing }: FilePosition, outputRun: OutputRun): Promise<void> {
    const found = this.#standing;
    if (!found) return;
    const isAsItWas = standing !== null && isSame(found, standing);
    const noted = (await publishedBy(this.#options.disk, this.#state, run))?.files ?? [];
    if ((published && isAsItWas) || noted.some((file) => isSame(found, file))) this.#shown = found;
    if (this.#shown || isAsItWas) return;
    await outputRun.refuseOvertaken();
    throw new PipelineError(
      'OUTPUT_FAILED',
      `"${this.#options.path}" was written by another program since the checkpoint, and this run would ` +
        'replace it: move it away to continue the run, or start over without the checkpoint',
    );
  }

  /**
   * Resumes the open file. The files that the last checkpoint lists stay until a checkpoint of this epoch
   * was accepted.
   */
  async #goOn(open: OpenFilesPosition, outputRun: OutputRun): Promise<readonly ResumedFile<StagedFile>[]> {
    const name = { name: this.#name, final: this.#target };
    const resumed = await resumeOpenFiles(this.#stagedBy(outputRun), open, outputRun, () => name);
    this.#open = resumed[0]?.file;
    this.#hasNews = true;
    return resumed;
  }

  /** Resumes after complete bytes, which are visible or were about to be. */
  async #goOnAfter(
    { bytes, checksum, published }: FilePosition,
    outputRun: OutputRun,
  ): Promise<readonly ResumedFile<StagedFile>[]> {
    const { disk, path } = this.#options;
    const visible = this.#visible;
    const source = published
      ? { disk, folders: [], elsewhere: async () => visible }
      : this.#stagedBy(outputRun);
    const listed = { name: this.#name, inFile: bytes, bytes, checksum };
    const copy = (from: string) => this.#create(bytes, from);
    this.#open = bytes === 0 ? await this.#create(0) : await copyOf(source, listed, [], copy);
    if (!this.#open) {
      await outputRun.refuseOvertaken();
      throw new PipelineError(
        'CHECKPOINT_INVALID',
        `The checkpoint is at byte ${bytes} of "${path}", and no file with these bytes is there: ` +
          'was it moved, changed or replaced?',
      );
    }
    this.#committed = { bytes, checksum };
    this.#isPublished = published && visible !== undefined;
    this.#hasNews = published ? (visible?.bytes ?? 0) > bytes : bytes > 0;
    return [];
  }

  /**
   * Where the bytes listed by a checkpoint are: in an incomplete file, or in one that was published since
   * and may have more bytes.
   */
  #stagedBy({ fenced }: OutputRun): OpenFilesSource {
    return { disk: this.#options.disk, folders: fenced, elsewhere: async () => this.#shownFile };
  }

  get #visible(): FoundFile | undefined {
    return this.#standing && { path: this.#target, ...this.#standing };
  }

  /** The visible file, if this run published it. */
  get #shownFile(): FoundFile | undefined {
    return this.#shown && { path: this.#target, ...this.#shown };
  }

  /** Creates the file for the next rows. It starts with the bytes that count. */
  async #create(bytes = this.#committed.bytes, from = this.#target): Promise<StagedFile> {
    const { staging } = this.#running;
    if (bytes === 0) return staging.begin(this.#name, this.#target);
    return staging.beginWithCopy(this.#name, this.#target, from, bytes);
  }

  async #publish(): Promise<void> {
    const { disk } = this.#options;
    const { staging, run, epoch } = this.#running;
    const file = await this.begin();
    await this.#refuseForeign();
    await file.seal();
    // Positions were handed out, so a run that resumes from one must recognize this file as its own.
    if (this.#mayBeResumed || this.#isPublished) {
      const next = await look(disk, staging.pathOf(this.#name));
      const files = [this.#shown, next].filter((one) => one !== undefined);
      await notePublished(staging, this.#state, { run, epoch, files });
    }
    await staging.publish(this.#name, file.inode, this.#target);
    await disk.syncDirectory(dirname(this.#target));
    await staging.sync();
    this.#open = undefined;
    this.#isListed = false;
    this.#committed = file.mark;
    this.#isPublished = true;
    this.#hasNews = false;
    this.#standing = await this.#look();
    this.#shown = this.#standing;
  }

  /** Refuses to replace a file that somebody else has put there since the start. */
  async #refuseForeign(): Promise<void> {
    const found = await this.#look();
    if (found === undefined || (this.#standing && isSame(found, this.#standing))) return;
    await this.#running.staging.refuseFenced(this.#options.path);
    throw new PipelineError(
      'OUTPUT_FAILED',
      `"${this.#options.path}" was written by another program while this run was at work; what this run had ` +
        'not committed is discarded. Give each job a path of its own',
    );
  }

  get #runOptions() {
    const { disk, job, epoch, keyId } = this.#options;
    return { disk, job, epoch, keyId, state: this.#state, mode: 'single file' } as const;
  }

  #look(): Promise<Standing | undefined> {
    return findStanding(this.#options.disk, this.#options.path);
  }
}
