import { close, fstat, open, read, stat } from 'node:fs';
import { Socket } from 'node:net';
import { promisify } from 'node:util';
import { fileKind, READ_WITHOUT_WAIT } from '../core/file-kind.js';

// Not a `FileHandle`: the descriptor of a pipe goes to a socket, which closes it.
const fs = {
  stat: promisify(stat),
  fstat: promisify(fstat),
  open: promisify(open),
  read: promisify(read),
  close: promisify(close),
};

/**
 * Reads the start of a file, or of a pipe: `<(…)` of a shell, `/dev/stdin`, or a named one, whose writer is
 * waited for without a thread that waits with it.
 *
 * @param bytesMax - More is not read, so that a huge file costs nothing.
 * @throws System errors, such as ENOENT; and for a device or a socket, an error that says so.
 */
export async function readStart(path: string, bytesMax: number): Promise<Buffer> {
  const found = await fs.stat(path);
  // A directory is refused by the read.
  if (!found.isFile() && !found.isFIFO() && !found.isDirectory()) {
    throw new Error(`expected a file or a pipe, found ${fileKind(found)}`);
  }
  const fd = await fs.open(path, READ_WITHOUT_WAIT);
  if ((await fs.fstat(fd)).isFIFO()) {
    // As a socket, since the event loop waits for its bytes.
    return readStream(new Socket({ fd, readable: true, writable: false }), bytesMax);
  }
  try {
    return await readFile(fd, bytesMax);
  } finally {
    await fs.close(fd);
  }
}

async function readFile(fd: number, bytesMax: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(bytesMax);
  let length = 0;
  for (;;) {
    const { bytesRead } = await fs.read(fd, buffer, length, buffer.length - length, null);
    length += bytesRead;
    if (bytesRead === 0 || length === buffer.length) return buffer.subarray(0, length);
  }
}

/** Reads at most so many bytes of a stream, and ends it. */
export async function readStream(stream: AsyncIterable<Buffer | string>, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    chunks.push(Buffer.from(chunk));
    length += chunk.length;
    if (length >= bytesMax) break;
  }
  return Buffer.concat(chunks).subarray(0, bytesMax);
}
