import { deserialize, serialize } from 'node:v8';
import { PipelineError } from '../core/errors.js';

/** A task has the spec with its calendars: far less than this. */
const FRAME_BYTES_MAX = 64 << 20;
const LENGTH_BYTES = 4;

/** A message as bytes with their length before them. */
export function frame(message: unknown): Buffer {
  const bytes = serialize(message);
  const framed = Buffer.allocUnsafe(LENGTH_BYTES + bytes.length);
  framed.writeUint32LE(bytes.length, 0);
  framed.set(bytes, LENGTH_BYTES);
  return framed;
}

/**
 * Puts messages together from the bytes of a pipe. Node's own channel between processes is not used: bytes that are no
 * message throw there where nobody can catch it, and code of users can write to any pipe of its process.
 */
export class FrameReader {
  readonly #bytesMax: number;
  #chunks: Buffer[] = [];
  #bytes = 0;

  /** @param bytesMax - Of one message. */
  constructor(bytesMax = FRAME_BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  /**
   * Takes bytes, and gives the messages that are whole now.
   *
   * @throws {PipelineError} for bytes that are no message.
   */
  *read(chunk: Buffer): Generator<unknown> {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    while (this.#bytes >= LENGTH_BYTES) {
      const length = this.#first(LENGTH_BYTES).readUint32LE(0);
      if (length > this.#bytesMax) {
        throw noMessage(`one of ${length} bytes, above the ${this.#bytesMax} that one may have`);
      }
      if (this.#bytes < LENGTH_BYTES + length) return;
      const whole = this.#first(LENGTH_BYTES + length);
      this.#bytes -= whole.length;
      const rest = this.#chunks[0]!.subarray(whole.length);
      if (rest.length > 0) this.#chunks[0] = rest;
      else this.#chunks.shift();
      yield parsed(whole.subarray(LENGTH_BYTES));
    }
  }

  /** The first bytes, which are in the first chunk then. */
  #first(bytes: number): Buffer {
    if (this.#chunks[0]!.length < bytes) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0]!.subarray(0, bytes);
  }
}

function parsed(bytes: Buffer): unknown {
  try {
    return deserialize(bytes);
  } catch {
    throw noMessage('bytes that are none');
  }
}

const noMessage = (found: string) =>
  new PipelineError('INTERNAL', `Expected a message of a process of tickloom, found ${found}`);
