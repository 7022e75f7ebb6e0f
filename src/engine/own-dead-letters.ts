import type { FileHandle } from 'node:fs/promises';

/** What a file that exists must show before dead letters are added to it. */
export interface StandingFile {
  /** Why nothing is added to it: what was found. */
  readonly foreign?: string;
  /** Whether its last line was cut off, by a crash, and is to be ended first. */
  readonly isCutOff?: boolean;
  readonly bytes?: number;
}

/** Of its end: some of the longest dead letters. */
const TAIL_BYTES = 65_536;

/** How a line of ours begins. */
const BEGINNINGS = ['{"run":"', '{"file":"'] as const;

/**
 * Whether a file is one of dead letters: an empty one, or one that ends in them. What else there is
 * may be anything, an input for one, and is not to be written to.
 *
 * Those of earlier releases, without run and ordinal, count as well.
 */
export async function inspectDeadLetters(handle: Pick<FileHandle, 'stat' | 'read'>): Promise<StandingFile> {
  const found = await handle.stat();
  if (found.isCharacterDevice()) return {};
  if (!found.isFile()) return { foreign: found.isDirectory() ? 'a directory' : 'no file' };
  if (found.size === 0) return {};
  const from = Math.max(0, found.size - TAIL_BYTES);
  const tail = Buffer.alloc(found.size - from);
  let length = 0;
  while (length < tail.length) {
    const { bytesRead } = await handle.read(tail, length, tail.length - length, from + length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return { ...judge(tail.toString('utf8', 0, length), from > 0), bytes: found.size };
}

function judge(tail: string, isCutAtStart: boolean): StandingFile {
  const lines = tail.split('\n');
  const isCutOff = lines.at(-1) !== '';
  if (isCutAtStart) lines.shift();
  // Those that a crash cut off say little, be they ended by a later run or not.
  const last = lines.findLast((line) => line !== '' && !isCutShort(line));
  const isOurs = last === undefined ? lines.some(isCutShort) : isDeadLetter(last);
  return isOurs ? { isCutOff } : { foreign: 'a file of something else' };
}

/** One that begins like ours and does not end. */
function isCutShort(line: string): boolean {
  if (line === '' || parse(line) !== undefined) return false;
  return BEGINNINGS.some((beginning) => line.startsWith(beginning) || beginning.startsWith(line));
}

function isDeadLetter(line: string): boolean {
  const { file, line: at, expected, found } = (parse(line) ?? {}) as Record<string, unknown>;
  return [file, expected, found].every((text) => typeof text === 'string') && typeof at === 'number';
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
