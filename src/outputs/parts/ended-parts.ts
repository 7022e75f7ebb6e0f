import { join } from 'node:path';
import type { OutputRun } from '../runs/output-run.js';
import { type Columns, stageColumns } from './existing-parts.js';
import { isPartOfAnother } from './part-name.js';
import { listOutput, makeFolders, syncOutput } from './partition-folders.js';
import { hasDecided, type OutputFolders, replaceParts, type StagedPart } from './replacement.js';

/** A part that has ended but is not published yet. */
export interface EndedPart extends StagedPart {
  readonly inode: number;
}

export interface EndedPartsOptions {
  /** The directory as the spec spells it. */
  readonly directory: string;
  readonly columns: Columns;
  /** Known once the output is open. */
  folders(): OutputFolders;
  running(): OutputRun;
}

/** The parts that have ended, until they are published, and what was published of them. */
export class EndedParts {
  readonly #options: EndedPartsOptions;
  #ended: EndedPart[] = [];
  /** Number of ended parts listed in the last position handed out; a store may hold it. */
  #prepared = 0;
  #hasParts = false;
  #replaces = false;
  /** Whether a replacement has begun but not finished. */
  #isReplacing = false;
  #published = 0;
  readonly #paths: string[] = [];

  constructor(options: EndedPartsOptions) {
    this.#options = options;
  }

  /** Those that wait, in the order in which they ended. */
  get waiting(): readonly EndedPart[] {
    return this.#ended;
  }

  /** Whether the directory holds parts, of whatever run. */
  get hasParts(): boolean {
    return this.#hasParts;
  }

  /** Whether there are old parts that the first new part will replace. */
  get replaces(): boolean {
    return this.#replaces;
  }

  /** Parts published by this run, over all its epochs. */
  get published(): number {
    return this.#published;
  }

  /** Paths of the published parts. */
  get paths(): readonly string[] {
    return this.#paths;
  }

  /**
   * Called once the directory was listed.
   *
   * @param own - Names of the parts that this run has published before.
   */
  begin(hasParts: boolean, replaces: boolean, own: readonly string[] = []): void {
    this.#hasParts = hasParts;
    this.#replaces = replaces;
    this.#published = own.length;
    this.#notePaths(own);
  }

  add(part: EndedPart): void {
    this.#ended.push(part);
  }

  /** A position that lists the first parts of those that wait was handed out. */
  handedOut(count: number): void {
    this.#prepared = count;
  }

  /** Those that no position that was handed out lists. */
  get unlisted(): readonly EndedPart[] {
    return this.#ended.slice(this.#prepared);
  }

  /** Publishes those in an accepted position. Positions come in order, so these are the first that wait. */
  async publishListed(names: ReadonlySet<string>): Promise<void> {
    let count = 0;
    while (count < this.#ended.length && names.has(this.#ended[count]!.name)) count++;
    if (count > 0) await this.#publish(count);
  }

  /** Publishes all that wait. Without rows there may be no part, but the old parts must go anyway. */
  async publishAll(): Promise<void> {
    if (this.#ended.length > 0 || this.#replaces) await this.#publish(this.#ended.length);
  }

  /**
   * Whether a replacement was decided; then the staged parts will replace the old ones, whoever finishes
   * it. Does not throw.
   */
  async isDecided({ run, epoch }: OutputRun): Promise<boolean> {
    return this.#isReplacing && (await hasDecided(this.#options.folders(), run, epoch).catch(() => true));
  }

  async #publish(count: number): Promise<void> {
    const { staging, run, epoch } = this.#options.running();
    const folders = this.#options.folders();
    const { disk, directory } = folders;
    const parts = this.#ended.slice(0, count);
    if (this.#replaces) {
      await stageColumns(staging, this.#options.columns);
      const names = await listOutput(disk, directory);
      const old = names.filter((name) => isPartOfAnother(run, name));
      this.#isReplacing = true;
      await replaceParts(folders, staging, { run, epoch, old, parts });
      this.#isReplacing = false;
      this.#replaces = false;
      this.#hasParts = false;
    } else {
      const names = parts.map(({ name }) => name);
      await makeFolders(disk, directory, names);
      for (const { name, inode } of parts) {
        await staging.publish(name, inode, join(directory, name), directory);
      }
      await syncOutput(disk, directory, names);
    }
    await staging.sync();
    this.#ended = this.#ended.slice(count);
    this.#prepared = Math.max(0, this.#prepared - count);
    this.#hasParts ||= count > 0;
    this.#published += count;
    this.#notePaths(parts.map(({ name }) => name));
  }

  #notePaths(names: readonly string[]): void {
    this.#paths.push(...names.map((name) => join(this.#options.directory, name)));
  }
}
