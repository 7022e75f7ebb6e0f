import { PipelineError } from '../core/errors.js';
import { errnoCode } from '../core/output-error.js';
import type { Logger } from '../telemetry/logger.js';
import { type Checkpoint, NewerCheckpointError } from '../wire/checkpoint.js';
import { readStored } from './checkpoint-codec.js';
import { ATTEMPTS_MAX, type StoreFolder } from './store-folder.js';
import type { StoreFile } from './store-names.js';
import { readStrings } from './string-log.js';

/** The checkpoint to resume from, left by the last claim or its last save. */
export interface Found {
  readonly file: StoreFile | undefined;
  /** The log with the strings of the checkpoint. */
  readonly strings: Pick<StoreFile, 'name' | 'id'> | undefined;
  readonly checkpoint: Checkpoint | undefined;
}

/** A listed file no longer exists: the folder was changed after it was listed. */
class GoneMeanwhile extends Error {}

/**
 * Finds the checkpoint to resume from in the folder of a key.
 *
 * @param given - The files in the folder, if the caller has already listed them.
 * @throws {PipelineError} `CHECKPOINT_INVALID` if there are checkpoints, but none can be read, or if the last one is of
 *   a newer release.
 */
export async function findCheckpoint(
  folder: StoreFolder,
  log: Logger,
  given?: readonly StoreFile[],
): Promise<Found> {
  const search = new Search(folder, log);
  for (let attempts = 0; ; attempts++) {
    const files = given && attempts === 0 ? given : await folder.files();
    try {
      return await search.among(files);
    } catch (error) {
      const isGone = error instanceof GoneMeanwhile || errnoCode(error) === 'ENOENT';
      if (!isGone || attempts === ATTEMPTS_MAX) throw error;
    }
  }
}

class Search {
  readonly #folder: StoreFolder;
  readonly #log: Logger;
  /** Names of checkpoints whose log was missing once. */
  readonly #withoutLog = new Set<string>();

  constructor(folder: StoreFolder, log: Logger) {
    this.#folder = folder;
    this.#log = log;
  }

  async among(files: readonly StoreFile[]): Promise<Found> {
    const claims = files.filter(({ kind }) => kind === 'claim').sort((a, b) => b.epoch - a.epoch);
    for (const { name, epoch } of claims) {
      const { token, isRemoved } = await this.#folder.claimIn(name);
      const saved = files
        .filter((file) => file.epoch === epoch && file.token === token)
        .filter(({ kind }) => kind === 'checkpoint' || kind === 'none')
        .sort((a, b) => b.number - a.number || b.offset - a.offset);
      if (saved.length > 0) return this.#firstWhole(saved, files);
      if (isRemoved) break; // the removal was interrupted before it wrote its `none` file
      // This claim was interrupted before it linked a checkpoint, so those of lower claims still exist.
    }
    return { file: undefined, strings: undefined, checkpoint: undefined };
  }

  async #firstWhole(saved: readonly StoreFile[], files: readonly StoreFile[]): Promise<Found> {
    let newest: unknown;
    for (const file of saved) {
      if (file.kind === 'none') {
        if (newest !== undefined) break; // the unreadable checkpoint is the only one
        return { file, strings: undefined, checkpoint: undefined };
      }
      const path = this.#folder.pathOf(file.name);
      const bytes = await this.#folder.fs.readFile(path);
      try {
        const found = await this.#complete(file, bytes, files);
        if (newest !== undefined)
          this.#log.warn({ err: newest, path }, 'checkpoint is damaged; the one before it is taken');
        return found;
      } catch (error) {
        if (!(error instanceof PipelineError)) throw error; // a file system error says nothing about the checkpoint
        if (error instanceof NewerCheckpointError) throw error;
        newest ??= error;
      }
    }
    throw newest;
  }

  async #complete(file: StoreFile, bytes: Uint8Array, files: readonly StoreFile[]): Promise<Found> {
    const path = this.#folder.pathOf(file.name);
    const { strings: mark, complete } = readStored(bytes, path, file.offset);
    if (!mark) return { file, strings: undefined, checkpoint: complete() };
    if (file.offset > 0) {
      const strings = { name: file.name, id: mark.id };
      return { file, strings, checkpoint: complete(readStrings(bytes, mark, path)) };
    }
    // Under whatever claim: one that has broken off, or lost a name to a power cut, has not removed the other.
    const strings = files.find(({ kind, id }) => kind === 'strings' && id === mark.id);
    if (!strings) throw this.#withoutStrings(file, mark.id);
    const logPath = this.#folder.pathOf(strings.name);
    const logged = readStrings(await this.#folder.fs.readFile(logPath), mark, logPath);
    return { file, strings, checkpoint: complete(logged) };
  }

  /**
   * The error for a missing log. Cleaning up removes checkpoints before their log, so at first the checkpoint
   * may just be on its way out, and the search is repeated. If it is still there then, its log is lost.
   */
  #withoutStrings(file: StoreFile, id: string): Error {
    if (!this.#withoutLog.has(file.name)) {
      this.#withoutLog.add(file.name);
      return new GoneMeanwhile();
    }
    const path = this.#folder.pathOf(file.name);
    return new PipelineError(
      'CHECKPOINT_INVALID',
      `${path}: expected the log of its strings beside it, "…-${id}.strings", found none`,
    );
  }
}
