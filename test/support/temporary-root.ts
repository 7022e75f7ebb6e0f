import { mkdirSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

/** Where Linux has a file system in memory: thousands of small files cost a fraction of those on a disk. */
const IN_MEMORY = '/dev/shm';
const BYTES_MIN = 1_000_000_000;

/** The `TMPDIR` of tests: what they leave behind goes with it. */
export function temporaryRoot(): string {
  return join(hasRoom(IN_MEMORY) ? IN_MEMORY : tmpdir(), `tickloom-tests-${process.pid}`);
}

export function setup({ config }: TestProject): () => void {
  const folder = config.env.TMPDIR!;
  mkdirSync(folder, { recursive: true });
  return () => rmSync(folder, { recursive: true, force: true });
}

function hasRoom(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize >= BYTES_MIN;
  } catch {
    return false; // there is none
  }
}
