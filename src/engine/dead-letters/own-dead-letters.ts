import type { FileHandle } from 'node:fs/promises';
import { fileKind } from '../../core/file-kind.js';

/** The result of checking an existing file before dead letters are appended to it. */
export interface StandingFile {
  /** If it is not a dead-letter file: what was found instead. */
  readonly foreign?: string;
  /** Whether a crash truncated its last line, so that a line end must be written first. */
  readonly isCutOff?: boolean;
  readonly bytes?: number;
}

/** Bytes read from its end: enough for several of the longest dead letters. */
const TAIL_BYTES = 65_536;

/** The beginnings of our lines; the second is from earlier releases. */
const BEGINNINGS = ['{"run":"', '{"file":"'] as const;

/**
 * Checks whether a file is empty or ends in dead letters, including those of earlier releases, which have
 * no run and ordinal. Any other file may be an input, for example, and must not be written to.
 */
export async function inspectDeadLetters(handle: Pick<FileHandle, 'stat' | 'read'>): Promise<StandingFile> {
  const found = await handle.stat();
  if (found.isCharacterDevice()) return {};
  if (!found.isFile()) return { foreign: fileKind(found) };
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
  // Lines truncated by a crash are skipped, whether or not a later run has ended them.
  const last = lines.findLast((line) => line !== '' && !isCutShort(line));
  const isOurs = last === undefined ? lines.some(isCutShort) : isDeadLetter(last);
  return isOurs ? { isCutOff } : { foreign: 'another kind of file' };
}

/** Whether a line begins like ours but is incomplete. */
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
