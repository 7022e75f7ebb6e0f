import { Buffer } from 'node:buffer';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { PipelineError } from '../../../core/errors.js';
import { errnoCode } from '../../../core/output-error.js';
import { messageOf } from '../../../core/provider-error.js';
import { quoted } from '../../../core/shown-text.js';
import { type CaptureLine, parseLine } from './capture-lines.js';

/** Of a line: a message of 16 MiB is 22 MiB in Base64. */
const LINE_BYTES_MAX = 128 * 1_024 * 1_024;
const CHUNK_BYTES = 256 * 1_024;
const NEW_LINE = 10;

/** A line and its place. */
export type PlacedLine = CaptureLine & { readonly where: () => string };

/**
 * Reads the lines of a capture, compressed or not, as many at once as a part of the file has. One that was cut off ends
 * with its last whole line.
 *
 * @throws {PipelineError} `INPUT_MISSING` or `INPUT_UNREADABLE` if it cannot be opened or read, `INPUT_CORRUPT` for a
 *   line that is none, and for gzip that is damaged.
 */
export async function* readCapture(path: string): AsyncGenerator<readonly PlacedLine[]> {
  const read = { lines: 0 };
  try {
    yield* linesOf(path, read);
  } catch (error) {
    if (error instanceof PipelineError) throw error;
    const isPacked = String(errnoCode(error)).startsWith('Z_');
    throw isPacked
      ? new PipelineError(
          'INPUT_CORRUPT',
          `${quoted(path)}, behind line ${read.lines}: expected data of gzip, found something else: ${messageOf(error)}`,
          { cause: error },
        )
      : new PipelineError(
          'INPUT_UNREADABLE',
          `cannot read the capture ${quoted(path)}: ${messageOf(error)}: expected a file that can be read`,
          { cause: error },
        );
  }
}

async function* linesOf(path: string, read: { lines: number }): AsyncGenerator<readonly PlacedLine[]> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunksOf(path)) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const lines: PlacedLine[] = [];
    let from = 0;
    for (let to = bytes.indexOf(NEW_LINE); to >= 0; to = bytes.indexOf(NEW_LINE, from)) {
      const line = ++read.lines;
      const where = () => `${quoted(path)}, line ${line}`;
      if (to > from) {
        try {
          lines.push({ ...parseLine(bytes.subarray(from, to), where), where });
        } catch (error) {
          yield lines; // what stands before it counts
          throw error;
        }
      }
      from = to + 1;
    }
    rest = bytes.subarray(from);
    if (lines.length > 0) yield lines;
    if (rest.length > LINE_BYTES_MAX) {
      throw new PipelineError(
        'INPUT_CORRUPT',
        `${quoted(path)}, line ${read.lines + 1}: expected at most ${LINE_BYTES_MAX} bytes, found more`,
      );
    }
  }
}

async function* chunksOf(path: string): AsyncGenerator<Buffer> {
  let file: FileHandle;
  try {
    file = await open(path);
  } catch (error) {
    const code = errnoCode(error) === 'ENOENT' ? 'INPUT_MISSING' : 'INPUT_UNREADABLE';
    throw new PipelineError(code, `cannot open the capture ${quoted(path)}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
    const isPacked = bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
    if (!isPacked) {
      yield* bytesOf(file);
      return;
    }
    const packed = Readable.from(bytesOf(file), { objectMode: false });
    const plain = createGunzip();
    packed.on('error', (error) => plain.destroy(error));
    try {
      yield* packed.pipe(plain) as Readable as AsyncIterable<Buffer>;
    } catch (error) {
      if (!isCutOff(error)) throw error;
    } finally {
      packed.destroy();
    }
  } finally {
    await file.close();
  }
}

async function* bytesOf(file: FileHandle): AsyncGenerator<Buffer> {
  for (let at = 0; ; ) {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** The writer was killed in the middle of a part. */
const isCutOff = (error: unknown): boolean =>
  (error as { readonly code?: unknown } | null)?.code === 'Z_BUF_ERROR';
