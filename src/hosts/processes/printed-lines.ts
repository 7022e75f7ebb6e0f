import type { Readable, Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { Pace } from './pace.js';
import { writeShared } from './shared-output.js';

/** Characters of a line that are kept: the rest of it is left out. */
const LINE_CHARS_MAX = 2_000;
/** Bytes that are taken in one period, where each line counts as so many: 1,000 lines in a second. */
const BYTES_PER_PERIOD = 512 * 1024;
const BYTES_OF_LINE = BYTES_PER_PERIOD / 200;

/**
 * Reads what a process prints, line by line, a bounded amount in a time: one that prints more waits until it is read.
 * So a flood costs whoever prints it the time, and nobody else.
 *
 * @param take - Called with each line that is not empty.
 * @returns Tells a line that has not ended.
 */
export function readPrinted(stream: Readable, take: (line: string) => void): () => void {
  const lines = new Lines(take);
  const pace = new Pace(stream, BYTES_PER_PERIOD);
  stream.on('error', () => {}); // the end of the process says more
  stream.on('data', (chunk: Buffer) => {
    pace.spend(chunk.length + BYTES_OF_LINE * lines.add(chunk));
  });
  return () => lines.end();
}

/**
 * Writes what a process prints to another stream, as fast as that takes it.
 *
 * @param take - Called with each line that is not empty.
 * @returns Tells a line that has not ended.
 */
export function showPrinted(stream: Readable, output: Writable, take?: (line: string) => void): () => void {
  const lines = take && new Lines(take);
  stream.on('error', () => {}); // the end of the process says more
  stream.on('data', (chunk: Buffer) => {
    lines?.add(chunk);
    if (!writeShared(output, chunk, () => stream.resume())) stream.pause();
  });
  return () => lines?.end();
}

/** Puts lines together. */
class Lines {
  readonly #decoder = new StringDecoder('utf8');
  readonly #take: (line: string) => void;
  #line = '';

  constructor(take: (line: string) => void) {
    this.#take = take;
  }

  /** @returns How many lines ended. */
  add(chunk: Buffer): number {
    const parts = this.#decoder.write(chunk).split('\n');
    for (const [i, part] of parts.entries()) {
      if (this.#line.length < LINE_CHARS_MAX) this.#line += part.slice(0, LINE_CHARS_MAX - this.#line.length);
      if (i < parts.length - 1) this.end();
    }
    return parts.length - 1;
  }

  end(): void {
    if (this.#line.trim() !== '') this.#take(this.#line);
    this.#line = '';
  }
}
