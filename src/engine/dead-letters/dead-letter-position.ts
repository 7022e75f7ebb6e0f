import { PipelineError } from '../../core/errors.js';
import { isCount, type PlainData } from '../../core/plain-data.js';
import type { LettersBehind } from '../rejects.js';

/** The position of a run in its dead letters. Plain data, for a checkpoint. */
export type DeadLetterPosition = {
  /** Random, one for each run. */
  readonly run: string;
  /** The last ordinal that was assigned, counted from 1; 0 before the first. */
  readonly ordinal: number;
  /** Offset in the file before which no letter with a higher ordinal begins. */
  readonly bytes: number;
  /** Ordinals up to `ordinal` of letters whose rows come again. */
  readonly awaited?: readonly number[];
  /** Letters whose rows do not come again. Default: `ordinal` less those that are awaited. */
  readonly count?: number;
  /** Letters up to `ordinal` that may not be on the disk, as lines. */
  readonly unsynced?: string;
  /** Of the file: none of them begins before it. */
  readonly unsyncedFrom?: number;
};

/** Maximum number of awaited rows. Rows beyond it get new ordinals if they are added again. */
export const AWAITED_MAX = 10_000;

/** How far a run is in its dead letters. */
export interface LetterProgress {
  /** The last ordinal that was assigned. */
  readonly ordinal: number;
  readonly count: number;
  /** Offset of the next write. */
  readonly bytes: number;
  /** Those of an earlier start. */
  readonly earlier: EarlierWritten | undefined;
}

interface EarlierWritten {
  /** Their highest ordinal. */
  readonly last: number;
  /** Of the file: before the first of them. */
  readonly bytes: number;
  /** Those whose rows have not come again yet. */
  readonly awaited: readonly number[];
}

/** The part of a position that says which letters count. */
export type LettersUpTo = Pick<DeadLetterPosition, 'ordinal' | 'bytes' | 'awaited' | 'count'>;

/**
 * Says which letters count, if the rows of some come again.
 *
 * @param behind - Their rows come again.
 * @param since - Ordinals of letters that were added after this progress, and whose rows do not come again.
 */
export function upTo(
  { ordinal: last, count: all, bytes: end, earlier }: LetterProgress,
  behind: readonly LettersBehind[],
  since: readonly number[] = [],
): LettersUpTo {
  const counted = new Set(since);
  const awaited = new Set(earlier?.awaited);
  for (const ordinal of counted) awaited.delete(ordinal);
  let bytes = earlier && awaited.size > 0 ? earlier.bytes : end;
  let count = all; // letters that were lost have been added again under new ordinals
  for (const { ordinals, bytes: from } of behind) {
    if (ordinals.length === 0) continue;
    bytes = Math.min(bytes, from);
    for (const ordinal of ordinals) {
      if (!counted.delete(ordinal)) count--;
      awaited.add(ordinal);
      if (earlier && ordinal <= earlier.last) bytes = Math.min(bytes, earlier.bytes);
    }
  }
  count += counted.size;
  let ordinal = last;
  for (const other of counted) ordinal = Math.max(ordinal, other);
  for (let other = last + 1; other < ordinal; other++) if (!counted.has(other)) awaited.add(other);
  while (awaited.delete(ordinal)) ordinal--; // all behind it are awaited in any case
  const named = [...awaited].filter((other) => other < ordinal).slice(0, AWAITED_MAX);
  return {
    ordinal,
    bytes,
    ...(named.length > 0 && { awaited: named }),
    ...(count !== ordinal - named.length && { count }),
  };
}

/** @throws {PipelineError} `CHECKPOINT_INVALID`. */
export function readDeadLetterPosition(data: PlainData): DeadLetterPosition {
  const {
    run,
    ordinal,
    bytes,
    awaited,
    count = 0,
    unsynced,
    unsyncedFrom,
  } = (data ?? {}) as {
    readonly [field: string]: unknown;
  };
  const areCounts = awaited === undefined || (Array.isArray(awaited) && awaited.every(isCount));
  const areSaid = unsynced === undefined || (typeof unsynced === 'string' && isCount(unsyncedFrom));
  const isComplete = typeof run === 'string' && run !== '' && isCount(ordinal) && isCount(bytes);
  if (isComplete && isCount(count) && areCounts && areSaid) {
    return data as DeadLetterPosition; // all its fields were looked at
  }
  throw new PipelineError(
    'CHECKPOINT_INVALID',
    'Expected the state "deadLetters", {run, ordinal, bytes}, found something else',
  );
}

/** The position at which no letter counts, since all rows come again. Those that may be lost stay in it. */
export function rewoundLetters(position: DeadLetterPosition): DeadLetterPosition {
  const { run, bytes, unsynced, unsyncedFrom = bytes } = position;
  return { run, ordinal: 0, bytes: 0, ...(unsynced !== undefined && { unsynced, unsyncedFrom }) };
}

/** Tells letters whose rows do not come again from the others. */
export function lettersUpTo({ ordinal, awaited = [] }: DeadLetterPosition): (letter: string) => boolean {
  const isAwaited = new Set(awaited);
  return (letter) => {
    const number = ordinalOf(letter);
    return number !== undefined && number <= ordinal && !isAwaited.has(number);
  };
}

/** The ordinal of a complete letter. A letter truncated by a crash counts as not written. */
export function ordinalOf(line: string): number | undefined {
  try {
    const { ordinal } = JSON.parse(line) as { readonly ordinal?: unknown };
    return isCount(ordinal) ? ordinal : undefined;
  } catch {
    return undefined;
  }
}
