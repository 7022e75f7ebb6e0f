import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** Paths of what is no file: a pipe that nobody writes to, a socket, a device. */
export async function specialFiles(name = 'ticks.csv') {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-special-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const pipe = join(folder, name);
  execFileSync('mkfifo', [pipe]);
  const socket = join(folder, 'socket');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  onTestFinished(() => void server.close());
  return { folder, pipe, socket, device: '/dev/zero' };
}
