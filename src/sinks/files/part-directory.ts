import { join } from 'node:path';
import type { ControlRecord } from '../../core/control-record.js';
import { PipelineError } from '../../core/errors.js';
import type { PlainData } from '../../core/plain-data.js';
import type { Schema } from '../../core/schema.js';
import { type FileSystem, removeQuietly } from './file-system.js';
import {
  digits,
  type ListedControl,
  listControl,
  type Manifest,
  manifestColumns,
  type Part,
  readManifest,
  writeManifest,
} from './manifest.js';
import type { IfExists, Output, PartFacts } from './output.js';
import { errnoCode, outputFailed } from './output-error.js';
import { TemporaryFile } from './temporary-file.js';

export interface PartDirectoryOptions {
  readonly fs: FileSystem;
  readonly directory: string;
  /** Starts the name of every part. */
  readonly job: string;
  /** `parquet`, `csv.gz`. */
  readonly extension: string;
  readonly ifExists: IfExists;
  readonly schema: Schema;
  /** `resume` will be called: what is there belongs to the job. */
  readonly resuming: boolean;
}

/** Where a run stands: everything up to this part is committed. Sequence 0: before its first. */
interface PartPosition {
  readonly run: number;
  readonly epoch: number;
  readonly sequence: number;
}

const CONTROLS_MAX = 10_000;

/**
 * A directory of parts, `<job>-<epoch>-<sequence>.<extension>`, and the manifest that lists those
 * that count. A part is written under a temporary name, synced, renamed, then listed: neither a
 * crash nor a stale owner can make a half or doubled part count.
 *
 * A part that is whole (by rotation or by a flush) is published at once; when it is to replace
 * what was there, all wait for the first flush, which swaps the old for the new.
 */
export class PartDirectory implements Output {
  readonly writesWithoutRows = false;
  readonly #options: PartDirectoryOptions;
  #epoch = 0;
  #run = 0;
  #sequence = 0;
  /** Rows of the last part that ended. */
  #lastRows = 0;
  #manifest: Manifest | undefined;
  #claim: string | undefined;
  #open: TemporaryFile | undefined;
  /** Parts of an earlier run that go when this one commits; `undefined`: none are to go. */
  #replaced: readonly Part[] | undefined;
  #held: { readonly file: TemporaryFile; readonly part: Part }[] = [];
  #controls: ListedControl[] = [];
  #controlsOmitted = 0;
  readonly #paths: string[] = [];

