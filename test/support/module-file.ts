import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** Writes a module into a folder of its own, which is removed after the test. @returns Its path. */
export function writeModule(text: string, name = 'module.mjs'): string {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}
