import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Files of a directory that a pipeline wrote, as its manifest lists them: what it does not list
 * does not count.
 *
 * @returns `undefined` where there is no manifest that can be understood.
 */
export async function writtenFiles(directory: string): Promise<string[] | undefined> {
  let found: unknown;
  try {
    found = JSON.parse(await readFile(join(directory, 'manifest.json'), 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const { parts } = (found ?? {}) as { readonly parts?: unknown };
  if (!Array.isArray(parts)) return undefined;
  const files: string[] = [];
  for (const part of parts as readonly ({ readonly file?: unknown } | null)[]) {
    // A name with a path in it would lead elsewhere.
    if (typeof part?.file !== 'string' || !/^[A-Za-z0-9][\w.-]*$/.test(part.file)) return undefined;
    files.push(join(directory, part.file));
  }
  return files;
}