  constructor(options: PartDirectoryOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    const { fs, directory, job, ifExists, resuming, schema } = this.#options;
    try {
      await fs.mkdir(directory, { recursive: true });
    } catch (error) {
      throw outputFailed('create the directory', directory, error);
    }
    const found = await readManifest(fs, directory);
    const names = await this.#removeLeftovers(found);

    if (!resuming) {
      if (ifExists === 'error') this.#refuseWhatIsThere(found, names);
      if (ifExists === 'replace') this.#replaced = found?.parts ?? [];
    }
    const columns = manifestColumns(schema);
    const goesOn = resuming || ifExists === 'append';
    if (goesOn && found && found.parts.length > 0 && !sameColumns(found.columns, columns)) {
      throw new PipelineError(
        'OUTPUT_EXISTS',
        `"${directory}" holds parts with other columns: expected ${describeColumns(columns)}, ` +
          `found ${describeColumns(found.columns)}; choose another path or set "ifExists: replace"`,
      );
    }

    this.#epoch = await this.#claimEpoch(Math.max(found?.epoch ?? 0, highestEpoch(names)) + 1);
    this.#run = this.#epoch;
    await this.#write({
      version: 1,
      job,
      epoch: this.#epoch,
      columns: found && found.parts.length > 0 && !goesOn ? found.columns : columns,
      parts: found?.parts ?? [],
      controls: found?.controls ?? [],
      ...(found?.controlsOmitted !== undefined && { controlsOmitted: found.controlsOmitted }),
    });
  }

  async resume(position: PlainData): Promise<void> {
    const { fs, directory } = this.#options;
    const manifest = this.#manifest!;
    const { run, epoch, sequence } = asPosition(position);
    const isLast = (part: Part) => part.epoch === epoch && part.sequence === sequence;
    if (epoch >= this.#epoch || (sequence > 0 && !manifest.parts.some(isLast))) {
      throw new PipelineError(
        'CHECKPOINT_INVALID',
        `The checkpoint is of epoch ${epoch}, part ${sequence}, which "${directory}" does not hold: ` +
          'was the directory moved, emptied or written by another run?',
      );
    }
    const isAfter = (at: PartPosition) =>
      at.run === run && (at.epoch > epoch || (at.epoch === epoch && at.sequence > sequence));
    const discarded = manifest.parts.filter(isAfter);
    this.#run = run;
    await this.#write({
      ...manifest,
      parts: manifest.parts.filter((part) => !isAfter(part)),
      controls: manifest.controls.filter((control) => !isAfter(control)),
    });
    for (const { file } of discarded) await removeQuietly(fs, join(directory, file));
  }

  async begin(): Promise<TemporaryFile> {
    const { fs, directory, job, extension } = this.#options;
    const name = `${job}-${digits(this.#epoch, 5)}-${digits(this.#sequence + 1, 6)}.${extension}`;
    this.#open = await TemporaryFile.create(fs, join(directory, `.${name}.tmp`), join(directory, name));
    return this.#open;
  }

  async end(file: TemporaryFile, facts: PartFacts): Promise<void> {
    const { directory } = this.#options;
    this.#sequence++;
    this.#lastRows = facts.rows;
    const part: Part = {
      file: file.final.slice(directory.length).replace(/^[\\/]+/, ''),
      run: this.#run,
      epoch: this.#epoch,
      sequence: this.#sequence,
      ...facts,
      bytes: file.bytes,
    };
    if (this.#replaced) {
      await file.seal();
      this.#held.push({ file, part });
      this.#open = undefined;
      return;
    }
    await this.#publish([{ file, part }]);
    this.#open = undefined;
  }

  control(record: ControlRecord, row: number): void {
    if (this.#controls.length >= CONTROLS_MAX) {
      this.#controlsOmitted++;
      return;
    }
    // Without an open part it stands after the last row, so that a resume keeps it.
    const open = this.#open !== undefined;
    this.#controls.push({
      run: this.#run,
      epoch: this.#epoch,
      sequence: open ? this.#sequence + 1 : this.#sequence,
      row: open ? row : this.#lastRows,
      record: listControl(record),
    });
  }

  async flush(): Promise<PlainData> {
    if (this.#replaced) {
      const { fs, directory, schema } = this.#options;
      const replaced = this.#replaced;
      this.#manifest = {
        ...this.#manifest!,
        columns: manifestColumns(schema),
        parts: [],
        controls: [],
      };
      this.#replaced = undefined;
      await this.#publish(this.#held);
      this.#held = [];
      for (const { file } of replaced) await removeQuietly(fs, join(directory, file));
    } else if (this.#controls.length > 0 || this.#controlsOmitted > 0) {
      await this.#publish([]);
    }
    const position: PartPosition = { run: this.#run, epoch: this.#epoch, sequence: this.#sequence };
    return { ...position };
  }

  paths(): readonly string[] {
    return this.#paths;
  }

  async close(): Promise<void> {
    await this.#open?.discard();
    for (const { file } of this.#held) await file.discard();
    this.#open = undefined;
    this.#held = [];
    if (this.#claim) await removeQuietly(this.#options.fs, this.#claim);
    this.#claim = undefined;
  }

  /** Renames the files, then lists them. */
  async #publish(ended: readonly { readonly file: TemporaryFile; readonly part: Part }[]): Promise<void> {
    const { fs } = this.#options;
    const manifest = this.#manifest!;
    await this.#checkOwner();
    const published: string[] = [];
    try {
      for (const { file } of ended) {
        await file.publish();
        published.push(file.final);
      }
      const omitted = (manifest.controlsOmitted ?? 0) + this.#controlsOmitted;
      await this.#write({
        ...manifest,
        parts: [...manifest.parts, ...ended.map(({ part }) => part)],
        controls: [...manifest.controls, ...this.#controls],
        ...(omitted > 0 && { controlsOmitted: omitted }),
      });
    } catch (error) {
      for (const path of published) await removeQuietly(fs, path);
      throw error;
    }
    this.#paths.push(...published);
    this.#controls = [];
    this.#controlsOmitted = 0;
  }

  async #write(manifest: Manifest): Promise<void> {
    await writeManifest(this.#options.fs, this.#options.directory, manifest);
    this.#manifest = manifest;
  }

  /** A run that another one has followed must not write any more. */
  async #checkOwner(): Promise<void> {
    const { fs, directory } = this.#options;
    const found = await readManifest(fs, directory);
    if (found?.epoch === this.#epoch && found.job === this.#options.job) return;
    throw new PipelineError(
      'OUTPUT_FAILED',
      found
        ? `"${directory}" was taken over by a run of job "${found.job}" (epoch ${found.epoch}, this run ` +
            `has ${this.#epoch}); what this run had not committed is discarded. Give each job a path of its own`
        : `The manifest of "${directory}" was removed during the run`,
    );
  }

  /** The first epoch from `from` on that no other run has taken at the same moment. */
  async #claimEpoch(from: number): Promise<number> {
    const { fs, directory } = this.#options;
    for (let epoch = from; ; epoch++) {
      const claim = join(directory, `.epoch-${digits(epoch, 5)}.claim`);
      try {
        await (await fs.open(claim, 'wx')).close();
        this.#claim = claim;
        return epoch;
      } catch (error) {
        if (errnoCode(error) !== 'EEXIST' || epoch - from > 1_000) {
          throw outputFailed('create', claim, error);
        }
      }
    }
  }

  #refuseWhatIsThere(found: Manifest | undefined, names: readonly string[]): void {
    const { directory, extension } = this.#options;
    const foreign = names.filter((name) => !name.startsWith('.') && name.endsWith(`.${extension}`));
    let there: string;
    if (found && found.parts.length > 0) {
      const rows = found.parts.reduce((sum, part) => sum + part.rows, 0);
      there = `${count(found.parts.length, 'part')} with ${count(rows, 'row')} from job "${found.job}"`;
    } else if (foreign.length > 0) {
      there = `${count(foreign.length, 'file')} like "${foreign[0]}"`;
    } else {
      return;
    }
    throw new PipelineError(
      'OUTPUT_EXISTS',
      `"${directory}" holds ${there} already; set "ifExists: append" to add to it, ` +
        '"ifExists: replace" to replace it, or choose another path',
    );
  }

  /**
   * Removes what a run of this job left when it died: temporary files, and parts that it renamed
   * and did not live to list.
   *
   * @returns What else is in the directory.
   */
  async #removeLeftovers(found: Manifest | undefined): Promise<string[]> {
    const { fs, directory, job } = this.#options;
    let names: string[];
    try {
      names = await fs.readdir(directory);
    } catch (error) {
      throw outputFailed('read the directory', directory, error);
    }
    const ours = job.replaceAll('.', '\\.');
    const temporary = new RegExp(
      `^\\.(${ours}-\\d{5,}-\\d{6,}\\.[a-z.]+|manifest\\.json\\.${ours}-\\d{5,})\\.tmp$`,
    );
    const part = new RegExp(`^${ours}-(\\d{5,})-\\d{6,}\\.[a-z.]+$`);
    const listed = new Set(found?.parts.map(({ file }) => file));
    const left = names.filter((name) => {
      if (temporary.test(name)) return true;
      const claim = /^\.epoch-(\d{5,})\.claim$/.exec(name);
      if (claim) return Number(claim[1]) <= (found?.epoch ?? 0);
      const epoch = part.exec(name)?.[1];
      return epoch !== undefined && found !== undefined && Number(epoch) <= found.epoch && !listed.has(name);
    });
    for (const name of left) await removeQuietly(fs, join(directory, name));
    return names.filter((name) => !left.includes(name));
  }
}

function highestEpoch(names: readonly string[]): number {
  let highest = 0;
  for (const name of names) {
    const epoch = /-(\d{5,})-\d{6,}\.[a-z.]+$/.exec(name)?.[1];
    if (epoch !== undefined) highest = Math.max(highest, Number(epoch));
  }
  return highest;
}

function asPosition(position: PlainData): PartPosition {
  const { run, epoch, sequence } = (position ?? {}) as Record<string, unknown>;
  if (typeof run === 'number' && typeof epoch === 'number' && typeof sequence === 'number') {
    return { run, epoch, sequence };
  }
  throw new PipelineError(
    'CHECKPOINT_INVALID',
    'The checkpoint does not fit the sink: expected a position in a directory of parts (run, epoch, sequence)',
  );
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

const sameColumns = (a: Manifest['columns'], b: Manifest['columns']): boolean =>
  a.length === b.length && a.every(({ name, type }, i) => b[i]?.name === name && b[i]?.type === type);

const describeColumns = (columns: Manifest['columns']): string => {
  const shown = columns.slice(0, 20).map(({ name, type }) => `${name.slice(0, 40)} ${type}`);
  return shown.join(', ') + (columns.length > 20 ? ` and ${columns.length - 20} more` : '');
};
