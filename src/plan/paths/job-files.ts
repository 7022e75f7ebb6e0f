import { builtIn } from '../../registry/built-in.js';
import { loadedStage, loadStage } from '../../registry/load-stage.js';
import type { Registry } from '../../registry/registry.js';
import type { ResolvedSpec, ResolvedStage } from '../../wire/resolved-spec.js';
import type { NamedPath, StageFiles, WrittenPath } from '../../wire/stage-files.js';
import { type Path, placesOf, type StageTree } from '../../wire/stage-tree.js';
import { filesOf } from '../plan-stage.js';
import type { Stages } from '../plan-stages.js';
import type { StageOverrides } from '../stage-overrides.js';
import { FilesRead } from './files-read.js';
import { PathResolver, type ResolvedPath } from './path-resolver.js';

/** A path in a spec that is written to, and where it leads. */
export interface PathWritten extends WrittenPath {
  readonly resolved: ResolvedPath;
  readonly isDeadLetters: boolean;
}

/** The files that a job reads and writes, as they were when the spec was checked. */
export interface JobFiles {
  readonly job: string;
  readonly reads: FilesRead;
  readonly writes: readonly PathWritten[];
}

/** The parts of a spec that name files. Invalid stages are left out. */
export interface SpecParts extends Partial<Stages> {
  readonly name: string;
  readonly deadLetter?: ResolvedSpec['deadLetter'] | undefined;
}

/**
 * Finds the files of a spec: follows links and resolves globs.
 *
 * @returns `undefined` if there are none.
 */
export async function findJobFiles(
  { name, deadLetter, ...stages }: SpecParts,
  overrides: StageOverrides = {},
  registry = builtIn,
): Promise<JobFiles | undefined> {
  const found: ReturnType<typeof under>[] = [];
  for (const { kind, path, stage, isNested } of placesOf(withoutUnsound(stages))) {
    if (stage.calendars) found.push(under(path, { reads: stage.calendars }));
    if (kind !== 'source' && kind !== 'sink') continue;
    const override = isNested ? undefined : overrides[kind];
    if (stage === NONE && !override) continue;
    const factory = override ?? loadedStage(registry, kind, stage);
    const files = factory ? filesOf(factory, stage.options) : await filesOfStage(kind, stage, registry);
    if (files) found.push(under(path, files));
  }
  if (found.length === 0 && !deadLetter) return undefined;
  const reads = found.flatMap((files) => files.reads);
  const outputs = found.flatMap((files) => files.writes);
  if (reads.length + outputs.length === 0 && !deadLetter) return undefined;

  const resolver = new PathResolver();
  const written = (path: WrittenPath, isDeadLetters: boolean): Promise<PathWritten> =>
    resolver.resolve(path.path).then((resolved) => ({ ...path, resolved, isDeadLetters }));
  const writes = await Promise.all([
    ...outputs.map((path) => written(path, false)),
    ...(deadLetter ? [written({ path: deadLetter.path, at: ['deadLetter', 'path'] }, true)] : []),
  ]);
  return {
    job: name,
    reads: await FilesRead.find(reads, resolver),
    // A device stores nothing, so any number of jobs may write to it.
    writes: writes.filter(({ resolved }) => resolved.kind !== 'device'),
  };
}

/** Placeholder for an invalid stage. */
const NONE: ResolvedStage = { use: '', options: undefined };

function withoutUnsound({
  source,
  operators = [],
  batcher,
  sink,
}: Partial<Stages>): StageTree<ResolvedStage> {
  return {
    source: source ?? NONE,
    operators: operators.map((operator) => operator ?? NONE),
    batcher: batcher ?? NONE,
    sink: sink ?? NONE,
  };
}

/** A component from outside listed its files when it was planned: its code is not loaded here. */
async function filesOfStage<Kind extends 'source' | 'sink'>(
  kind: Kind,
  stage: ResolvedStage,
  registry: Registry,
): Promise<StageFiles | undefined> {
  if (stage.outside) return stage.outside.files;
  return filesOf(await loadStage(registry, kind, stage), stage.options);
}

function under(stage: Path, { reads = [], writes = [] }: StageFiles) {
  const here = <Named extends NamedPath>(path: Named): Named => ({ ...path, at: [...stage, ...path.at] });
  return { reads: reads.map(here), writes: writes.map(here) };
}
