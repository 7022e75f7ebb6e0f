import { join } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import { errnoCode, outputFailed } from '../../core/output-error.js';
import { type FileSystem, removeQuietly } from './file-system.js';
import { digits, type Manifest, readManifest } from './manifest.js';

/** Claims of runs that died between their claim and their manifest: more than that is something else. */
const CLAIMS_MAX = 1_000;

/** Which run of which job a directory of parts belongs to: the one whose epoch its manifest has. */
export class EpochClaim {
  readonly epoch: number;
  readonly #fs: FileSystem;
  readonly #directory: string;
  readonly #path: string;

  private constructor(fs: FileSystem, directory: string, epoch: number, path: string) {
    this.#fs = fs;
    this.#directory = directory;
    this.epoch = epoch;
    this.#path = path;
  }

  /**
   * Takes the first epoch from `from` on that no other run has taken at the same moment, by making
   * a file that must not exist.
   */
  static async take(fs: FileSystem, directory: string, from: number): Promise<EpochClaim> {
    for (let epoch = from; ; epoch++) {
      const path = join(directory, `.epoch-${digits(epoch, 5)}.claim`);
      try {
        await (await fs.open(path, 'wx')).close();
        return new EpochClaim(fs, directory, epoch, path);
      } catch (error) {
        if (errnoCode(error) !== 'EEXIST' || epoch - from > CLAIMS_MAX) {
          throw outputFailed('create', path, error);
        }
      }
    }
  }

  /** @throws {PipelineError} `OUTPUT_FAILED`: a run that another one has followed must not write any more. */
  async check(job: string): Promise<void> {
    const found = await readManifest(this.#fs, this.#directory);
    if (found?.epoch === this.epoch && found.job === job) return;
    throw new PipelineError(
      'OUTPUT_FAILED',
      found
        ? `"${this.#directory}" was taken over by a run of job "${found.job}" (epoch ${found.epoch}, this run ` +
            `has ${this.epoch}); what this run had not committed is discarded. Give each job a path of its own`
        : `The manifest of "${this.#directory}" was removed during the run`,
    );
  }

  /** The epoch stays taken: the manifest or a part has it. Does not throw. */
  release(): Promise<void> {
    return removeQuietly(this.#fs, this.#path);
  }
}

/** The epoch after all that the directory knows of. */
export function nextEpoch(names: readonly string[], found: Manifest | undefined): number {
  let highest = found?.epoch ?? 0;
  for (const name of names) {
    const epoch = /-(\d{5,})-\d{6,}\.[a-z.]+$/.exec(name)?.[1];
    if (epoch !== undefined) highest = Math.max(highest, Number(epoch));
  }
  return highest + 1;
}

/**
 * What runs of a job left when they died: temporary files, parts that they renamed and did not live
 * to list, and claims.
 */
export function leftoversOf(names: readonly string[], job: string, found: Manifest | undefined): string[] {
  const ours = job.replaceAll('.', '\\.');
  const temporary = new RegExp(
    `^\\.(${ours}-\\d{5,}-\\d{6,}\\.[a-z.]+|manifest\\.json\\.${ours}-\\d{5,})\\.tmp$`,
  );
  const part = new RegExp(`^${ours}-(\\d{5,})-\\d{6,}\\.[a-z.]+$`);
  const listed = new Set(found?.parts.map(({ file }) => file));
  return names.filter((name) => {
    if (temporary.test(name)) return true;
    const claim = /^\.epoch-(\d{5,})\.claim$/.exec(name);
    if (claim) return Number(claim[1]) <= (found?.epoch ?? 0);
    const epoch = part.exec(name)?.[1];
    return epoch !== undefined && found !== undefined && Number(epoch) <= found.epoch && !listed.has(name);
  });
}
