import { crc32 } from 'node:zlib';

/**
 * One write to the log of a store: a line `<CRC-32> <bytes> <JSON>`. JSON on one line holds no line feed, so a line
 * feed ends a frame wherever a reader begins. The checksum is of all that follows it but the line feed.
 */
const HEAD = /^([0-9a-f]{8}) (\d{1,9}) /;
const HEAD_BYTES_MAX = 19;
const CHECKSUM_BYTES = 9;
const LINE_FEED = 10;

/** Bytes that a line takes at most. */
export const FRAME_BYTES_MAX = 32 * 1_048_576;

/** @param json - Without a line feed, as `JSON.stringify` makes it. */
export function encodeFrame(json: string): Buffer {
  const body = Buffer.from(` ${Buffer.byteLength(json)} ${json}\n`);
  const checksum = crc32(body.subarray(1, -1)).toString(16).padStart(8, '0');
  return Buffer.concat([Buffer.from(checksum, 'latin1'), body]);
}

/** @param line - Without its line feed. @returns The JSON; `undefined` for a line that is damaged or cut. */
export function decodeFrame(line: Buffer): string | undefined {
  const head = HEAD.exec(line.toString('latin1', 0, HEAD_BYTES_MAX));
  if (!head) return undefined;
  const [{ length: headBytes }, checksum, bytes] = head;
  if (line.length - headBytes !== Number(bytes)) return undefined;
  if (crc32(line.subarray(CHECKSUM_BYTES)) !== Number.parseInt(checksum!, 16)) return undefined;
  return line.toString('utf8', headBytes);
}

/** The length that a damaged line says that it has, with its line feed; `undefined` if it does not say so. */
function statedBytes(line: Buffer): number | undefined {
  const head = HEAD.exec(line.toString('latin1', 0, HEAD_BYTES_MAX));
  return head ? head[0].length + Number(head[2]) + 1 : undefined;
}

/** Takes a log by the chunk, and tells a torn end from damage. */
export class FrameReader {
  /** Where the last good frame ends. */
  end: number;
  /** Where the first bad line begins, that is no torn end; `undefined` as long as there is none. */
  damagedAt: number | undefined;
  readonly #onFrame: (json: string, offset: number) => void;
  #rest: Buffer = Buffer.alloc(0);
  /** Chunks of a line that has not ended. */
  #chunks: Buffer[] = [];
  #restBytes = 0;
  #isBad = false;

  /** @param from - Offset of the first frame. @param onFrame - Called for each good frame in front of the first bad line. */
  constructor(from: number, onFrame: (json: string, offset: number) => void) {
    this.end = from;
    this.#onFrame = onFrame;
  }

  /** @param chunk - Is kept, so it may not be used for others. */
  push(chunk: Buffer): void {
    let from = 0;
    for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, from)) {
      this.#line(Buffer.concat([...this.#chunks, chunk.subarray(from, at)]));
      if (this.damagedAt !== undefined) return;
      this.#chunks = [];
      this.#restBytes = 0;
      from = at + 1;
    }
    if (from === chunk.length) return;
    this.#chunks.push(chunk.subarray(from));
    this.#restBytes += chunk.length - from;
    // No write is as long as that: an end that was torn is shorter.
    if (this.#restBytes > FRAME_BYTES_MAX) this.damagedAt = this.end;
  }

  /** @returns How many bytes at the end are of a write that was not completed. */
  finish(): number {
    if (this.damagedAt !== undefined) return 0;
    const tail = Buffer.concat([this.#rest, ...this.#chunks]);
    if (tail.length === 0) return 0;
    // One write is under way at a time. So what is behind a first line is of a write after it.
    const isFollowed = this.#isBad && this.#chunks.length > 0;
    if (isFollowed || tail.length > (statedBytes(tail) ?? tail.length)) this.damagedAt = this.end;
    return this.damagedAt === undefined ? tail.length : 0;
  }

  #line(line: Buffer): void {
    if (this.#isBad) {
      this.damagedAt = this.end;
      return;
    }
    const json = decodeFrame(line);
    if (json === undefined) {
      this.#isBad = true;
      // It may be the last write, torn in the middle: what was written of it need not be its beginning.
      this.#rest = Buffer.concat([line, Buffer.of(LINE_FEED)]);
      return;
    }
    const offset = this.end;
    this.end += line.length + 1;
    this.#onFrame(json, offset);
  }
}
