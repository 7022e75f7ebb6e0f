import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** Characters of a line that are kept: the rest of it is left out. */
const LINE_CHARS_MAX = 2_000;
/** Lines that are taken in one period. More of them make the process wait. */
const LINES_PER_PERIOD = 200;
const PERIOD_MS = 200;

/**
 * Reads what a process prints, line by line, a bounded number in a time: one that prints more waits until it is read,
 * as for any pipe. So a flood of lines costs whoever prints them the time, and nobody else.
 *
 * @param take - Called with each line that is not empty.
 * @returns Tells a line that has not ended.
 */
export function readPrinted(stream: Readable, take: (line: string) => void): () => void {
  const decoder = new StringDecoder('utf8');
  let line = '';
  let lines = 0;
  let timer: NodeJS.Timeout | undefined;
  const end = () => {
    if (line.trim() !== '') take(line);
    line = '';
  };
  const period = () => {
    timer = undefined;
    lines = 0;
    stream.resume();
  };
  stream.on('error', () => {}); // the end of the process says more
  stream.on('close', () => clearTimeout(timer));
  stream.on('data', (chunk: Buffer) => {
    const parts = decoder.write(chunk).split('\n');
    for (const [i, part] of parts.entries()) {
      if (line.length < LINE_CHARS_MAX) line += part.slice(0, LINE_CHARS_MAX - line.length);
      if (i === parts.length - 1) break;
      end();
      lines++;
    }
    timer ??= setTimeout(period, PERIOD_MS);
    if (lines >= LINES_PER_PERIOD) stream.pause();
  });
  return end;
}
