import { dirname } from 'node:path';
import { ComparisonTime } from '../../core/comparison-time.js';
import { PROBLEMS_MAX, type SpecProblem } from '../../core/errors.js';
import type { JobFiles, PathWritten } from './job-files.js';
import { conflictsBetween, tooSlow } from './path-conflicts.js';

/**
 * Finds the jobs whose files may conflict with those of another one, without a look at all jobs: they write
 * or read the same file, or one that is above or below. `conflictsBetween` says of these whether it is so.
 */
export class FilesInUse<Owner extends object> {
  readonly #files = new Map<Owner, JobFiles>();
  /** By the files that are written: their keys and their inodes. */
  readonly #written = new WritersAt<Owner>();
  /** By the directories above the files that are written. */
  readonly #writtenBelow = new OwnersAt<Owner>();
  /** By the files that are read, and their inodes. */
  readonly #read = new OwnersAt<Owner>();
  /** By the directories with files that are read, those that globs look into, and those above. */
  readonly #readBelow = new OwnersAt<Owner>();
  /** By the directories that globs look into. */
  readonly #globbed = new OwnersAt<Owner>();

  add(owner: Owner, files: JobFiles): void {
    this.#files.set(owner, files);
    this.#change('add', owner, files);
  }

  /** Does nothing for an owner that is not there. */
  delete(owner: Owner): void {
    const files = this.#files.get(owner);
    if (!files) return;
    this.#files.delete(owner);
    this.#change('delete', owner, files);
  }

  /**
   * Finds the conflicts of these files with those of all owners. Looks at no more owners once it has as many
   * problems as are kept of a spec: thousands may read what one writes. That globs take too long to compare is a
   * problem of its own.
   *
   * @param nameOf - What an owner is called in messages.
   * @param isLeftOut - Of which owners no file is in the way.
   */
  conflicts(
    files: JobFiles,
    nameOf: (owner: Owner) => string,
    isLeftOut: (owner: Owner) => boolean = () => false,
  ): SpecProblem[] {
    const problems: SpecProblem[] = [];
    const time = new ComparisonTime();
    try {
      for (const [owner, theirs] of this.near(files)) {
        if (isLeftOut(owner)) continue;
        problems.push(...conflictsBetween(files, theirs, nameOf(owner), time));
        if (problems.length >= PROBLEMS_MAX) break;
      }
    } catch (error) {
      problems.push(tooSlow(files, 'those of other jobs', error));
    }
    return problems;
  }

  /** The owners whose files may conflict with these, and their files. May name some that do not. */
  near({ reads, writes }: JobFiles): readonly (readonly [Owner, JobFiles])[] {
    const found = new Set<Owner>();
    for (const write of writes) this.#nearWrite(write, found);
    for (const file of reads.keys()) this.#written.collect(file, found);
    for (const directory of reads.directories()) {
      for (const above of selfAndAbove(directory)) this.#written.collect(above, found);
    }
    for (const directory of reads.directoriesOfGlobs()) {
      this.#writtenBelow.collect(directory, found);
      for (const above of selfAndAbove(directory)) this.#written.collect(above, found);
    }
    return [...found].map((owner) => [owner, this.#files.get(owner)!]);
  }

  #nearWrite(write: PathWritten, found: Set<Owner>): void {
    const { key } = write.resolved;
    const group = groupOf(write);
    for (const file of keysOf(write)) {
      this.#written.collect(file, found, group);
      this.#read.collect(file, found);
    }
    for (const above of selfAndAbove(key)) {
      this.#written.collect(above, found, group);
      this.#globbed.collect(above, found);
    }
    if (write.partsEndIn === undefined) return;
    this.#writtenBelow.collect(key, found);
    this.#readBelow.collect(key, found);
  }

  #change(how: 'add' | 'delete', owner: Owner, { reads, writes }: JobFiles): void {
    for (const write of writes) {
      for (const file of keysOf(write)) this.#written[how](file, owner, groupOf(write));
      for (const above of selfAndAbove(dirname(write.resolved.key))) this.#writtenBelow[how](above, owner);
    }
    for (const file of reads.keys()) this.#read[how](file, owner);
    for (const directory of reads.directories()) {
      for (const above of selfAndAbove(directory)) this.#readBelow[how](above, owner);
    }
    for (const directory of reads.directoriesOfGlobs()) {
      this.#globbed[how](directory, owner);
      for (const above of selfAndAbove(directory)) this.#readBelow[how](above, owner);
    }
  }
}

const keysOf = ({ resolved: { key, inode } }: PathWritten): readonly string[] =>
  inode === undefined ? [key] : [key, inode];

/** Jobs of one group may write to the same directory. `undefined`: a job that shares its directory with nobody. */
const groupOf = ({ isShared, partsEndIn = '', resolved }: PathWritten): string | undefined =>
  isShared === true ? `${partsEndIn}\0${resolved.key}` : undefined;

/** The owners of each file. Few files have more than one, and there may be many files. */
class OwnersAt<Owner extends object> {
  readonly #at = new Map<string, Owner | Set<Owner>>();

  add(file: string, owner: Owner): void {
    const there = this.#at.get(file);
    if (there instanceof Set) there.add(owner);
    else this.#at.set(file, there === undefined || there === owner ? owner : new Set([there, owner]));
  }

  delete(file: string, owner: Owner): void {
    const there = this.#at.get(file);
    if (there instanceof Set) there.delete(owner);
    if (there === owner || (there instanceof Set && there.size === 0)) this.#at.delete(file);
  }

  collect(file: string, found: Set<Owner>): void {
    const there = this.#at.get(file);
    if (there instanceof Set) for (const owner of there) found.add(owner);
    else if (there !== undefined) found.add(there);
  }
}

/** The owners that write to each file, by group. */
class WritersAt<Owner extends object> {
  readonly #at = new Map<string, Map<string | undefined, Set<Owner>>>();

  add(file: string, owner: Owner, group: string | undefined): void {
    const groups = this.#at.get(file) ?? new Map<string | undefined, Set<Owner>>();
    this.#at.set(file, groups.set(group, (groups.get(group) ?? new Set()).add(owner)));
  }

  delete(file: string, owner: Owner, group: string | undefined): void {
    const groups = this.#at.get(file);
    const owners = groups?.get(group);
    owners?.delete(owner);
    if (owners?.size === 0) groups?.delete(group);
    if (groups?.size === 0) this.#at.delete(file);
  }

  /** @param ofGroup - Whose file it is. Nobody else of its group is in its way. */
  collect(file: string, found: Set<Owner>, ofGroup?: string): void {
    for (const [group, owners] of this.#at.get(file) ?? []) {
      if (group !== undefined && group === ofGroup) continue;
      for (const owner of owners) found.add(owner);
    }
  }
}

function* selfAndAbove(file: string): Generator<string> {
  for (let at = file; ; at = dirname(at)) {
    yield at;
    if (dirname(at) === at) return;
  }
}
