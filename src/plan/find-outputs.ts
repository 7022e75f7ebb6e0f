import { InvalidSpecError, type SpecProblem } from '../core/errors.js';
import { builtIn } from '../registry/built-in.js';
import { missingComponent } from '../registry/registry.js';
import type { Path } from '../wire/stage-tree.js';
import { Catalogue } from './catalogue.js';
import { findJobFiles, type PathWritten } from './paths/job-files.js';
import { type ResolveContext, resolveWithFiles } from './resolve-spec.js';
import { resolveStage } from './resolve-stage.js';
import { asObject, startCheck } from './stage-check.js';

/** Where the job of a spec writes its rows. */
export interface SpecOutputs {
  readonly outputs: readonly PathWritten[];
  /** Why other outputs cannot be determined. */
  readonly problems: readonly SpecProblem[];
}

/** Branches that may be left out of a spec to find the others. */
const BRANCHES_MAX = 256;

/**
 * Finds the outputs of a spec. Only with components from outside is the whole of it checked, since those say
 * where they write when they are planned. Otherwise, and where that fails, the sink alone is enough: the rest may
 * be invalid or missing, no user code runs and no file is read. Branches whose outputs cannot be determined are
 * left out.
 *
 * @param outside - Components that the settings name.
 */
export async function findOutputs(spec: unknown, outside?: ResolveContext): Promise<SpecOutputs> {
  if (!outside) return outputsOfSink(asObject(spec).sink);
  try {
    const { files } = await resolveWithFiles(spec, { topics: {}, ...outside });
    const outputs = (files?.writes ?? []).filter(({ isDeadLetters }) => !isDeadLetters);
    return { outputs, problems: [] };
  } catch (error) {
    if (!(error instanceof InvalidSpecError)) throw error;
    const { outputs } = await outputsOfSink(asObject(spec).sink);
    return { outputs, problems: error.problems };
  }
}

async function outputsOfSink(sink: unknown): Promise<SpecOutputs> {
  const leftOut: SpecProblem[] = [];
  let rest = sink;
  for (let branches = 0; ; branches++) {
    const { resolved, problems } = await resolveSink(rest);
    if (problems.length === 0 && resolved) {
      const files = await findJobFiles({ name: '', sink: resolved });
      return { outputs: files?.writes ?? [], problems: leftOut };
    }
    leftOut.push(...problems);
    const without = problems.reduce<unknown>((left, { path }) => left && withoutBranch(left, path), rest);
    if (without === undefined || branches === BRANCHES_MAX) return { outputs: [], problems: leftOut };
    rest = without;
  }
}

async function resolveSink(sink: unknown) {
  const problems: SpecProblem[] = [];
  const use = asObject(sink).use;
  if (typeof use === 'string' && use !== '' && !builtIn.find('sink', use)) {
    const names = builtIn.all('sink').map(({ name }) => name);
    const hint =
      'of a sink of your own, name its module with --components, or the output in place of the spec';
    problems.push({ path: ['sink', 'use'], message: `${missingComponent('sink', use, names)}; ${hint}` });
    return { resolved: undefined, problems };
  }
  const check = startCheck({ catalogue: new Catalogue(), resilience: undefined, problems });
  const resolved = await resolveStage(check, 'sink', sink, ['sink']);
  if (!resolved && problems.length === 0) {
    problems.push({ path: ['sink'], message: 'expected a sink with "use", to tell where it writes' });
  }
  return { resolved, problems };
}

/** Returns the sink with nothing in the innermost branch that a path leads to; `undefined` if it leads to none. */
function withoutBranch(sink: unknown, [, ...path]: Path): unknown {
  const ends = path.flatMap((key, i) => {
    if (key === 'otherwise') return [i + 1];
    const isBranch = key === 'branches' ? typeof path[i + 1] === 'number' : key === 'routes';
    return isBranch && i + 1 < path.length ? [i + 2] : [];
  });
  const end = ends.at(-1);
  if (end === undefined) return undefined;
  const nothing = { use: 'null', ...(path[end - 2] === 'routes' && { when: 'true' }) };
  return replacedAt(sink, path.slice(0, end), nothing);
}

function replacedAt(value: unknown, [key, ...rest]: Path, by: object): unknown {
  if (key === undefined) return by;
  if (Array.isArray(value)) {
    return value.map((each: unknown, i) => (i === key ? replacedAt(each, rest, by) : each));
  }
  const object = asObject(value);
  return { ...object, [key]: replacedAt(object[key], rest, by) };
}
