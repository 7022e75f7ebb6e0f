import type { SpecProblem } from '../core/errors.js';
import { builtIn } from '../registry/built-in.js';
import { missingComponent } from '../registry/registry.js';
import { Catalogue } from './catalogue.js';
import { findJobFiles, type PlaceWritten } from './paths/job-files.js';
import { resolveStage } from './resolve-stage.js';

/** The places where the job of a spec writes its rows. */
export interface SpecOutputs {
  readonly outputs: readonly PlaceWritten[];
  /** Why the outputs cannot be determined. */
  readonly problems: readonly SpecProblem[];
}

/**
 * Finds the outputs of a spec from its sink alone. The rest of the spec may be invalid or missing.
 * Runs no user code and reads no file.
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
