import type { FileHandle } from 'node:fs/promises';
import { AWAITED_MAX, type DeadLetterPosition, ordinalOf } from './dead-letter-position.js';

const CHUNK_BYTES = 262_144;
const LINE_END = 0x0a;

/**
 * Letters that an earlier start of a run wrote after the checkpoint from which the run resumes. Their rows
 * are added again, but not always in the same order: a source may read further ahead than before, or
 * less far, past rows that an operator rejects. So each row is recognized by its content, and keeps its
 * ordinal.
 */
export class EarlierLetters {
  /** The highest ordinal that was assigned. */
  readonly last: number;
  /** Of the file: before the first of them. */
  readonly bytes: number;
  readonly #numbers: Map<string, number>;

  private constructor(numbers: Map<string, number>, last: number, bytes: number) {
    this.#numbers = numbers;
    this.last = last;
    this.bytes = bytes;
  }

  /** @param position - From the checkpoint. The file may have been replaced or truncated since. */
  static async read(
    handle: Pick<FileHandle, 'stat' | 'read'>,
    position: DeadLetterPosition,
  ): Promise<EarlierLetters> {
    const { run, ordinal, bytes, awaited = [] } = position;
    const isAwaited = new Set(awaited);
    const numbers = new Map<string, number>();
    const found = await handle.stat();
    let last = ordinal;
    if (found.isFile()) {
      const start = `{"run":${JSON.stringify(run)},"ordinal":`;
      for await (const line of linesFrom(handle, bytes, found.size)) {
        if (!line.startsWith(start)) continue;
        const number = ordinalOf(line);
        if (number === undefined || (number <= ordinal && !isAwaited.has(number))) continue;
        last = Math.max(last, number);
        if (numbers.size < AWAITED_MAX) numbers.set(line.slice(line.indexOf(',', start.length) + 1), number);
      }
    }
    return new EarlierLetters(numbers, last, bytes);
  }

  /**
   * Takes a letter that is in the file.
   * @param content - The letter from after its ordinal.
   * @returns Its ordinal; `undefined` if it is not in the file.
   */
  take(content: string): number | undefined {
    if (this.#numbers.size === 0) return undefined;
    const number = this.#numbers.get(content);
    this.#numbers.delete(content);
    return number;
  }

  /** Ordinals of those whose rows have not been added again yet. */
  get awaited(): readonly number[] {
    return [...this.#numbers.values()];
  }
}

/**
 * Which of some lines are not in a file.
 *
 * @param from - They do not begin before it, if it is the same file.
 */
export async function linesNotIn(
  handle: Pick<FileHandle, 'stat' | 'read'>,
  lines: readonly string[],
  from: number,
): Promise<readonly string[]> {
  const found = await handle.stat();
  if (!found.isFile()) return lines;
  const missing = new Set(lines);
  for await (const line of linesFrom(handle, from, found.size)) missing.delete(line);
  return [...missing];
}

/** @param from - Where it is past the size, all lines: the file is another one. */
async function* linesFrom(
  handle: Pick<FileHandle, 'read'>,
  from: number,
  size: number,
): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0);
  for (let at = from <= size ? from : 0; ; ) {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, at);
    if (bytesRead === 0) return; // the rest is an incomplete line
    at += bytesRead;
    const bytes = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
    const end = bytes.lastIndexOf(LINE_END);
    rest = bytes.subarray(end + 1);
    if (end >= 0) yield* bytes.toString('utf8', 0, end).split('\n');
  }
}
