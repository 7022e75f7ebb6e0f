import { basename, join } from 'node:path';
import type { ControlRecord } from '../../core/control-record.js';
import { PipelineError } from '../../core/errors.js';
import { makeDirectory } from '../../core/make-directory.js';
import { outputFailed } from '../../core/output-error.js';
import type { PlainData } from '../../core/plain-data.js';
import type { Schema } from '../../core/schema.js';
import { EpochClaim, leftoversOf, nextEpoch } from './epoch-claim.js';
import { refuseOtherColumns, refuseParts } from './existing-parts.js';
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

/** Control records that the manifest lists, which is written anew with each part. */
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
  #run = 0;
  #sequence = 0;
  /** Rows of the last part that ended. */
  #lastRows = 0;
  #manifest: Manifest | undefined;
  #claim: EpochClaim | undefined;
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

  get #epoch(): number {
    return this.#claim?.epoch ?? 0;
  }

  async open(): Promise<void> {
    const { fs, directory, job, extension, ifExists, resuming, schema } = this.#options;
    await makeDirectory(fs, directory);
    const manifest = await readManifest(fs, directory);
    const all = await namesIn(fs, directory);
    const leftovers = leftoversOf(all, job, manifest);
    const names = all.filter((name) => !leftovers.includes(name));

    const columns = manifestColumns(schema);
    const goesOn = resuming || ifExists === 'append';
    const existing = { directory, manifest, names };
    if (!resuming && ifExists === 'error') refuseParts(existing, extension);
    if (!resuming && ifExists === 'replace') this.#replaced = manifest?.parts ?? [];
    if (goesOn) refuseOtherColumns(existing, columns);

    this.#claim = await EpochClaim.take(fs, directory, nextEpoch(names, manifest));
    this.#run = this.#epoch;
    await this.#write({
      version: 1,
      job,
      epoch: this.#epoch,
      columns: manifest && manifest.parts.length > 0 && !goesOn ? manifest.columns : columns,
      parts: manifest?.parts ?? [],
      controls: manifest?.controls ?? [],
      ...(manifest?.controlsOmitted !== undefined && { controlsOmitted: manifest.controlsOmitted }),
    });
    // Only now: a run that is refused must not take the open part of one that is at work.
    for (const name of leftovers) await removeQuietly(fs, join(directory, name));
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
    this.#sequence++;
    this.#lastRows = facts.rows;
    const part: Part = {
      file: basename(file.final),
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
    if (this.#manifest!.controls.length + this.#controls.length >= CONTROLS_MAX) {
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
    await this.#claim?.release();
  }

  /** Renames the files, then lists them. */
  async #publish(ended: readonly { readonly file: TemporaryFile; readonly part: Part }[]): Promise<void> {
    const { fs, job } = this.#options;
    const manifest = this.#manifest!;
    await this.#claim!.check(job);
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
}

async function namesIn(fs: FileSystem, directory: string): Promise<string[]> {
  try {
    return await fs.readdir(directory);
  } catch (error) {
    throw outputFailed('read the directory', directory, error);
  }
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
