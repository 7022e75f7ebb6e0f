import { InvalidSpecError } from '../../src/core/errors.js';
import { resolveSpec } from '../../src/runtime/resolve-spec.js';

/** The problems of a spec, each with its path; none if it is valid. */
export async function specProblems(spec: unknown): Promise<string[]> {
  try {
    await resolveSpec(spec);
    return [];
  } catch (error) {
    if (!(error instanceof InvalidSpecError)) throw error;
    return error.problems.map(({ path, message }) => `${path.join('.')}: ${message}`);
  }
}
