import { copyPlainData } from '../../core/copy-plain-data.js';
import { invariant } from '../../core/invariant.js';
import type { PlainData } from '../../core/plain-data.js';
import type { LetterMark } from '../rejects.js';
import type { Source } from '../source.js';

/** How far a source was at a batch, in its own words. */
export interface SourceProgress {
  /** `undefined`: not known before the read has ended. */
  readonly position: PlainData | undefined;
  readonly rowsRejected: number;
  readonly bytesIn: number;
  /** Its dead letters: those of later reads are added again after a resume. */
  readonly letters: LetterMark | undefined;
}

/** What an intake has done with the rows that it was given so far. */
export interface IntakeCounts {
  readonly rowsRead: number;
  /** Of these, bad ones. */
  readonly rowsRefused: number;
  /** Of these, those that a full queue has left out. */
  readonly rowsLeftOut: number;
}

/** What has come of a source in one start. */
export interface SourceCounts extends IntakeCounts, Pick<SourceProgress, 'rowsRejected' | 'bytesIn'> {}

/** Where to go on after everything that has been taken from an intake. */
export interface ResumePoint extends SourceProgress, IntakeCounts {
  /** Rows behind the position that have been taken already. */
  readonly rowsToSkip: number;
  /** The state of the checks of a live source. */
  readonly live: PlainData | undefined;
}

/** A point whose position is known. */
export type KnownResumePoint = ResumePoint & { readonly position: PlainData };

/** Returns how far a source is between two reads, or before a read. */
export function progressOf(
  source: Source,
  position: PlainData | undefined,
  letters: LetterMark | undefined,
): SourceProgress {
  const { rowsRejected = 0, bytesIn = 0 } = source;
  return { position, rowsRejected, bytesIn, letters };
}

/** Returns a point for a checkpoint, which keeps nothing that changes later. */
export function keptResumePoint(point: ResumePoint): KnownResumePoint {
  const { position } = point;
  invariant(position !== undefined, 'a checkpoint waits for a read whose position is not known');
  return { ...point, position: copyPlainData(position, 'source') };
}
