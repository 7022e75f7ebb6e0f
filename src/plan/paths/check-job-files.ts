import { lstat, open } from 'node:fs/promises';
import type { SpecProblem } from '../../core/errors.js';
import { textOfKind } from '../../core/file-kind.js';
import { foreignDeadLetters, LINK_TO_NOWHERE } from '../../engine/dead-letters/open-dead-letters.js';
import { inspectDeadLetters } from '../../engine/dead-letters/own-dead-letters.js';
import type { Registry } from '../../registry/registry.js';
import type { StageOverrides } from '../stage-overrides.js';
import { findJobFiles, type JobFiles, type PathWritten, type SpecParts } from './job-files.js';
import { ownConflicts } from './path-conflicts.js';
import { standardStreams } from './standard-streams.js';

export interface CheckedFiles {
  /** `undefined` if the job has none. */
  readonly files: JobFiles | undefined;
  readonly problems: readonly SpecProblem[];
}

/**
 * Finds the files of a spec and checks them for conflicts. The only file that it opens is an existing
 * dead-letter file, to check that it holds dead letters.
 */
export async function checkJobFiles(
  spec: SpecParts,
  overrides: StageOverrides,
  registry: Registry,
): Promise<CheckedFiles> {
  const files = await findJobFiles(spec, overrides, registry);
  if (!files) return { files, problems: [] };
  const problems = standardStreams(files);
  if (problems.length > 0) return { files, problems };
  problems.push(...files.reads.problems, ...ownConflicts(files));
  const deadLetters = files.writes.find(({ isDeadLetters }) => isDeadLetters);
  // Not if the path is already reported as a conflict.
  if (deadLetters && !problems.some(({ path }) => path === deadLetters.at)) {
    problems.push(...(await foreignContent(deadLetters)));
  }
  return { files, problems };
}

async function foreignContent({ at, path, resolved }: PathWritten): Promise<SpecProblem[]> {
  if (resolved.kind === 'missing') {
    const isLink = await lstat(path).then(
      (found) => found.isSymbolicLink(),
      () => false,
    );
    return isLink ? [{ path: at, message: foreignDeadLetters(path, LINK_TO_NOWHERE) }] : [];
  }
  if (resolved.kind !== 'file') {
    return [{ path: at, message: foreignDeadLetters(path, textOfKind(resolved.kind)) }];
  }
  let foreign: string | undefined;
  try {
    const handle = await open(resolved.real, 'r');
    try {
      ({ foreign } = await inspectDeadLetters(handle));
    } finally {
      await handle.close();
    }
  } catch {
    return []; // the run reports why it cannot be opened
  }
  return foreign === undefined ? [] : [{ path: at, message: foreignDeadLetters(path, foreign) }];
}
