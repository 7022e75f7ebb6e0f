import type { SpecProblem } from '../core/errors.js';
import { builtIn } from '../registry/built-in.js';
import { missingComponent } from '../registry/registry.js';
import { Catalogue } from './catalogue.js';
import { findJobFiles, type PlaceWritten } from './paths/job-files.js';
import { resolveStage } from './resolve-stage.js';

/** Where the job of a spec writes its rows. */
export interface SpecOutputs {
  readonly outputs: readonly PlaceWritten[];
  /** Why that cannot be told. */
  readonly problems: readonly SpecProblem[];
}

/**
 * Finds the outputs of a spec by its sink alone: the rest may be wrong, missing or name what is not
 * there. Runs no code of the user's and looks into no file.
 */
export async function findOutputs(spec: unknown): Promise<SpecOutputs> {
  const { sink } = spec as { readonly sink?: unknown };
  const problems: SpecProblem[] = [];
  const use = (sink as { readonly use?: unknown } | null | undefined)?.use;
  if (typeof use === 'string' && use !== '' && !builtIn.find('sink', use)) {
    const names = builtIn.all('sink').map(({ name }) => name);
    const message = `${missingComponent('sink', use, names)}; of a sink of your own, name the output in place of the spec`;
    return { outputs: [], problems: [{ path: ['sink', 'use'], message }] };
  }
  const check = { catalogue: new Catalogue(), resilience: undefined, problems, names: new Map() };
  const resolved = await resolveStage(check, 'sink', sink, ['sink']);
  if (!resolved && problems.length === 0) {
    problems.push({ path: ['sink'], message: 'expected a sink with "use", to tell where it writes' });
  }
  if (problems.length > 0) return { outputs: [], problems };
  const files = await findJobFiles({ name: '', sink: resolved });
  return { outputs: files?.writes ?? [], problems };
}
