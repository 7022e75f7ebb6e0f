import { join } from 'node:path';
import type { Disk } from '../disk/disk.js';
import type { Staging } from '../staging/staging.js';
import { isStanding, type Standing } from './file-position.js';

/** The files that a run published under the name of the output. */
export interface PublishedNote {
  readonly run: string;
  readonly epoch: number;
  /** The last file and the one before it, since a crash may come between this note and the last rename. */
  readonly files: readonly Standing[];
}

/**
 * File in the state folder that states which run published the visible file. That file may hold more than
 * the position from which the run is resumed.
 */
const PUBLISHED_FILE = 'published.json';

/**
 * The note that a run wrote before it published the current file; `undefined` if another run was the last
 * to publish.
 */
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
    return undefined; // not one of ours
  }
}
