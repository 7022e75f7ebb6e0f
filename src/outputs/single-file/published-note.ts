import { join } from 'node:path';
import type { Disk } from '../disk/disk.js';
import type { Staging } from '../staging/staging.js';
import { isStanding, type Standing } from './file-position.js';

/** Which files a run gave the name of the output. */
export interface PublishedNote {
  readonly run: string;
  readonly epoch: number;
  /** The last one, and the one before it: a crash may come between this note and the last one. */
  readonly files: readonly Standing[];
}

/**
 * In the state folder: which run put the file there that readers see. It may hold more than the position
 * says from which the run is gone on with.
 */
const PUBLISHED_FILE = 'published.json';

/** What a run wrote down before it was the last one to show a file; `undefined` where another one was. */
export async function publishedBy(
  disk: Disk,
  state: string,
  run: string,
): Promise<PublishedNote | undefined> {
  const text = await disk.read(join(state, PUBLISHED_FILE));
  const note = text === undefined ? undefined : parseNote(text);
  return note?.run === run ? note : undefined;
}

export function notePublished(staging: Staging, state: string, note: PublishedNote): Promise<void> {
  return staging.decide(join(state, PUBLISHED_FILE), JSON.stringify(note));
}

function parseNote(text: string): PublishedNote | undefined {
  try {
    const note = JSON.parse(text) as Partial<PublishedNote> | null;
    return Array.isArray(note?.files) && note.files.every(isStanding) ? (note as PublishedNote) : undefined;
  } catch {
    return undefined; // somebody else's
  }
}
